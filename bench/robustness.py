"""How robust shuzi's models and the example network of PyTorch are: the table of docs/accuracy.md, on the very same corrupted images.

usage: robustness.py MNIST_FOLDER [--epochs N] MODEL …       (after cargo build --release --bins --examples)

The example network is trained here for N epochs, 14 as in the example, on one thread, and kept in target/bench. Its images come
from crates/shuzi-engine/examples/corrupted.rs, which corrupts them as `shuzi evaluate --robustness` does.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy
import torch
from pictures import mnist

sys.path.append(str(pathlib.Path(__file__).parent / "peers"))
import example_network  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("mnist")
parser.add_argument("--epochs", type=int, default=14)
parser.add_argument("models", nargs="+", metavar="MODEL")
arguments = parser.parse_args()
torch.set_num_threads(1)
programs = pathlib.Path(os.environ.get("SHUZI", "target/release/shuzi")).parent
images, labels = mnist(arguments.mnist, "t10k")


def of_model(model):
    """Accuracy of one of shuzi's models under each condition: none, (corruption,), (sweep, amount)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [programs / "shuzi", "evaluate", model, "--robustness", "--data", arguments.mnist, "--out", folder]
        output = subprocess.run([*command, "--json", "--quiet"], check=True, capture_output=True, text=True).stdout
    output = json.loads(output)["robustness"]
    found = {(): output["clean_accuracy"]}
    found |= {(name,): accuracy for name, accuracy in output["corruptions"].items()}
    for sweep, points in output["sweeps"].items():
        found |= {(sweep, amount): accuracy for amount, accuracy in points}
    return found


def corrupted(condition):
    """The test images under a condition."""
    if not condition:
        return images
    header = b"".join(number.to_bytes(4, "big") for number in (0x803, *images.shape))
    command = [programs / "examples" / "corrupted", *map(str, condition)]
    out = subprocess.run(command, input=header + images.tobytes(), check=True, capture_output=True).stdout
    return numpy.frombuffer(out, numpy.uint8, offset=16).reshape(images.shape)


def of_example(network, condition):
    network.eval()
    parts = torch.from_numpy(corrupted(condition).copy()).split(1000)
    with torch.inference_mode():
        digits = [digit for part in parts for digit in example_network.digits(network, part)]
    return float((numpy.array(digits) == labels).mean())


def row(name, accuracies):
    print(f"| {name} | {' | '.join(f'{100 * accuracy:.2f}' for accuracy in accuracies)} |", flush=True)


readers = [of_model(model) for model in arguments.models]
kept = pathlib.Path(f"target/bench/example-network-{arguments.epochs}.pt")
kept.parent.mkdir(parents=True, exist_ok=True)
network, _ = example_network.trained(arguments.mnist, kept, arguments.epochs)
readers.append({condition: of_example(network, condition) for condition in readers[0]})

names = [f"`{model}`" for model in arguments.models]
names.append(f"the example network of {example_network.version()}, {arguments.epochs} epochs")
print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
for condition in readers[0]:
    row(" ".join(map(str, condition)) or "as they are", [found[condition] for found in readers])
corruptions = [condition for condition in readers[0] if len(condition) == 1]
means = [statistics.mean(found[condition] for condition in corruptions) for found in readers]
row("mean of the corruptions", means)
row("lost by them on the mean", [found[()] - mean for found, mean in zip(readers, means)])
for sweep in dict.fromkeys(condition[0] for condition in readers[0] if len(condition) == 2):
    lost = [statistics.mean(found[()] - found[condition] for condition in found if condition[0:1] == (sweep,)) for found in readers]
    row(f"lost along the sweep of {sweep} on the mean", lost)
