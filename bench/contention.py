"""Times trainings that do not have the cores for themselves: beside other processes, and under a quota of processor time.

usage: contention.py MNIST_FOLDER [--recipe RECIPE] [--epochs N] [--rounds N] [--threads N ...] [--only WORDS] [--shuzi PATH ...]

Prints a table for docs/performance.md: for each situation and number of threads the median and the longest of the
training's seconds, and the median's ratio to that of one thread. Within a round all programs and numbers of threads
take turns, so that good and bad minutes of the machine hit all of them.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

THREADS = (1, 2, 3, 4, 8)
SITUATIONS = [("nothing else", 0, None), ("4 processes", 4, None), ("8 processes", 8, None)]
SITUATIONS += [(f"quota of {cores} cores", 0, cores) for cores in (0.5, 1.0, 1.5)]
PERIOD = 100_000  # of a quota, in microseconds, as container engines set it


@contextlib.contextmanager
def competitors(count):
    """So many processes that want a core all the time."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def control_group(cores):
    """A control group that may use so many cores on the mean, as a list of files to write a process's number to."""
    if cores is None:
        yield []
        return
    root, quota = pathlib.Path("/sys/fs/cgroup"), int(cores * PERIOD)
    first_version = (root / "cpu/cpu.cfs_quota_us").parent
    group = (first_version if first_version.is_dir() else root) / f"shuzi-bench-{os.getpid()}"
    group.mkdir()
    try:
        if first_version.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (root / "cgroup.subtree_control").write_text("+cpu")
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        yield [group / "cgroup.procs"]
    finally:
        group.rmdir()


def seconds(shuzi, options, threads, groups):
    """How long one training takes, as the program itself measures it: without loading and without the report."""

    def enter():
        for group in groups:
            group.write_text(str(os.getpid()))

    with tempfile.TemporaryDirectory() as out:
        command = [shuzi, "train", "--json", "--quiet", "--threads", str(threads), "--out", f"{out}/run", *options]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=enter).stdout
    return json.loads(output)["train_seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--recipe", default="classic")
    parser.add_argument("--epochs", help="instead of the recipe's")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--only", default="", help="situations with this in their names")
    parser.add_argument("--shuzi", nargs="+", default=["target/release/shuzi"], help="programs to compare")
    arguments = parser.parse_args()
    options = ["--data", arguments.data, "--recipe", arguments.recipe]
    options += ["--epochs", arguments.epochs] if arguments.epochs else []
    print("| beside | threads | " + " | ".join(f"{name}: median, longest, ratio" for name in arguments.shuzi) + " |")
    print("|---|---|" + "---|" * len(arguments.shuzi))
    for situation, processes, cores in SITUATIONS:
        if arguments.only not in situation:
            continue
        runs = {(shuzi, threads): [] for threads in arguments.threads for shuzi in arguments.shuzi}
        with competitors(processes), control_group(cores) as groups:
            for _ in range(arguments.rounds):
                for (shuzi, threads), times in runs.items():
                    times.append(seconds(shuzi, options, threads, groups))
        for threads in arguments.threads:
            cells = []
            for shuzi in arguments.shuzi:
                times = runs[shuzi, threads]
                median, alone = statistics.median(times), statistics.median(runs[shuzi, arguments.threads[0]])
                cells.append(f"{median:.3f} s, {max(times):.3f} s, {median / alone:.2f}")
            print(f"| {situation} | {threads} | " + " | ".join(cells) + " |", flush=True)


main()
