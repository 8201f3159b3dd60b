"""Scores shuzi, and with --peers other readers, on a folder of photos and drawings that a labels.csv describes.

usage: photos.py FOLDER [--peers] [--no-bulk] [--mistakes FILE] [OPTIONS OF shuzi recognize]

labels.csv has the columns path, label, task (single, multi, nondigit), source, kind (photo, scan, canvas), ambiguous.
Prints the table of docs/accuracy.md; FILE gets what shuzi read wrong. `photos.sh` installs what the peers need.
"""

import argparse
import collections
import csv
import datetime
import io
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from pictures import distance

sys.path.append(str(pathlib.Path(__file__).parent / "peers"))
from readers import TASKS, median_seconds, peers  # noqa: E402

Picture = collections.namedtuple("Picture", "path label source")  # for no digit the label is empty
KINDS = ("photo", ("photo",)), ("scan", ("scan",)), ("drawn on screen", ("canvas",))
BULK = "usps_test", "optdigits8_test", "nondigit_crohme_symbols45"

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--peers", action="store_true")
parser.add_argument("--no-bulk", action="store_true")
parser.add_argument("--mistakes", type=pathlib.Path)
arguments, options = parser.parse_known_args()


def select(task, kinds=("photo", "scan", "canvas")):
    """The pictures of a task that are not ambiguous."""
    with open(arguments.folder / "labels.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == task and row["ambiguous"] == "0"]
    return [
        Picture(arguments.folder / row["path"], "" if task == "nondigit" else row["label"], row["source"])
        for row in rows
        if row["kind"] in kinds
    ]


def unpack(name, folder):
    """The pictures of one of the arrays in bulk/, written to `folder`."""
    data, pictures = np.load(arguments.folder / "bulk" / f"{name}.npz"), []
    for index, (image, label) in enumerate(zip(data["images"], data["labels"])):
        path = pathlib.Path(folder, f"{index:05}.png")
        Image.fromarray(image).save(path)
        pictures.append(Picture(path, "" if name.startswith("nondigit") else str(label), name))
    return pictures


class Shuzi:
    program, tasks = os.environ.get("SHUZI", "target/release/shuzi"), TASKS

    def __init__(self):
        output = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        self.name = " ".join(output.stdout.split()[:2])

    def read(self, pictures, _task, more=()):
        """What is read in each picture; None where it was refused."""
        output = self.run([picture.path for picture in pictures], more)
        # Lines of writing are separated in the text, and not in labels; a picture that cannot be read has none.
        found = {entry["file"]: entry.get("text", "").replace("\n", "") for entry in map(json.loads, output.splitlines())}
        return [found.get(str(picture.path)) for picture in pictures]

    def read_one(self, path, _task):
        return self.run([path])

    def read_blank(self):
        blank = io.BytesIO()
        Image.new("L", (64, 64), "white").save(blank, "PNG")
        return self.run(["-"], input=blank.getvalue())

    def run(self, paths, more=(), **settings):
        command = [self.program, "recognize", "--json", "--quiet", *options, *more, *map(str, paths)]
        return subprocess.run(command, stdout=subprocess.PIPE, **settings).stdout.decode()


def correct(pictures, texts):
    return [text == picture.label for picture, text in zip(pictures, texts)]


def percent(shares):
    return f"{100 * statistics.mean(shares):.1f} %" if shares else "–"


def by_source(pictures, right):
    sources = collections.defaultdict(list)
    for picture, one in zip(pictures, right):
        sources[picture.source].append(one)
    return [statistics.mean(source) for source in sources.values()]


def wrong_or_missing(pictures, texts):
    wrong = sum(distance(picture.label, text or "") for picture, text in zip(pictures, texts))
    length = sum(len(picture.label) for picture in pictures)
    return f"{100 * wrong / length:.1f} % ({wrong} of {length})"


def row(what, pictures, score, task="single", more=()):
    """A line of the table: the score of every reader."""
    if not pictures:
        return
    cells = []
    for reader in readers:
        texts = reader.read(pictures, task, more)
        cells.append(score(pictures, texts) if texts else "–")
        if reader is readers[0] and texts:
            mistakes.update((*p, text) for p, text in zip(pictures, texts) if text != p.label)
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


def seconds(reader, task):
    median = median_seconds(reader, select(task), task)
    return "–" if median is None else f"{median:.4f}"


def right(pictures, texts):
    return percent(correct(pictures, texts))


def right_by_source(pictures, texts):
    return percent(by_source(pictures, correct(pictures, texts)))


def nothing_read(pictures, texts):
    return percent([not text for text in texts])


readers, mistakes = [Shuzi()], set()
if arguments.peers:
    readers += peers(select("single"), select("multi"), os.environ.get("SHUZI_DATA", "mnist_data"))

print(f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}\n")
print(f"| | {' | '.join(reader.name for reader in readers)} |\n|---|{'---|' * len(readers)}")
for name, kinds in KINDS:
    chosen = select("single", kinds)
    row(f"single, {name} (mean over sources)", chosen, right_by_source)
    row(f"single, {name}, all pictures", chosen, right)
    row(f"single, {name}: nothing read", chosen, nothing_read)
for name, kinds in KINDS:
    row(f"lines, {name}: whole string right", select("multi", kinds), right, "multi")
row("lines, all: whole string right", select("multi"), right, "multi")
row("lines: digits wrong or missing", select("multi"), wrong_or_missing, "multi")
row("non-digits rejected", select("nondigit"), nothing_read, "nondigit")
if arguments.peers:
    cells = ["; ".join(seconds(reader, task) for task in ("single", "multi")) for reader in readers]
    print(f"| processor seconds, median: a single digit; a line | {' | '.join(cells)} |", flush=True)
for name in BULK:
    if (arguments.folder / "bulk").exists() and not arguments.no_bulk:
        with tempfile.TemporaryDirectory() as temporary:
            pictures = unpack(name, temporary)
            if name.startswith("nondigit"):
                row(f"{name}: rejected", pictures, nothing_read, "nondigit")
            else:
                row(name, pictures, right, more=["--single"])
if arguments.mistakes:
    lines = sorted(f"{path}\t{label}\t{text}" for path, label, _, text in mistakes)
    arguments.mistakes.write_text("".join(line + "\n" for line in lines))
