"""PyTorch trains by a recipe of shuzi's that has a convolutional network. Warming up and compiling are
not counted.

usage: conv_pytorch.py RECIPE eager|compiled [channels-last]
"""

import pathlib
import sys
import time
import tomllib

import numpy as np
import torch
from common import SEED, THREADS, mnist, report
from conv_networks import accuracy, build
from torch.nn import functional

recipe, options = tomllib.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2:]
training = recipe["training"]
batch, epochs, peak = training["batch-size"], training["epochs"], training["learning-rate"]
warmup = training.get("schedule", {}).get("warmup")
shift = training.get("augmentation", {}).get("shift", 0)
layout = torch.channels_last if "channels-last" in options else torch.contiguous_format
torch.set_num_threads(THREADS)
torch.set_flush_denormal(True)
torch.manual_seed(SEED)
images, labels, test_images, test_labels = map(torch.from_numpy, mnist(np.float32))
images, test_images = (part.div_(255).view(-1, 1, 28, 28) for part in (images, test_images))
steps = len(images) // batch * epochs

network = build(recipe).to(memory_format=layout)
match training["optimizer"]:
    case {"kind": "adamw", "beta1": beta1, "beta2": beta2}:
        optimizer = torch.optim.AdamW(
            network.parameters(), peak, (beta1, beta2), weight_decay=0, fused=True
        )
    case {"kind": "sgd", "momentum": momentum}:
        optimizer = torch.optim.SGD(network.parameters(), peak, momentum, fused=True)


def loss(x, y):
    with torch.autocast("cpu", torch.bfloat16, enabled=training.get("precision") == "bf16"):
        logits = network(x)
    return functional.cross_entropy(logits.float(), y)


if "compiled" in options:
    loss = torch.compile(loss)
before = {name: value.clone() for name, value in network.state_dict().items()}
for _ in range(3):
    loss(images[:batch].contiguous(memory_format=layout), labels[:batch].clone()).backward()
network.load_state_dict(before)
optimizer.zero_grad()


def rate(step):
    """A straight line up, and one down."""
    progress = (step + 0.5) / steps
    return peak * min(progress / warmup, (1 - progress) / (1 - warmup)) if warmup else peak


def shuffle():
    """All images in random order, each moved by up to `shift` pixels, and their labels."""
    order = torch.randperm(len(images))
    if not shift:
        return images[order], labels[order]
    padded = functional.pad(images[:, 0], (shift,) * 4)
    windows = padded.unfold(1, 28, 1).unfold(2, 28, 1)
    down, right = torch.randint(2 * shift + 1, (2, len(images)))
    return windows[order, down, right].unsqueeze(1), labels[order]


step = 0
start = time.perf_counter()
for epoch in range(epochs):
    shuffled, targets = shuffle()
    for first in range(0, len(images) // batch * batch, batch):
        x = shuffled[first : first + batch].contiguous(memory_format=layout)
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.zero_grad()
        loss(x, targets[first : first + batch]).backward()
        optimizer.step()
        step += 1
seconds = time.perf_counter() - start

report(
    version=f"torch {torch.__version__}",
    seconds=seconds,
    accuracy=accuracy(network, test_images, test_labels),
)
