#!/usr/bin/env python3
"""Writes the seed corpus, `corpus/<target>/seed-*`. Needs numpy and pillow; see README.md."""

import gzip
import hashlib
import io
import json
import pickle
import struct
import zlib
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

HERE = Path(__file__).parent


def seed(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    assert len(data) < 4096, (target, name, len(data))
    (folder / f"seed-{name}").write_bytes(data)


def saved(array, pickle_allowed=False):
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=pickle_allowed)
    return file.getvalue()


def pickled(dictionary, protocol):
    """As numpy.save writes it, but with any protocol."""
    array = numpy.array(dictionary, dtype=object)
    whole = saved(array, pickle_allowed=True)
    header = whole[: 10 + struct.unpack("<H", whole[8:10])[0]]
    return header + pickle.dumps(array, protocol=protocol)


def zipped(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def safetensors(tensors, metadata, separators=None):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, array in tensors.items():
        kind = {"float32": "F32", "float64": "F64", "int8": "I8", "int16": "I16", "int64": "I64"}[array.dtype.name]
        end = len(data) + array.nbytes
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header, separators=separators).encode()
    return struct.pack("<Q", len(text)) + text + data


def checkpoint(recipe, lists, metadata):
    metadata = {"sha256": "0" * 64, "format": "shuzi checkpoint", "format_version": "1", "recipe": recipe,
                "trained_on": "synthetic:100", "examples": "80", "examples_sha256": "0" * 64, **metadata}
    tensors = {name: numpy.arange(count, dtype="<f4") for name, count in lists.items()}
    file = safetensors(tensors, metadata, (",", ":"))
    return file.replace(b"0" * 64, hashlib.sha256(file).hexdigest().encode(), 1)


numbers = numpy.arange(6, dtype="<f8").reshape(2, 3)
order = numpy.array([[2, 0, 1], [0, 1, 2]])
# The smallest network from 784 pixels to 10 digits: one neuron between, in bytes where that is allowed.
tiny = {
    "w1": numpy.arange(784).reshape(784, 1).astype("i1"),
    "b1": numpy.ones((1, 1), "<f4"),
    "w2": numpy.ones((1, 10), "<f4"),
    "b2": numpy.zeros((1, 10), "<f8"),
}
small = {"w1": numbers, "b1": numbers[:1], "w2": numpy.asfortranarray(numbers), "b2": numbers[:1].astype(">f4")}

labels = struct.pack(">II", 0x801, 3) + bytes([3, 1, 4])
image = struct.pack(">IIII", 0x803, 1, 28, 28) + bytes(784)
for name, data in [("labels", labels), ("image", image), ("cut", image[:500]), ("empty", b"")]:
    seed("idx", name, data)
    seed("idx_gzip", name, data)
seed("idx", "gzip", gzip.compress(labels, mtime=0))
seed("idx_gzip", "after-magic", gzip.compress(labels, mtime=0)[2:])

pixels = [str(value % 10) for value in range(784)]
digit = ",".join(["7", *pixels])
for name, text in [("line", digit), ("header", f"label{',p' * 784}\n{digit}\n"), ("last", f"{'p;' * 784}class\r\n"),
                   ("floats", digit.replace(",", ".0\t")), ("quotes", f'"{digit}"\n\n'.replace(",", '","')),
                   ("cut", digit[:500]), ("range", digit.replace(",9,", ",256,")), ("empty", "")]:
    seed("csv", name, text.encode())
seed("csv", "gzip", gzip.compress(digit.encode(), mtime=0))

for name, array in [("f8", numbers), ("f4", numbers.astype("<f4")), ("big-endian", numbers.astype(">f8")),
                    ("fortran", numpy.asfortranarray(numbers)), ("order", order), ("scalar", numpy.array(1.0)),
                    ("empty", numpy.zeros((0, 3)))]:
    seed("npy", name, saved(array))
for protocol in [2, 3, 4, 5]:
    seed("npy", f"dictionary-{protocol}", pickled(small, protocol))
seed("npy", "model-3", pickled(tiny, 3))
seed("npy", "model-5", pickled(tiny, 5))
seed("npy", "text", pickled({"w1": "no array"}, 3))

seed("npz", "stored", zipped(numpy.savez, w1=numbers, b1=numbers[:1]))
seed("npz", "deflated", zipped(numpy.savez_compressed, w1=numbers, b1=numbers[:1]))
seed("npz", "order", zipped(numpy.savez, order=order))
seed("npz", "model", zipped(numpy.savez_compressed, **tiny))
seed("npz", "initial", zipped(numpy.savez_compressed, init_w1=tiny["w1"], init_w2=tiny["w2"]))

layers = {
    "linear1.weight": tiny["w1"].astype("<f4"),
    "linear1.bias": tiny["b1"][0].astype("<f4"),
    "linear2.weight": tiny["w2"],
    "linear2.bias": tiny["b2"][0].astype("<f4"),
}
recipe = """\
name = "tiny"

[network]
pixels = "raw"
layers = [{ linear = 1 }, "relu", { linear = 10 }]
initial-weights = { normal = 0.01 }

[training]
epochs = 3
batch-size = 90
last-batch = "drop"
learning-rate = 0.01
validation = 0
seed = 0
schedule = { kind = "constant" }
optimizer = { kind = "sgd", momentum = 0.0, nesterov = false, weight-decay = 0.0 }
"""
seed("safetensors", "model", safetensors(layers, {"pixels": "raw", "format_version": "1"}))
metadata = {"format": "shuzi", "format_version": "1", "pixels": "raw", "recipe": recipe, "seed": "0"}
wide = safetensors({"linear1.bias": layers["linear1.bias"]}, metadata)
seed("safetensors", "recipe-only", wide)
seed("safetensors", "f8", safetensors({"linear1.weight": numbers}, {"test_count": "3", "test_correct": "2"}))
seed("safetensors", "integers", safetensors({"linear1.weight": order}, {}))

# A small int8 network: the pixels in the middle, a residual, and ten digits.
layers = '[{"crop":2},{"conv":{"channels":1,"kernel":2}},{"residual":[{"depthwise-conv":{"kernel":1}},"relu"]},{"linear":10}]'
whole = {"biases": numpy.arange(12, dtype="<i2"), "fraction_bits": numpy.array([3], "i1"),
         "shifts": numpy.arange(12).astype("i1"), "weights": numpy.arange(-7, 8).astype("i1")}
seed("safetensors", "whole", safetensors(whole, {"pixels": "raw", "format_version": "3", "layers": layers}))

# The smallest network of all: the pixel in the middle, and ten digits.
layers = '{ crop = 2 }, { conv = { channels = 1, kernel = 2 } }, "batch-norm", "flatten"'
pixel = recipe.replace('{ linear = 1 }, "relu"', layers).replace("batch-size = 90", "batch-size = 40")
sgd = {"parameters": 26, "statistics": 2, "last_good_parameters": 26, "last_good_statistics": 2}
place = {"steps": "3", "epoch": "1", "epoch_loss": "4.5", "epoch_batch_accuracy": "0.25"}
seed("checkpoint", "sgd", checkpoint(pixel, sgd, place))
kept = pixel.replace("validation = 0", "validation = 20").replace(
    'kind = "sgd", momentum = 0.0, nesterov = false', 'kind = "adam"'
) + 'averaging = { kind = "ema", decay = 0.5 }\nearly-stopping = { patience = 2 }\n'
every = {"parameters": 26, "statistics": 2, "first_moment": 26, "second_moment": 26, "average": 26,
         "last_good_parameters": 26, "last_good_statistics": 2, "best_parameters": 26, "best_statistics": 2}
place |= {"best_loss": "2.5", "best_epochs_since": "0"}
seed("checkpoint", "every-list", checkpoint(kept, every, place))
seed("checkpoint", "too-short", checkpoint(kept, sgd, place))
seed("checkpoint", "empty", b"")

seed("recipe", "tiny", recipe.encode())
for file in sorted((HERE / "../recipes").glob("*.toml")):
    seed("recipe", file.stem, file.read_bytes())

page = Image.new("L", (48, 32), 230)
pen = ImageDraw.Draw(page)
pen.line([(8, 6), (8, 26)], 20, 3)
pen.ellipse([20, 6, 34, 26], None, 20, 3)
for ending in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm"):
    file = io.BytesIO()
    page.save(file, ending)
    seed("picture", ending, file.getvalue())
file = io.BytesIO()
transparent = Image.merge("LA", (Image.new("L", page.size, 90), page.point(lambda light: 255 - light)))
transparent.save(file, "png")
seed("picture", "transparent", file.getvalue())
file = io.BytesIO()
page.convert("CMYK").save(file, "jpeg")
seed("picture", "cmyk", file.getvalue())

# What only some encoders write, of a page that differs down to its last row; `decode/tests.rs` cuts these, too.
page = Image.new("RGB", (61, 47), (230, 225, 210))
page.putdata([(20, 30, x * y % 90) if (x // 7 + y // 5) % 3 == 0 else (230, 220 + x % 9, 210) for y in range(47) for x in range(61)])
for name, kind, options in [
    ("jpeg-progressive", "jpeg", {"progressive": True, "subsampling": 0}),
    ("jpeg-subsampled", "jpeg", {"subsampling": 2}),
    ("gif-interlaced", "gif", {"interlace": 1}),
    ("webp-lossy", "webp", {"quality": 80}),
    ("tiff-lzw", "tiff", {"compression": "tiff_lzw"}),
]:
    file = io.BytesIO()
    page.save(file, kind, **options)
    seed("picture", name, file.getvalue())
# Of parts that differ, so that its lossless form has several groups of codes.
parts = Image.new("RGB", (96, 96), "white")
parts.putdata([((x * x * y) % 251, y, x) if x < 24 and y < 24 else (200, x // 8 * 9, 90) if y > 60 else (x, 250, y) for y in range(96) for x in range(96)])
file = io.BytesIO()
parts.save(file, "webp", lossless=True, quality=100, method=6)
seed("picture", "webp-lossless", file.getvalue())


def interlaced_png(page):
    """Adam7, which Pillow does not write: each pass a small picture, its rows unfiltered."""
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, page.height, dy):
            rows += b"\0" + b"".join(bytes(page.getpixel((x, y))) for x in range(x0, page.width, dx))
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", page.width, page.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


seed("picture", "png-interlaced", interlaced_png(page))
