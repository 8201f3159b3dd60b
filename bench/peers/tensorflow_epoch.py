"""TensorFlow at its best: one compiled function for each epoch. Tracing is not counted."""

import os
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from common import BATCH, EPOCHS, RATE, SEED, THREADS, accuracy, mnist, report, starting_weights

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
tf.random.set_seed(SEED)
images, labels, test_images, test_labels = mnist(np.float32)
weights, biases = starting_weights(np.float32, np.random.default_rng(SEED))
variables = [tf.Variable(value) for pair in zip(weights, biases) for value in pair]
x_all, y_all = tf.constant(images), tf.constant(labels.astype(np.int32))


@tf.function
def epoch(order):
    shuffled, targets = tf.gather(x_all, order), tf.gather(y_all, order)
    for i in tf.range(len(images) // BATCH):
        x = tf.ensure_shape(shuffled[i * BATCH : (i + 1) * BATCH], (BATCH, 784))
        y = tf.ensure_shape(targets[i * BATCH : (i + 1) * BATCH], (BATCH,))
        with tf.GradientTape() as tape:
            h1 = tf.nn.relu(x @ variables[0] + variables[1])
            h2 = tf.nn.relu(h1 @ variables[2] + variables[3])
            logits = h2 @ variables[4] + variables[5]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(RATE * gradient)


before = [variable.numpy() for variable in variables]
epoch(tf.random.shuffle(tf.range(len(images))))
for variable, value in zip(variables, before):
    variable.assign(value)
start = time.perf_counter()
for _ in range(EPOCHS):
    epoch(tf.random.shuffle(tf.range(len(images))))
values = [variable.numpy() for variable in variables]
seconds = time.perf_counter() - start
report(
    version=f"tensorflow {tf.__version__}",
    seconds=seconds,
    accuracy=accuracy(values[0::2], values[1::2], test_images, test_labels),
)
