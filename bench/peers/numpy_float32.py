"""NumPy float32 at its best: every result into memory that is there already, no gradient of the
pixels, images gathered once an epoch."""

import time

import numpy as np
from common import BATCH, EPOCHS, RATE, SEED, SIZES, accuracy, mnist, report, starting_weights

images, labels, test_images, test_labels = mnist(np.float32)
rng = np.random.default_rng(SEED)
weights, biases = starting_weights(np.float32, rng)
one_hot = np.eye(10, dtype=np.float32)[labels]
outputs = [np.empty((BATCH, size), np.float32) for size in SIZES[1:]]
deltas = [np.empty((BATCH, size), np.float32) for size in SIZES[1:-1]]
gradients = [np.empty_like(weight) for weight in weights]
scale = np.float32(RATE / BATCH)

start = time.perf_counter()
for epoch in range(EPOCHS):
    order = rng.permutation(len(images))
    shuffled, targets = images.take(order, axis=0), one_hot.take(order, axis=0)
    for first in range(0, len(images) // BATCH * BATCH, BATCH):
        x = shuffled[first : first + BATCH]
        inputs = [x, outputs[0], outputs[1]]
        for number, (weight, bias, out) in enumerate(zip(weights, biases, outputs)):
            np.dot(inputs[number], weight, out=out)
            out += bias
            if number < 2:
                np.maximum(out, 0, out=out)
        delta = outputs[2]
        delta -= delta.max(1, keepdims=True)
        np.exp(delta, out=delta)
        delta /= delta.sum(1, keepdims=True)
        delta -= targets[first : first + BATCH]
        delta *= scale
        for number in (2, 1, 0):
            np.dot(inputs[number].T, delta, out=gradients[number])
            before = delta
            if number > 0:
                delta = deltas[number - 1]
                np.dot(before, weights[number].T, out=delta)
                delta *= outputs[number - 1] > 0
            weights[number] -= gradients[number]
            biases[number] -= before.sum(0)
seconds = time.perf_counter() - start
report(
    version=f"numpy {np.__version__}",
    seconds=seconds,
    accuracy=accuracy(weights, biases, test_images, test_labels),
)
