"""Reads the 10,000 test images with a convolutional network that shuzi trained, in batches of the size
that suits it, and images one by one.

usage: conv_reading.py onnxruntime|pytorch MODEL
"""

import io
import sys
import tomllib

import numpy as np
import onnxruntime
import torch
from common import THREADS, median_seconds, mnist, read_model, report, single_seconds
from conv_networks import build, load

system = sys.argv[1]
recipe, arrays = read_model(sys.argv[2])
network = build(tomllib.loads(recipe))
load(network, arrays)
network.eval()
_, _, images, labels = mnist(np.float32)
images = images.reshape(-1, 1, 28, 28) / 255

if system == "onnxruntime":
    file = io.BytesIO()
    any_number = {"x": {0: "images"}, "y": {0: "images"}}
    torch.onnx.export(
        network, (torch.zeros(1, 1, 28, 28),), file, input_names=["x"], output_names=["y"],
        dynamic_axes=any_number, dynamo=False,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(file.getvalue(), options, ["CPUExecutionProvider"])
    read = lambda images: session.run(None, {"x": images})[0]  # noqa: E731
    version = f"onnxruntime {onnxruntime.__version__}"
else:
    torch.set_num_threads(THREADS)
    images, labels, read = torch.from_numpy(images), torch.from_numpy(labels), network
    version = f"torch {torch.__version__}"


def read_all(batch):
    return sum(
        int((read(images[first : first + batch]).argmax(1) == labels[first : first + batch]).sum())
        for first in range(0, len(images), batch)
    )


with torch.inference_mode():
    right = read_all(100)
    batch = min((20, 100, 500), key=lambda batch: median_seconds(lambda: read_all(batch), 1))
    seconds = median_seconds(lambda: read_all(batch), 5)
    single = single_seconds(read, images[:2_000])
report(
    version=version,
    seconds=seconds,
    single_seconds=single,
    accuracy=right / len(images),
)
