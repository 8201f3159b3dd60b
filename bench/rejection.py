"""How well a reader's confidence separates MNIST's test digits from non-digits: open-set rejection.

usage: rejection.py MNIST_FOLDER HANDWRITING_FOLDER PHOTOS_FOLDER [--digits N] [--accepted FILE] [OPTIONS]

HANDWRITING_FOLDER holds the pen strokes of docs/data-sets.md, and photos of textures in backgrounds/. PHOTOS_FOLDER is
that of photos.py. OPTIONS are those of `shuzi recognize`. Prints a table; FILE gets the non-digits that shuzi accepted.
README.md says what is measured, and what to install.
"""

import argparse
import collections
import datetime
import importlib.metadata
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
from PIL import Image, ImageDraw
from pictures import mnist

sys.path.append(str(pathlib.Path(__file__).parent / "peers"))

Picture = collections.namedtuple("Picture", "image what")  # grey, and what it shows
# The text of a rejected picture is empty; a reader that never rejects has no texts.
Answers = collections.namedtuple("Answers", "scores texts")
COUNT = 500  # of a kind, at most
SIDES = 28, 200  # of papers and textures, in pixels
PENS = 80, 130  # width, in thousandths of a drawing's longer side: about that of MNIST's strokes
OVERSAMPLING = 8
HELD_OUT = 10  # one in so many
LIKE_A_DIGIT = 224  # 255 times the cosine similarity to the most similar of 12,000 digits
CUT_PIECES = "val", "ibm"  # sites of UNIPEN where some letters are only a part of one
STAIRS = {"apa": 3, "app": 3, "tos": 2}  # sites whose lines are like stairs, and how often they are smoothed
LIKE_DIGITS = {
    *"OoDQIlZzSsBGgqybi",
    *"circle, line, squiggle, octagon, hexagon, square, moon, donut, cookie, wheel, bracelet, necklace".split(", "),
    *"baseball, clock, alarm clock, wristwatch, calendar, calculator, cell phone, telephone".split(", "),
    *"computer, keyboard".split(", "),
}

parser = argparse.ArgumentParser()
parser.add_argument("mnist", type=pathlib.Path)
parser.add_argument("handwriting", type=pathlib.Path)
parser.add_argument("photos", type=pathlib.Path)
parser.add_argument("--digits", type=int, default=1000)
parser.add_argument("--accepted", type=pathlib.Path)
arguments, options = parser.parse_known_args()


def evenly(items, count=COUNT):
    """At most `count` of the items, at equal distances."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def evenly_by_class(samples):
    """As many samples of each class."""
    classes = collections.defaultdict(list)
    for sample in samples:
        classes[sample.what].append(sample)
    return [sample for name in sorted(classes) for sample in evenly(classes[name], COUNT // len(classes))]


# Pen strokes


class Sample:
    """One sample of a file of pen strokes."""

    def __init__(self, data, number, first_stroke, first_point):
        self.number, self.writer, self.flag = number, int(data["writer"][number]), int(data["flag"][number])
        self.source = str(data["sources"][data["source"][number]])
        self.what = chr(data["label"][number]) if data["label"][number] else self.source
        self.likeness = int(data["digit_sim"][number]) if "digit_sim" in data else 0
        strokes = range(first_stroke[number], first_stroke[number + 1])
        self.strokes = [data["xy"][first_point[stroke] : first_point[stroke + 1]] for stroke in strokes]


def samples(name):
    """The samples of a file that the line network has not seen in training."""
    data = dict(np.load(arguments.handwriting / f"{name}.npz"))
    first_stroke, first_point = (np.cumsum([0, *data[part].tolist()]) for part in ("n_strokes", "stroke_len"))
    found = [Sample(data, number, first_stroke, first_point) for number in range(len(data["n_strokes"]))]
    return [sample for sample in found if is_held_out(name.split("/")[1].split("_")[0], sample)]


def no_digits(found):
    """Those that nobody would read as a digit."""
    return [s for s in found if s.likeness < LIKE_A_DIGIT and s.what not in LIKE_DIGITS and s.source not in CUT_PIECES]


def is_held_out(collection, sample):
    """As training decides (`Hands::split`, seed 0): by the writer, and by the number of a sample that has no label."""
    salt = 0
    for byte in collection.encode():
        salt = spread(salt ^ byte)
    number = sample.writer if collection == "unipen" else sample.number
    return spread((salt & 0xFFFF0000) ^ number) % HELD_OUT == 0


def spread(z):
    """As in crates/shuzi-engine/src/dataset/synthetic/mod.rs."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def drawn(sample, chance):
    """A sample in MNIST's form: light on dark, fitted into 20x20, the centre of mass in the middle of 28x28."""
    pen, strokes = chance.uniform(*PENS), [smooth(stroke, STAIRS.get(sample.source, 0)) for stroke in sample.strokes]
    points = np.concatenate(strokes)
    low, extent = points.min(0) - pen / 2, np.ptp(points, 0) + pen
    scale = 20 * OVERSAMPLING / extent.max()
    sheet = Image.new("L", tuple(np.ceil(extent * scale).astype(int).tolist()))
    draw, radius = ImageDraw.Draw(sheet), pen * scale / 2
    for stroke in strokes:
        path = [tuple(point) for point in ((stroke - low) * scale).tolist()]
        draw.line(path, fill=255, width=round(2 * radius))
        for x, y in path:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    ink, side = np.asarray(sheet, np.float32), 28 * OVERSAMPLING
    middles = (np.average(np.arange(length), weights=ink.sum(1 - axis)) for axis, length in enumerate(ink.shape))
    top, left = (int(np.clip(side / 2 - middle, 0, side - length)) for middle, length in zip(middles, ink.shape))
    frame = Image.new("L", (side, side))
    frame.paste(sheet, (left, top))
    return Picture(np.asarray(frame.reduce(OVERSAMPLING)), sample.what)


def smooth(stroke, passes):
    stroke = stroke.astype(np.float32)
    for _ in range(passes):
        stroke[1:-1] = (stroke[:-2] + 2 * stroke[1:-1] + stroke[2:]) / 4
    return stroke


# What there is to read


def digits():
    images, labels = mnist(arguments.mnist, "t10k")
    return [Picture(images[index], str(labels[index])) for index in evenly(range(len(labels)), arguments.digits)]


def drawn_digits(chance):
    sound = [s for s in samples("unipen/unipen_digits") if not s.flag & 2 and not (s.source == "ibm" and s.flag)]
    return [drawn(sample, chance) for sample in evenly_by_class(sound)]


def letters(chance):
    found = samples("unipen/unipen_upper") + samples("unipen/unipen_lower")
    return [drawn(sample, chance) for sample in evenly_by_class(no_digits(found))]


def characters(chance):
    return [drawn(sample, chance) for sample in evenly(no_digits(samples("omniglot/omniglot_strokes")))]


def drawings(chance):
    return [drawn(sample, chance) for sample in evenly(no_digits(samples("quickdraw/quickdraw_strokes")))]


def symbols(_chance):
    data = np.load(arguments.photos / "bulk" / "nondigit_crohme_symbols45.npz")
    return [Picture(image, str(data["names"][label])) for image, label in zip(data["images"], data["labels"])]


def papers(chance):
    """Blank, in uneven light: noise of a sensor, and every second with the grain of paper, too."""
    return [paper(("noise", "grain")[index % 2], chance) for index in range(COUNT)]


def paper(kind, chance):
    height, width = chance.integers(SIDES[0], SIDES[1] + 1, 2).tolist()
    (down, across), noise = chance.uniform(-0.15, 0.15, 2), chance.uniform(1, 15 if kind == "noise" else 4)
    light = 1 + np.add.outer(down * np.linspace(-1, 1, height), across * np.linspace(-1, 1, width))
    page = chance.uniform(60, 245) * light + chance.normal(0, noise, (height, width))
    for size in (2, 4, 8, 16) if kind == "grain" else ():
        coarse = chance.normal(0, chance.uniform(0, 5), (height // size + 2, width // size + 2))
        page += np.asarray(Image.fromarray(np.float32(coarse)).resize((width, height), Image.BICUBIC))
    return Picture(page.clip(0, 255).astype(np.uint8), kind)


def textures(chance):
    photos = sorted((arguments.handwriting / "backgrounds").glob("*.jpg"))
    images = [np.asarray(Image.open(photo).convert("L")) for photo in photos]
    return [crop(images[index % len(photos)], photos[index % len(photos)].stem, chance) for index in range(COUNT)]


def crop(image, name, chance):
    height, width = chance.integers(SIDES[0], SIDES[1] + 1, 2).tolist()
    top, left = (int(chance.integers(0, whole - part + 1)) for whole, part in zip(image.shape, (height, width)))
    return Picture(image[top : top + height, left : left + width], name)


# Who reads


def dark_on_light(image):
    """Inverted where the edge is dark: what the peers expect."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return image if np.median(edge) > 127 else 255 - image


class Shuzi:
    program = os.environ.get("SHUZI", "target/release/shuzi")

    def __init__(self):
        version = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        self.names = " ".join(version.split()[:2]) + ", confidence of the line", "the same, confidence of the digit"

    def read(self, images):
        with tempfile.TemporaryDirectory() as folder:
            for index, image in enumerate(images):
                Image.fromarray(image).save(f"{folder}/{index:05}.png", compress_level=1)
            command = [self.program, "recognize", "--json", "--quiet", *options, folder]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found = [json.loads(line) for line in output.splitlines()]
        assert len(found) == len(images)
        texts = [entry["text"] for entry in found]
        return [Answers([largest(entry) for entry in found], texts) for largest in (self.of_line, self.of_digit)]

    @staticmethod
    def of_line(entry):
        """The confidence of the best line that has a digit, rejected or not. A reading digit by digit has no lines."""
        lines = [line for line in entry.get("lines", entry["digits"]) if has_digit(line.get("text", "0"))]
        return max((line["confidence"] for line in lines), default=0)

    @staticmethod
    def of_digit(entry):
        return max((digit["confidence"] for digit in entry["digits"]), default=0)


class ExampleNetwork:
    """It always answers with one digit."""

    def __init__(self):
        import example_network
        import torch

        torch.set_num_threads(1)
        self.module, self.torch = example_network, torch
        kept = pathlib.Path("target/bench/example-network.pt")
        kept.parent.mkdir(parents=True, exist_ok=True)
        self.network, _ = example_network.trained(arguments.mnist, kept)
        name = f"the example network of {example_network.version()}"
        self.names = f"{name}, largest probability", "the same, energy"

    def read(self, images):
        pixels = np.stack([self.module.resized(dark_on_light(image)) for image in images])
        normal = (self.torch.from_numpy(pixels).unsqueeze(1) / 255 - self.module.MEAN) / self.module.DEVIATION
        self.network.eval()
        with self.torch.inference_mode():
            logits = self.torch.cat([self.network(part) for part in normal.split(1000)])
        scores = logits.softmax(1).amax(1), logits.logsumexp(1)  # energy: Liu et al. 2020, at a temperature of 1
        return [Answers(score.tolist(), None) for score in scores]


class Engine:
    """An OCR engine, which is given each picture as a line."""

    SMALLEST = 64  # smaller pictures are enlarged, as for Tesseract

    def read(self, images):
        found = map(self.read_one, map(self.prepared, images))
        texts, scores = zip(*((text, score) if has_digit(text) else ("", 0) for text, score in found))
        return [Answers(scores, texts)]

    def prepared(self, image):
        picture = Image.fromarray(dark_on_light(image))
        factor = max(1, -(-self.SMALLEST // min(picture.size)))
        return picture.resize((picture.width * factor, picture.height * factor), Image.BICUBIC)


class PaddleOcr(Engine):
    def __init__(self):
        import onnxruntime  # noqa: F401, rapidocr itself only imports it when it reads
        import rapidocr

        self.engine = rapidocr.RapidOCR(
            params={"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": 1}
        )
        self.names = (f"PP-OCRv6 (rapidocr {importlib.metadata.version('rapidocr')})",)

    def read_one(self, picture):
        read = self.engine(np.asarray(picture.convert("RGB")), use_det=False, use_cls=False, use_rec=True)
        return (read.txts[0], read.scores[0]) if read.txts else ("", 0)


class Ddddocr(Engine):
    def __init__(self):
        import ddddocr

        self.engine = ddddocr.DdddOcr(show_ad=False)
        self.names = (f"ddddocr {importlib.metadata.version('ddddocr')}",)

    def read_one(self, picture):
        encoded = io.BytesIO()
        picture.save(encoded, "PNG", compress_level=1)
        read = self.engine.classification(encoded.getvalue(), probability=True)
        return read["text"], read["confidence"]


def has_digit(text):
    return any(letter in "0123456789" for letter in text)


def installed():
    for reader, package in (ExampleNetwork, "torch"), (PaddleOcr, "rapidocr"), (Ddddocr, "ddddocr"):
        try:
            yield reader()
        except ImportError as missing:
            print(f"{package} is not installed ({missing}): its column is missing", file=sys.stderr)


# What is measured


def auroc(digits, others):
    """The probability that a digit's score is above a non-digit's; a tie counts half."""
    others = np.sort(others)
    below, not_above = (np.searchsorted(others, digits, side) for side in ("left", "right"))
    return float((below + not_above).mean() / 2 / len(others))


def fpr95(digits, others):
    """The share of non-digits that is accepted at the highest threshold at which 95 % of the digits are."""
    threshold = np.sort(digits)[len(digits) // 20]
    return float((np.asarray(others) >= threshold).mean())


def rejected(answers):
    return None if answers.texts is None else sum(not text for text in answers.texts) / len(answers.texts)


def read(pictures):
    """The answers of all readers, column by column."""
    images = [picture.image for picture in pictures]
    return [answers for reader in readers for answers in reader.read(images)]


def row(what, shares):
    cells = ("–" if share is None else f"{100 * share:.1f} %" for share in shares)
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


KINDS = {
    "letters (UNIPEN)": letters,
    "characters (Omniglot)": characters,
    "drawings (Quick, Draw!)": drawings,
    "symbols of formulas (CROHME)": symbols,
    "blank paper": papers,
    "textures": textures,
}
MEASURES = {
    "AUROC": lambda digits, others: auroc(digits.scores, others.scores),
    "FPR95": lambda digits, others: fpr95(digits.scores, others.scores),
    "rejected": lambda _, others: rejected(others),
}

readers, known = [Shuzi(), *installed()], digits()
names = [name for reader in readers for name in reader.names]
print(f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}\n")
print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
of_digits = read(known)
row(f"digits (MNIST), {len(known)}: rejected", map(rejected, of_digits))
control = drawn_digits(np.random.default_rng(0))
row(f"digits, drawn as the letters are (UNIPEN), {len(control)}: rejected", map(rejected, read(control)))
shares, accepted = {measure: [] for measure in MEASURES}, []
for seed, (kind, make) in enumerate(KINDS.items(), 1):
    pictures = make(np.random.default_rng(seed))
    answers = read(pictures)
    for name, measure in MEASURES.items():
        shares[name].append([measure(*columns) for columns in zip(of_digits, answers)])
        row(f"{kind}, {len(pictures)}: {name}", shares[name][-1])
    of_shuzi = zip(pictures, answers[0].texts, answers[0].scores)
    accepted += [f"{kind}\t{shown}\t{text!r}\t{score:.4f}\n" for (_, shown), text, score in of_shuzi if text]
for name, rows in shares.items():
    row(f"mean of the kinds: {name}", [None if None in column else statistics.mean(column) for column in zip(*rows)])
if arguments.accepted:
    arguments.accepted.write_text("".join(accepted))
