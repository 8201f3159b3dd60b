"""What the peers share: MNIST from the four raw files, and the one line that each prints."""

import json
import os
import pathlib
import time

import numpy as np

THREADS = int(os.environ.get("THREADS", "1"))
SEED = int(os.environ.get("SEED", "0"))
BATCH, EPOCHS, RATE = 90, 3, 0.01
SIZES = [784, 32, 16, 10]


def mnist(dtype):
    """Training images and labels, test images and labels; pixels 0 to 255 as `dtype`."""
    folder = pathlib.Path(os.environ["MNIST_RAW"])
    parts = []
    for part in ("train", "t10k"):
        images = np.fromfile(folder / f"{part}-images-idx3-ubyte", np.uint8)[16:]
        labels = np.fromfile(folder / f"{part}-labels-idx1-ubyte", np.uint8)[8:]
        parts += [images.reshape(-1, 784).astype(dtype), labels.astype(np.int64)]
    return parts


def starting_weights(dtype, rng):
    """Normal(0, 0.01) weights `[inputs, outputs]` and zero biases, layer by layer."""
    weights = [rng.normal(0, 0.01, shape).astype(dtype) for shape in zip(SIZES, SIZES[1:])]
    return weights, [np.zeros(size, dtype) for size in SIZES[1:]]


def accuracy(weights, biases, images, labels):
    """Fraction of `images` read right."""
    x = images
    for number, (weight, bias) in enumerate(zip(weights, biases)):
        x = x @ weight + bias
        if number + 1 < len(weights):
            x = np.maximum(x, 0)
    return float((x.argmax(1) == labels).mean())


def median_seconds(work, times):
    """Median duration of `work()`."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return sorted(durations)[times // 2]


def single_seconds(read, images):
    """Median duration of reading one image after the other."""
    durations = []
    for index in range(len(images)):
        start = time.perf_counter()
        read(images[index : index + 1])
        durations.append(time.perf_counter() - start)
    return sorted(durations)[len(durations) // 2]


def read_model(path):
    """The recipe, as TOML, and the arrays by name of a model file of shuzi's."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:start])
    recipe, arrays = tensors.pop("__metadata__")["recipe"], {}
    for name, tensor in tensors.items():
        first, end = (start + offset for offset in tensor["data_offsets"])
        arrays[name] = np.frombuffer(data[first:end], "<f4").reshape(tensor["shape"])
    return recipe, arrays


def report(**values):
    """The peer's result, as the last line on standard output."""
    print(json.dumps(values), flush=True)
