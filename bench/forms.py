"""How much shuzi loses when digits stand in the cells of a form.

usage: forms.py MNIST_FOLDER [FORMS]

Six training digits of MNIST are written on paper in uneven light, blank or printed in eight ways, 40 forms of each unless FORMS says
otherwise; the same digits in each way. Prints how many `shuzi recognize` reads right. The network has learned these digits: what
counts is the difference from blank paper. FOLDER=out in the environment keeps the pictures.
"""

import os
import pathlib
import sys
import tempfile

import numpy
from PIL import Image, ImageDraw, ImageFilter
from pictures import distance, mnist, texts

forms = int(sys.argv[2]) if len(sys.argv) > 2 else 40
images, labels = mnist(sys.argv[1], "train")
DIGITS = 6
MARGIN = 60
PAPER = 235


class Form:
    """Cells side by side, and how they are printed."""

    def __init__(self, kind, chance):
        self.kind = kind
        self.height = int(chance.integers(60, 140))
        self.width = int(self.height * chance.uniform(0.75, 1))
        self.columns, self.rows = (3, 2) if kind == "grid of cells" else (DIGITS, 1)
        self.line = int(chance.integers(2, 1 + max(3, self.height // 28)))
        self.right, self.bottom = MARGIN + self.columns * self.width, MARGIN + self.rows * self.height

    def printed(self):
        """0 to 1, how much is printed at each pixel."""
        sheet = Image.new("L", (self.right + MARGIN, self.bottom + MARGIN), 0)
        pen = ImageDraw.Draw(sheet)
        walls = [MARGIN + column * self.width for column in range(self.columns + 1)]
        floors = [MARGIN + row * self.height for row in range(self.rows + 1)]

        def lines(ends):
            for end in ends:
                pen.line(end, fill=255, width=self.line)

        if self.kind.startswith(("cells", "grid")):
            lines((wall, MARGIN, wall, self.bottom) for wall in walls)
            lines((MARGIN, floor, self.right, floor) for floor in floors)
        elif self.kind == "a box for each":
            for wall in walls[:-1]:
                box = (wall + 3, MARGIN, wall + self.width - 3, self.bottom)
                pen.rectangle(box, outline=255, width=self.line)
        elif self.kind == "comb":
            lines((wall, self.bottom - 0.3 * self.height, wall, self.bottom) for wall in walls)
            lines([(MARGIN, self.bottom, self.right, self.bottom)])
        elif self.kind == "one box around all":
            box = (MARGIN - 12, MARGIN - 12, self.right + 12, self.bottom + 12)
            pen.rectangle(box, outline=255, width=self.line)
        elif self.kind == "line through the feet":
            feet = MARGIN + 0.86 * self.height
            lines([(MARGIN, feet, self.right, feet)])
        return numpy.asarray(sheet, numpy.float32) / 255


def picture(kind, chosen, seed):
    chance = numpy.random.default_rng(seed)
    form = Form(kind, chance)
    fit = 1.15 if kind == "cells that are too small" else chance.uniform(0.7, 0.95)
    ink = numpy.zeros((form.bottom + MARGIN, form.right + MARGIN), numpy.float32)
    for place, index in enumerate(chosen):
        side = int(min(form.width * 28 / 16, form.height * 28 / 20) * fit)
        digit = numpy.asarray(Image.fromarray(images[index]).resize((side, side), Image.BICUBIC), numpy.float32)
        x = MARGIN + (place % form.columns + 0.5 + chance.normal(0, 0.04)) * form.width
        y = MARGIN + (place // form.columns + 0.5 + chance.normal(0, 0.03)) * form.height
        left, top = int(x - side / 2), int(y - side / 2)
        part = ink[max(top, 0) : top + side, max(left, 0) : left + side]
        digit = digit[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]]
        numpy.maximum(part, digit / 255, out=part)
    page = PAPER * (1 - 0.8 * ink) * (1 - chance.uniform(0.5, 0.85) * form.printed())
    sheet = Image.fromarray(page.astype(numpy.uint8))
    if kind == "cells, turned by up to 4 degrees":
        sheet = sheet.rotate(chance.uniform(-4, 4), resample=Image.BICUBIC, fillcolor=PAPER)
    page = numpy.asarray(sheet.filter(ImageFilter.GaussianBlur(0.8)), numpy.float32)
    light = 1 - 0.25 * numpy.linspace(0, 1, page.shape[1])
    return Image.fromarray((page * light + chance.normal(0, 3, page.shape)).clip(0, 255).astype(numpy.uint8))


draw = numpy.random.default_rng(5)
strings = [draw.integers(0, len(labels), DIGITS) for _ in range(forms)]
written = ["".join(str(labels[index]) for index in chosen) for chosen in strings]
print("| | whole string right | digits wrong or missing |\n|---|---|---|")
for kind in (
    "blank",
    "one box around all",
    "line through the feet",
    "comb",
    "a box for each",
    "cells",
    "grid of cells",
    "cells, turned by up to 4 degrees",
    "cells that are too small",
):
    with tempfile.TemporaryDirectory() as pictures:
        folder = pathlib.Path(os.environ["FOLDER"]) / kind.replace(" ", "-") if "FOLDER" in os.environ else pathlib.Path(pictures)
        folder.mkdir(parents=True, exist_ok=True)
        for number, chosen in enumerate(strings):
            picture(kind, chosen, number).save(folder / f"{number:04}.png", compress_level=1)
        read = texts(folder)
    assert len(read) == forms
    right = sum(a == b for a, b in zip(written, read))
    wrong = sum(map(distance, written, read)) / (DIGITS * forms)
    print(f"| {kind} | {right} of {forms} | {100 * wrong:.1f} % |", flush=True)
