#!/usr/bin/env python3
"""shuzi and NumPy read each other's files. Usage: check_numpy.py SHUZI_PROGRAM

What `shuzi export` writes is loaded as the tutorial does; what NumPy writes, in every dress that
it or Python's pickle gives a dictionary of arrays, is read by `shuzi evaluate`.
"""

import io
import json
import pickle
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy

warnings.simplefilter("error")
PROGRAM = str(Path(sys.argv[1]).resolve())
KEYS = ["w1", "b1", "w2", "b2", "w3", "b3"]
SHAPES = [(784, 32), (1, 32), (32, 16), (1, 16), (16, 10), (1, 10)]


def run(*arguments):
    done = subprocess.run([PROGRAM, "--lang", "en", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"shuzi {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def weights_sha256(model, folder):
    report = run("evaluate", model, "--data", "synthetic:100", "--json", "--quiet", "--out", folder)
    return json.loads(report)["weights_sha256"]


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    arrays = {}
    for name, tensor in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            assert tensor["dtype"] == "F32", name
            arrays[name] = numpy.frombuffer(data[begin:end], "<f4").reshape(tensor["shape"])
    return arrays


def check_exports(folder):
    """Returns the tutorial's dictionary."""
    for kind in ["npy", "npz", "safetensors"]:
        run("export", "classic", "--to", kind, "--out", folder / f"model.{kind}", "--quiet")
    parameters = numpy.load(folder / "model.npy", allow_pickle=True).item()  # the tutorial's own line
    assert list(parameters) == KEYS, list(parameters)
    archive = numpy.load(folder / "model.npz")  # without pickle
    tensors = read_safetensors(folder / "model.safetensors")
    assert sorted(archive.files) == sorted(KEYS) and len(tensors) == len(KEYS)
    for key, shape in zip(KEYS, SHAPES):
        array = parameters[key]
        assert isinstance(array, numpy.ndarray) and array.dtype == numpy.float64, key
        assert array.shape == shape and array.flags.writeable and array.flags.c_contiguous, key
        assert archive[key].dtype == numpy.float64 and numpy.array_equal(archive[key], array), key
        native = tensors[f"linear{key[1:]}.{'weight' if key[0] == 'w' else 'bias'}"]
        assert native.shape == (shape if key[0] == "w" else shape[1:]), key
        assert numpy.array_equal(native.reshape(shape).astype(numpy.float64), array), key
    pixels = numpy.ones((2, 784))
    assert (pixels @ parameters["w1"] + parameters["b1"]).shape == (2, 32)
    return parameters


def with_protocol(dictionary, protocol):
    """As numpy.save writes it, but with any protocol."""
    array = numpy.array(dictionary, dtype=object)
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=True)
    whole = file.getvalue()
    header = whole[: 10 + struct.unpack("<H", whole[8:10])[0]]
    return header + pickle.dumps(array, protocol=protocol)


def written_by_numpy(parameters, folder):
    """Yields the files, each the same network in another dress."""
    dresses = {
        "": lambda array: array,
        "-float32": lambda array: array.astype("<f4"),
        "-fortran": numpy.asfortranarray,
        "-float32-fortran": lambda array: numpy.asfortranarray(array.astype("<f4")),
        "-big-endian": lambda array: array.astype(">f8"),
        "-strided": lambda array: numpy.repeat(array, 2, axis=1)[:, ::2],
        "-flat-bias": lambda array: array[0] if len(array) == 1 else array,
    }
    for dress, change in dresses.items():
        dictionary = {key: change(array) for key, array in parameters.items()}
        numpy.save(folder / f"saved{dress}.npy", dictionary, allow_pickle=True)
        yield folder / f"saved{dress}.npy"
        for protocol in range(2, 6):
            path = folder / f"protocol{protocol}{dress}.npy"
            path.write_bytes(with_protocol(dictionary, protocol))
            yield path
        numpy.savez(folder / f"stored{dress}.npz", **dictionary)
        yield folder / f"stored{dress}.npz"
        numpy.savez_compressed(folder / f"packed{dress}.npz", **dictionary)
        yield folder / f"packed{dress}.npz"
    shared = numpy.frombuffer(b"".join(array.tobytes() for array in parameters.values()))  # read only
    views, place = {}, 0
    for key, array in parameters.items():
        views[key] = shared[place : place + array.size].reshape(array.shape)
        place += array.size
    for protocol in range(2, 6):
        path = folder / f"protocol{protocol}-views.npy"
        path.write_bytes(with_protocol(views, protocol))
        yield path


with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    parameters = check_exports(folder)
    expected = weights_sha256("classic", folder / "report")
    count = 0
    for path in written_by_numpy(parameters, folder):
        found = weights_sha256(path, folder / f"report-{path.name}")
        assert found == expected, f"{path.name}: {found}, expected {expected}"
        count += 1
print(f"numpy {numpy.__version__}: 3 exports loaded, {count} files read back, weights {expected[:12]}")
