"""Runs shuzi and its peers on the same jobs, alternating, and writes tables and pictures.

usage: run.py WORK_FOLDER MNIST_FOLDER classic|conv|all ROUNDS          (run.sh prepares what it needs)
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

work, mnist = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
part, rounds = sys.argv[3], int(sys.argv[4])
bench = pathlib.Path(__file__).parent
shuzi, recognition = "target/release/shuzi", "target/release/examples/recognition"
raw, few = work / "mnist", work / "mnist-few"
test_images = str(raw / "t10k-images-idx3-ubyte")
THREADS = (1, 2)


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


def take(count):
    """The same files in another folder, with the first `count` of the training examples."""
    few.mkdir(exist_ok=True)
    for kind, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        with open(raw / f"train-{kind}-ubyte", "rb") as source:
            head, data = source.read(header), source.read(count * size)
        (few / f"train-{kind}-ubyte").write_bytes(head[:4] + count.to_bytes(4) + head[8:] + data)
        shutil.copyfile(raw / f"t10k-{kind}-ubyte", few / f"t10k-{kind}-ubyte")


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


def train(*options, data=raw):
    run_folder = str(work / "run")
    return [
        shuzi, "train", "--data", str(data), "--json", "--quiet", "--seed", "{seed}",
        "--threads", "{threads}", "--out", run_folder, *options,
    ]  # fmt: skip


def pytorch(recipe, form, data=raw):
    """PyTorch by one of shuzi's recipes."""
    return ["env", f"MNIST_RAW={data}", *python("conv_pytorch", recipe, *form.split(", "))]


def variant(name, precision, epochs=1):
    """The recipe of that name in this folder, changed."""
    path = work / f"{name}-{precision}-{epochs}.toml"
    training = f'[training]\nprecision = "{precision}"'
    text = (bench / f"{name}.toml").read_text()
    path.write_text(text.replace("[training]", training).replace("epochs = 1", f"epochs = {epochs}"))
    return str(path)


def prepare(folder, *options):
    """The model that shuzi trains by these options."""
    shutil.rmtree(work / folder, ignore_errors=True)
    command = [shuzi, "train", "--quiet", "--out", work / folder, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(work / folder / "model.safetensors")


candle = str(work / "candle/release/candle-peer")
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
FEW = 12_800  # a fifth of the training examples, where an epoch takes minutes
CONV = [
    ("conv-99.0", "The network for 99.0 %, 1 epoch", raw),
    ("conv-99.5", "The network for 99.5 %, 1 epoch", raw),
    ("example", f"PyTorch's example network, 1 epoch of {FEW:,} images", few),
]
AIMS = [("99.0", "quick", "conv-99.0", 1), ("99.5", "good", "conv-99.5", 3)]
FORMS = [f"{by}{layout}" for by in ("eager", "compiled") for layout in ("", ", channels-last")]


def measure(jobs, rounds):
    """All jobs with 1 and 2 threads, one after the other, `rounds` times: lists of results."""
    results = {(name, threads): [] for name in jobs for threads in THREADS}
    for seed in range(rounds):
        for name, threads in results:
            result = run(jobs[name], threads, seed)
            if result:
                results[name, threads].append(result)
        print(f"round {seed + 1} of {rounds}", file=sys.stderr)
    return {key: runs for key, runs in results.items() if runs}


def fastest(jobs):
    """The name of the job that takes the shortest time, tried once."""
    tried = {name: run(job, THREADS[-1], 0) for name, job in jobs.items()}
    return min((name for name in tried if tried[name]), key=lambda name: tried[name]["seconds"])


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


def is_ours(name):
    return name.startswith("shuzi")


def version(runs):
    return runs[0].get("version", "")


def table(title, results, what):
    rows = best(results)
    seconds_of = {name: seconds for name, seconds, _, _ in rows}
    own = [seconds_of[name] for name, threads in results if threads == THREADS[0] and is_ours(name)]
    lines = [f"### {title}", "", *what]
    for name, seconds, threads, runs in rows:
        each = [results.get((name, count)) for count in THREADS]
        shown = " / ".join(f"{median(runs, 'seconds'):.4g}" if runs else "–" for runs in each)
        ratios = " / ".join(f"{seconds / ours:.1f}" for ours in own)
        cells = [f"{name} {version(runs).split(' ')[-1]}".strip(), shown, ratios]
        accuracies = [run["accuracy"] * 100 for both in each if both for run in both]
        accuracy = f"{statistics.mean(accuracies):.2f}"
        if "single_seconds" in runs[0]:
            single = min(median(r, "single_seconds") for r in each if r)
            cells += [f"{10_000 / seconds:,.0f}", f"{single * 1e6:.2f}", accuracy]
        else:
            cells += [accuracy, f"{median(runs, 'wall'):.2f}", f"{median(runs, 'memory'):.0f}"]
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
    colours = ["#c8442b" if is_ours(name) else "#8a94a6" for name, *_ in rows]
    bars = axes.barh([name for name, *_ in rows], [seconds for _, seconds, _, _ in rows], color=colours)
    axes.bar_label(bars, [f"{seconds:.3g} s" for _, seconds, _, _ in rows], padding=4)
    axes.set(title=title, xlabel="seconds, median")
    axes.margins(x=0.16)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=160)


def heads(ratio):
    """Of tables about training, and about reading."""
    training = (
        f"| system | training, s: 1 / 2 threads | {ratio} | accuracy, mean % | whole process, s | peak memory, MB |"
    )
    reading = f"| system | 10,000 images, s: 1 / 2 threads | {ratio} | images/s | one image, µs | accuracy, % |"
    return (training, "|---" * 6 + "|"), (reading, "|---" * 6 + "|")


def classic():
    """Fully connected networks: for each table its name, title, results and head."""
    training, reading = heads("ratio")
    model, weights = prepare("classic", "--data", raw), str(work / "classic.npz")
    subprocess.run([shuzi, "export", model, "--to", "npz", "--out", weights, "--quiet"], check=True)
    readers = {
        "shuzi": [recognition, model, test_images],
        "onnxruntime": python("onnxruntime_reading", weights),
        "candle": [candle, "read"],
    }
    yield "classic", "The classic network, 3 epochs", measure(CLASSIC, rounds), training
    yield "large", "784-512-512-10, Adam, batches of 128, 1 epoch", measure(LARGE, rounds), training
    # It takes milliseconds, and so does noise.
    yield "reading", "Recognition with the classic network", measure(readers, 3 * rounds), reading


def conv():
    """The same of convolutional networks."""
    take(FEW)
    training, reading = heads("ratio to shuzi in f32 / bf16")
    for name, title, data in CONV:
        jobs = {}
        for precision in ("f32", "bf16"):
            recipe = variant(name, precision)
            jobs[f"shuzi, {precision}"] = train("--recipe", recipe, data=data)
            form = fastest({form: pytorch(recipe, form, few) for form in FORMS})
            jobs[f"PyTorch, {precision}, {form}"] = pytorch(recipe, form, data)
        yield name, title, measure(jobs, rounds), training

    training, _ = heads("ratio")
    for aim, own, name, epochs in AIMS:
        recipe = pathlib.Path(f"crates/shuzi-engine/recipes/{own}.toml")
        if not recipe.exists():
            print(f"{recipe} is missing, so nothing is compared on the way to {aim} %", file=sys.stderr)
            continue
        jobs = {f"shuzi, {own}": train("--recipe", str(recipe))}
        for by in ("eager", "compiled"):
            jobs[f"PyTorch, {by}"] = pytorch(variant(name, "bf16", epochs), f"{by}, channels-last")
        yield f"to-{aim}", f"{aim} % as fast as possible", measure(jobs, rounds), training

    model = prepare("example", "--recipe", bench / "example.toml", "--data", few)
    readers = {
        "shuzi, f32": [recognition, model, test_images],
        "shuzi, bf16": ["env", "PRECISION=bf16", recognition, model, test_images],
        "onnxruntime": python("conv_reading", "onnxruntime", model),
        "PyTorch, eager": python("conv_reading", "pytorch", model),
    }
    yield "example-reading", "Recognition with PyTorch's example network", measure(readers, rounds), reading


def processor():
    facts = pathlib.Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


unpack()
for name, tables in {"classic": classic, "conv": conv}.items():
    if part not in (name, "all"):
        continue
    text = [
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"medians of {rounds} runs{f' (recognition {3 * rounds})' if name == 'classic' else ''}, alternating.\n"
    ]
    everything = []
    for table_name, title, results, head in tables():
        text.append(table(title, results, head))
        everything += [[table_name, *key, runs] for key, runs in results.items()]
        picture(results, title, work / f"bench-{table_name}.png")
        (work / f"table-{name}.md").write_text("\n".join(text))
        (work / f"results-{name}.json").write_text(json.dumps(everything))
    print("\n".join(text))
