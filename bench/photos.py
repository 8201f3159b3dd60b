"""Scores shuzi on a folder of photos and drawings that a labels.csv describes.

usage: photos.py PHOTOS_FOLDER [OPTIONS OF shuzi recognize]

labels.csv has the columns path, label, task (single, multi, nondigit), source, kind (photo, scan, canvas), ambiguous.
Prints the rows of docs/accuracy.md, and with MISTAKES=FILE writes what was read wrong.
"""

import collections
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

folder, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
shuzi = os.environ.get("SHUZI", "target/release/shuzi")
mistakes = []


def read(paths, *more):
    """For each picture what shuzi finds in it."""
    command = [shuzi, "recognize", "--json", "--quiet", *options, *more, *map(str, paths)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    return {entry["file"]: entry for entry in map(json.loads, output.splitlines())}


def distance(a, b):
    """Insertions, deletions and replacements from one string to the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        row, above = [i + 1], row
        for j, y in enumerate(b):
            row.append(min(above[j] + (x != y), above[j + 1] + 1, row[j] + 1))
    return row[-1]


def percent(right):
    return f"{100 * statistics.mean(right):.1f} %" if right else "–"


with open(folder / "labels.csv", newline="") as file:
    pictures = list(csv.DictReader(file))


def select(task, kinds=None):
    wanted = [p for p in pictures if p["task"] == task and p["ambiguous"] == "0"]
    return [p for p in wanted if kinds is None or p["kind"] in kinds]


def single(kinds, *more):
    """Mean over sources and over pictures of what is read right."""
    chosen = select("single", kinds)
    found = read([folder / p["path"] for p in chosen], *more)
    by_source, rejected = collections.defaultdict(list), []
    for picture in chosen:
        entry = found.get(str(folder / picture["path"]), {"text": "!", "digits": []})
        right = entry["text"] == picture["label"]
        by_source[picture["source"]].append(right)
        rejected.append(not entry["text"])
        if not right:
            mistakes.append((" ".join(more), picture["path"], picture["label"], entry["text"]))
    everything = [right for source in by_source.values() for right in source]
    means = [statistics.mean(source) for source in by_source.values()]
    return percent(means), percent(everything), percent(rejected), {s: percent(r) for s, r in by_source.items()}


print("| | mean over sources | over pictures | no digit found |\n|---|---|---|---|")
for name, kinds in (("photo", {"photo", "scan"}), ("drawn on screen", {"canvas"})):
    for more in ((), ("--single",)):
        means, pooled, rejected, sources = single(kinds, *more)
        print(f"| single, {name}{', --single' if more else ''} | {means} | {pooled} | {rejected} |")
        if os.environ.get("SOURCES"):
            print({s: r for s, r in sources.items() if r != "100.0 %"})

for name, kinds in (("photo", {"photo", "scan"}), ("drawn on screen", {"canvas"})):
    chosen = select("multi", kinds)
    found = read([folder / p["path"] for p in chosen])
    texts = [(p["label"], found[str(folder / p["path"])]["text"]) for p in chosen]
    for picture, (label, text) in zip(chosen, texts):
        if label != text:
            mistakes.append(("multi", picture["path"], label, text))
    wrong, length = sum(distance(a, b) for a, b in texts), sum(len(a) for a, _ in texts)
    print(f"| lines, {name}: whole string right | {percent([a == b for a, b in texts])} | wrong or missing {wrong} of {length} | |")

chosen = select("nondigit")
found = read([folder / p["path"] for p in chosen])
rejected = []
for picture in chosen:
    text = found.get(str(folder / picture["path"]), {"text": ""})["text"]
    rejected.append(not text)
    if text:
        mistakes.append(("nondigit", picture["path"], "", text))
print(f"| non-digits rejected | | {percent(rejected)} | |")

bulk = folder / "bulk"
if bulk.exists() and not os.environ.get("NO_BULK"):
    import numpy
    from PIL import Image

    for name in ("usps_test", "optdigits8_test", "nondigit_crohme_symbols45"):
        data = numpy.load(bulk / f"{name}.npz")
        with tempfile.TemporaryDirectory() as temporary:
            paths = []
            for index, image in enumerate(data["images"]):
                path = pathlib.Path(temporary) / f"{index:05}.png"
                Image.fromarray(image).save(path)
                paths.append(path)
            found = read([temporary], *([] if "nondigit" in name else ["--single"]))
        texts = [found.get(str(path), {"text": ""})["text"] for path in paths]
        if "nondigit" in name:
            print(f"| {name} rejected | | {percent([not text for text in texts])} | |")
        else:
            right = [text == str(label) for text, label in zip(texts, data["labels"])]
            print(f"| {name} | | {percent(right)} | {percent([not text for text in texts])} |")

if path := os.environ.get("MISTAKES"):
    pathlib.Path(path).write_text("".join("\t".join(mistake) + "\n" for mistake in mistakes))
