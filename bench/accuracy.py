"""Trains a recipe with several seeds and prints its row of docs/accuracy.md.

usage: accuracy.py MNIST_FOLDER RECIPE SEEDS [OPTION …]       (after cargo build --release; no other program running)

Each seed is one `shuzi train` on all 60,000 images with the recipe's fixed schedule; the test set is read once for each.
The interval is Student's 95 % for the mean over seeds, the time the median.
"""

import json
import math
import statistics
import subprocess
import sys
import tempfile

# Two-sided 95 % of Student's t, by degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045}

mnist, recipe, seeds, options = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
runs = []
for seed in range(seeds):
    with tempfile.TemporaryDirectory() as folder:
        command = ["target/release/shuzi", "train", "--recipe", recipe, "--seed", str(seed), "--data", mnist]
        command += ["--json", "--quiet", "--out", folder, *options]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"seed {seed}: {runs[-1]['test_accuracy'] * 100:.2f} %, {runs[-1]['train_seconds']:.3f} s", file=sys.stderr)

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
