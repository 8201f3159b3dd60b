"""PyTorch: `eager` and `compiled` train the classic network, `large-eager` and `large-compiled` one
epoch of 784-512-512-10 with Adam and batches of 128. Compiling is not counted."""

import sys
import time

import numpy as np
import torch
from common import BATCH, EPOCHS, RATE, SEED, SIZES, THREADS, mnist, report
from torch import nn
from torch.nn import functional

mode = sys.argv[1]
large, compiled = mode.startswith("large"), mode.endswith("compiled")
torch.set_num_threads(THREADS)
torch.manual_seed(SEED)
images, labels, test_images, test_labels = map(torch.from_numpy, mnist(np.float32))
if large:
    images, test_images = images / 255, test_images / 255
sizes, batch, epochs = ([784, 512, 512, 10], 128, 1) if large else (SIZES, BATCH, EPOCHS)
layers = []
for inputs, outputs in zip(sizes, sizes[1:]):
    layers += [nn.Linear(inputs, outputs), nn.ReLU()]
model = nn.Sequential(*layers[:-1])
linear = [layer for layer in model if isinstance(layer, nn.Linear)]
for layer in linear:
    (nn.init.kaiming_normal_ if large else lambda weight: nn.init.normal_(weight, 0, 0.01))(layer.weight)
    nn.init.zeros_(layer.bias)


def training_step():
    """A function that takes one step with a batch."""
    if compiled and not large:  # what is fastest for small networks: plain functions, compiled whole
        weights = [layer.weight.detach().t().contiguous() for layer in linear]
        biases = [layer.bias.detach() for layer in linear]

        @torch.compile
        def plain(x, y, w1, w2, w3, b1, b2, b3):
            h1 = torch.relu(torch.addmm(b1, x, w1))
            h2 = torch.relu(torch.addmm(b2, h1, w2))
            logits = torch.addmm(b3, h2, w3)
            d3 = (torch.softmax(logits, 1) - functional.one_hot(y, 10)) * (RATE / BATCH)
            d2 = (d3 @ w3.t()) * (h2 > 0)
            d1 = (d2 @ w2.t()) * (h1 > 0)
            for weight, bias, below, delta in ((w3, b3, h2, d3), (w2, b2, h1, d2), (w1, b1, x, d1)):
                weight.sub_(below.t() @ delta)
                bias.sub_(delta.sum(0))

        def step(x, y):
            with torch.no_grad():
                plain(x, y, *weights, *biases)

        def finish():
            with torch.no_grad():
                for layer, weight in zip(linear, weights):
                    layer.weight.copy_(weight.t())

        return step, finish, [*weights, *biases]
    optimizer = (
        torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        if large
        else torch.optim.SGD(model.parameters(), lr=RATE)
    )
    network = torch.compile(model) if compiled else model

    def step(x, y):
        optimizer.zero_grad()
        functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step, lambda: None, list(model.parameters())


step, finish, parameters = training_step()
if compiled:
    before = [parameter.detach().clone() for parameter in parameters]
    for _ in range(3):
        step(images[:batch].clone(), labels[:batch].clone())
    with torch.no_grad():
        for parameter, value in zip(parameters, before):
            parameter.copy_(value)

start = time.perf_counter()
for epoch in range(epochs):
    order = torch.randperm(len(images))
    shuffled, targets = images[order], labels[order]
    for first in range(0, len(images) // batch * batch, batch):
        step(shuffled[first : first + batch], targets[first : first + batch])
seconds = time.perf_counter() - start

finish()
with torch.no_grad():
    right = (model(test_images).argmax(1) == test_labels).float().mean()
report(version=f"torch {torch.__version__}", seconds=seconds, accuracy=float(right))
