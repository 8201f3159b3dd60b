"""Runs shuzi and its peers on the same jobs, alternating, and writes tables and pictures.

usage: run.py WORK_FOLDER MNIST_FOLDER ROUNDS          (run.sh prepares what it needs)
"""

import datetime
import gzip
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

work, mnist, rounds = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
bench = pathlib.Path(__file__).parent
shuzi = "target/release/shuzi"
raw = work / "mnist"


def unpack():
    """The four files as raw IDX, whatever form they come in."""
    raw.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            name = f"{part}-{kind}-ubyte"
            packed = mnist / f"{name}.gz"
            with gzip.open(packed) if packed.exists() else open(mnist / name, "rb") as source:
                with open(raw / name, "wb") as target:
                    shutil.copyfileobj(source, target)  # a peer's peak memory begins with ours: stay small


def run(command, threads, seed):
    """Runs one process: its JSON line, wall seconds, and peak memory in MB."""
    environment = {**os.environ, "THREADS": str(threads), "SEED": str(seed), "MNIST_RAW": str(raw)}
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        environment.pop(name, None)  # set for older OpenBLAS, they would slow NumPy's own down
    for name in ("OMP", "OPENBLAS", "MKL", "RAYON"):
        environment[f"{name}_NUM_THREADS"] = str(threads)
    command = [part.format(threads=threads, seed=seed) for part in command]
    output = work / "output.json"
    shutil.rmtree(work / "run", ignore_errors=True)
    with open(output, "wb") as out, open(work / "errors.txt", "ab") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    if status != 0:
        print(f"failed: {' '.join(command)}; see {work / 'errors.txt'}", file=sys.stderr)
        return None
    result = json.loads(output.read_text().strip().splitlines()[-1])
    result["seconds"] = result.get("seconds", result.get("train_seconds"))
    result["accuracy"] = result.get("accuracy", result.get("test_accuracy"))
    return {**result, "wall": wall, "memory": usage.ru_maxrss * 1024 / 1e6}


def python(peer, *arguments):
    return [sys.executable, str(bench / "peers" / f"{peer}.py"), *arguments]


def train(*options):
    run_folder = str(work / "run")
    return [
        shuzi, "train", "--data", str(raw), "--json", "--quiet", "--seed", "{seed}",
        "--threads", "{threads}", "--out", run_folder, *options,
    ]  # fmt: skip


candle = str(work / "candle/release/candle-peer")
weights = work / "classic.npz"
model = work / "classic/model.safetensors"
CLASSIC = {
    "shuzi": train(),
    "TensorFlow, a compiled function per epoch": python("tensorflow_epoch"),
    "NumPy float32 by hand": python("numpy_float32"),
    "JAX, a compiled epoch": python("jax_epoch"),
    "PyTorch, compiled": python("pytorch", "compiled"),
    "scikit-learn": python("scikit_learn"),
    "candle": [candle, "train"],
    "PyTorch, eager": python("pytorch", "eager"),
    "the tutorial (NumPy float64)": python("numpy_float64"),
}
LARGE = {
    "shuzi": train("--recipe", str(bench / "large.toml")),
    "PyTorch, compiled": python("pytorch", "large-compiled"),
    "PyTorch, eager": python("pytorch", "large-eager"),
}
READING = {
    "shuzi": ["target/release/examples/recognition", str(model), str(raw / "t10k-images-idx3-ubyte")],
    "onnxruntime": python("onnxruntime_reading", str(weights)),
    "candle": [candle, "read"],
}


def measure(jobs, rounds):
    """All jobs with 1 and 2 threads, one after the other, `rounds` times: lists of results."""
    results = {(name, threads): [] for name in jobs for threads in (1, 2)}
    for seed in range(rounds):
        for name, threads in results:
            result = run(jobs[name], threads, seed)
            if result:
                results[name, threads].append(result)
        print(f"round {seed + 1} of {rounds}", file=sys.stderr)
    return {key: runs for key, runs in results.items() if runs}


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def best(results):
    """For each system the number of threads that it is faster with, fastest system first."""
    names = dict.fromkeys(name for name, _ in results)
    chosen = []
    for name in names:
        options = [
            (median(runs, "seconds"), threads, runs)
            for (other, threads), runs in results.items()
            if other == name
        ]
        chosen.append((name, *min(options, key=lambda option: option[0])))
    return sorted(chosen, key=lambda row: row[1])


def version(runs):
    return runs[0].get("version", "")


def table(title, results, what):
    rows = best(results)
    own = next(seconds for name, seconds, _, _ in rows if name == "shuzi")
    lines = [f"### {title}", "", what[0], what[1]]
    for name, seconds, threads, runs in rows:
        each = [results.get((name, count)) for count in (1, 2)]
        shown = " / ".join(f"{median(runs, 'seconds'):.4g}" if runs else "–" for runs in each)
        cells = [f"{name} {version(runs).split(' ')[-1]}".strip(), shown, f"{seconds / own:.1f}"]
        if "single_seconds" in runs[0]:
            single = min(median(r, "single_seconds") for r in each if r)
            cells += [f"{10_000 / seconds / 1e6:.2f}", f"{single * 1e6:.2f}"]
        else:
            accuracies = [run["accuracy"] * 100 for both in each if both for run in both]
            cells += [f"{statistics.mean(accuracies):.2f}"]
            cells += [f"{median(runs, 'wall'):.2f}", f"{median(runs, 'memory'):.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def picture(results, title, path):
    """A bar for each system."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plot

    plot.rcParams["svg.hashsalt"] = "shuzi"
    rows = best(results)[::-1]
    figure, axes = plot.subplots(figsize=(8, 0.42 * len(rows) + 1.2), layout="constrained")
    colours = ["#c8442b" if name == "shuzi" else "#8a94a6" for name, *_ in rows]
    bars = axes.barh([name for name, *_ in rows], [seconds for _, seconds, _, _ in rows], color=colours)
    axes.bar_label(bars, [f"{seconds:.3g} s" for _, seconds, _, _ in rows], padding=4)
    axes.set(title=title, xlabel="seconds, median")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=160)


unpack()
prepared = work / "classic"
shutil.rmtree(prepared, ignore_errors=True)
train_once = [shuzi, "train", "--data", raw, "--quiet", "--out", prepared]
subprocess.run(train_once, check=True, stdout=subprocess.DEVNULL)
subprocess.run([shuzi, "export", model, "--to", "npz", "--out", weights, "--quiet"], check=True)

training_head = (
    "| system | training, s: 1 / 2 threads | ratio | accuracy, mean % | whole process, s | peak memory, MB |",
    "|---|---|---|---|---|---|",
)
reading_head = (
    "| system | 10,000 images, s: 1 / 2 threads | ratio | million images/s | one image, µs |",
    "|---|---|---|---|---|",
)
classic, large = measure(CLASSIC, rounds), measure(LARGE, rounds)
reading = measure(READING, 3 * rounds)  # it takes milliseconds, and so does noise
lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if pathlib.Path("/proc/cpuinfo").exists() else []
processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
text = "\n".join(
    [
        f"{datetime.date.today()}, {processor}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"medians of {rounds} runs (recognition {3 * rounds}), alternating.\n",
        table("The classic network, 3 epochs", classic, training_head),
        table("784-512-512-10, Adam, batches of 128, 1 epoch", large, training_head),
        table("Recognition with the classic network", reading, reading_head),
    ]
)
(work / "table.md").write_text(text)
everything = [[*key, runs] for group in (classic, large, reading) for key, runs in group.items()]
(work / "results.json").write_text(json.dumps(everything))
picture(classic, "The classic network, 3 epochs: training", work / "bench-classic.png")
picture(large, "784-512-512-10, Adam: one epoch", work / "bench-large.png")
print(text)
