"""What settings are compared by: mistakes on held-out images, and the loss there, which chance moves less.

usage: held_out_loss.py FOLDER RUN …       (FOLDER from held_out.py; after cargo build --release)

The loss is cross-entropy × 1000 at the temperature that makes it least, so that label smoothing, which makes a network timid, does not
count. Needs NumPy.
"""

import os
import subprocess
import sys
import tempfile

import numpy

shuzi = os.environ.get("SHUZI", "target/release/shuzi")
TEMPERATURES = numpy.geomspace(0.2, 2, 200)


def says(run, folder):
    """Labels, predictions and the logarithms of probabilities of all images."""
    with tempfile.TemporaryDirectory() as out:
        command = [shuzi, "evaluate", run, "--data", folder, "--predictions", "-", "--out", out, "--quiet"]
        table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table = numpy.array([line.split(",") for line in table.splitlines()[1:]], float)
    return table[:, 1].astype(int), table[:, 2].astype(int), numpy.log(table[:, 3:].clip(1e-30))


def loss(labels, logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    return float((numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(len(labels)), labels]).mean())


folder, *runs = sys.argv[1:]
print("| run | mistakes | loss × 1000 | at temperature |\n|---|---|---|---|")
for run in runs:
    labels, predictions, logits = says(run, folder)
    least, temperature = min((loss(labels, logits / temperature), temperature) for temperature in TEMPERATURES)
    print(f"| {run} | {(labels != predictions).sum()} | {least * 1000:.2f} | {temperature:.2f} |", flush=True)
