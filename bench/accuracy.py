"""Trains a recipe with several seeds and prints its row of docs/accuracy.md.

usage: accuracy.py MNIST_FOLDER RECIPE SEEDS [--kept FOLDER] [--at-once N] [OPTION …]
       (after cargo build --release; no other program running)

Each seed is one `shuzi train` on all 60,000 images with the recipe's fixed schedule; the test set is read once for each.
The interval is Student's 95 % for the mean over seeds, the time the median. Runs stay in FOLDER, and those that are there
already are not run again: so long trainings may be interrupted. N seeds train at once with one thread each: more in an hour, but
their times are not those of a training alone.
"""

import argparse
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Two-sided 95 % of Student's t, by degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045}

parser = argparse.ArgumentParser()
parser.add_argument("mnist")
parser.add_argument("recipe")
parser.add_argument("seeds", type=int)
parser.add_argument("--kept", type=pathlib.Path)
parser.add_argument("--at-once", type=int, default=1)
arguments, options = parser.parse_known_args()
recipe, seeds = arguments.recipe, arguments.seeds
if arguments.at_once > 1:
    options += ["--threads", "1"]


def trained(seed, folder):
    """What `shuzi train` reports of a run, which is put into `folder` unless it is there."""
    report = folder / f"seed-{seed}.json"
    if not report.exists():
        shutil.rmtree(folder / f"seed-{seed}", ignore_errors=True)  # what an interrupted run left
        command = ["target/release/shuzi", "train", "--recipe", recipe, "--seed", str(seed), "--data", arguments.mnist]
        command += ["--json", "--quiet", "--out", folder / f"seed-{seed}", *options]
        report.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    run = json.loads(report.read_text())
    print(f"seed {seed}: {run['test_accuracy'] * 100:.2f} %, {run['train_seconds']:.3f} s", file=sys.stderr, flush=True)
    return run


with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.at_once) as pool:
    folder = arguments.kept or pathlib.Path(temporary)
    folder.mkdir(parents=True, exist_ok=True)
    runs = list(pool.map(lambda seed: trained(seed, folder), range(seeds)))

accuracies = [run["test_accuracy"] * 100 for run in runs]
deviation = statistics.stdev(accuracies)
half_width = T[seeds - 1] * deviation / math.sqrt(seeds)
cells = [
    f"`{recipe}`",
    f"{runs[0]['parameters']:,}",
    f"{2 * runs[0]['multiplications'] / 1e6:.2f}",
    f"{runs[0]['model_bytes'] / 1000:.0f}",
    f"{statistics.mean(accuracies):.3f} ± {half_width:.3f}",
    f"{deviation:.3f}",
    f"{min(accuracies):.2f}",
    f"{max(accuracies):.2f}",
    str(seeds),
    f"{statistics.median(run['train_seconds'] for run in runs):.3g}",
]
print("| " + " | ".join(cells) + " |")
