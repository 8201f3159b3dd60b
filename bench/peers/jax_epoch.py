"""JAX: an epoch as one compiled scan. Compiling is not counted."""

import os
import time

from common import BATCH, EPOCHS, RATE, SEED, THREADS, accuracy, mnist, report, starting_weights

os.environ["JAX_PLATFORMS"] = "cpu"
if THREADS == 1:
    os.sched_setaffinity(0, {0})
import jax
import jax.numpy as jnp
import numpy as np

images, labels, test_images, test_labels = mnist(np.float32)
weights, biases = starting_weights(np.float32, np.random.default_rng(SEED))
parameters = [(jnp.asarray(weight), jnp.asarray(bias)) for weight, bias in zip(weights, biases)]
x_all, y_all = jnp.asarray(images), jnp.asarray(labels.astype(np.int32))
batches = len(images) // BATCH


def loss(parameters, x, y):
    for weight, bias in parameters[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    logits = x @ parameters[-1][0] + parameters[-1][1]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()


def step(parameters, batch):
    gradients = jax.grad(loss)(parameters, *batch)
    return jax.tree.map(lambda value, gradient: value - RATE * gradient, parameters, gradients), None


def epoch(parameters, key, x_all, y_all):
    order = jax.random.permutation(key, len(x_all))[: batches * BATCH]
    batched = (x_all[order].reshape(batches, BATCH, 784), y_all[order].reshape(batches, BATCH))
    return jax.lax.scan(step, parameters, batched)[0]


key = jax.random.key(SEED)
compiled = jax.jit(epoch).lower(parameters, key, x_all, y_all).compile()
start = time.perf_counter()
for number in range(EPOCHS):
    parameters = compiled(parameters, jax.random.fold_in(key, number), x_all, y_all)
jax.block_until_ready(parameters)
seconds = time.perf_counter() - start
weights, biases = zip(*[(np.asarray(weight), np.asarray(bias)) for weight, bias in parameters])
report(
    version=f"jax {jax.__version__}",
    seconds=seconds,
    accuracy=accuracy(weights, biases, test_images, test_labels),
)
