"""The tutorial's algorithm in NumPy, float64: classes with forward and backward, nothing tuned."""

import time

import numpy as np
from common import BATCH, EPOCHS, RATE, SEED, mnist, report, starting_weights


class Linear:
    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def forward(self, x):
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, dy):
        self.dweight, self.dbias = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.weight.T

    def step(self):
        self.weight -= RATE * self.dweight
        self.bias -= RATE * self.dbias


class Relu:
    def forward(self, x):
        self.mask = x >= 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask

    def step(self):
        pass


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


images, labels, test_images, test_labels = mnist(np.float64)
rng = np.random.default_rng(SEED)
linear = [Linear(*pair) for pair in zip(*starting_weights(np.float64, rng))]
layers = [linear[0], Relu(), linear[1], Relu(), linear[2]]
one_hot = np.eye(10)[labels]

start = time.perf_counter()
for epoch in range(EPOCHS):
    order = rng.permutation(len(images))
    images, one_hot, labels = images[order], one_hot[order], labels[order]
    for first in range(0, len(images) // BATCH * BATCH, BATCH):
        x, y = images[first : first + BATCH], one_hot[first : first + BATCH]
        for layer in layers:
            x = layer.forward(x)
        probabilities = softmax(x)
        loss = -np.log(probabilities[np.arange(BATCH), labels[first : first + BATCH]]).mean()
        gradient = (probabilities - y) / BATCH
        for layer in reversed(layers):
            gradient = layer.backward(gradient)
        for layer in layers:
            layer.step()
seconds = time.perf_counter() - start

x = test_images
for layer in layers:
    x = layer.forward(x)
report(version=f"numpy {np.__version__}", seconds=seconds, accuracy=float((x.argmax(1) == test_labels).mean()))
