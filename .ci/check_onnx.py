#!/usr/bin/env python3
"""ONNX Runtime and tract compute what shuzi does. Usage: check_onnx.py SHUZI_PROGRAM

Exports every shipped model, and small networks with every kind of layer that are trained here for a moment; ONNX's checker
looks at each file, and their answers to the first test images are compared with those of `shuzi evaluate`. MNIST lies in the
folder SHUZI_DATA. In the end the example in docs/model-file.md is run.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime
import tract

PROGRAM = str(Path(sys.argv[1]).resolve())
DOCUMENTATION = (Path(__file__).parent.parent / "docs/model-file.md").read_text(encoding="utf-8")
COUNT = 1000  # images that are compared
TOLERANCE = 1e-5  # float32, summed in another order

# Every kind of layer that no shipped model has, and those at their edges: strides that leave pixels over, pools that do, pictures
# of one pixel before and behind what is no picture.
NETWORKS = {
    "strides": """
        { conv = { channels = 6, kernel = 5, stride = 2, padding = 2 } }, "batch-norm", "relu",
        { residual = [{ conv = { channels = 6, kernel = 3, padding = 1 } }, "relu", { dropout = 0.2 }] },
        { depthwise-conv = { kernel = 3, stride = 2 } }, "relu",
        { average-pool = 2 },
        "flatten", "batch-norm",
        { linear = 20 }, "batch-norm", "relu", { dropout = 0.5 },
        { residual = [{ linear = 20 }, "relu", { linear = 20 }] },
        { linear = 10 }""",
    "one-pixel": """
        { crop = 23 }, { conv = { channels = 8, kernel = 4, stride = 3 } }, "relu", { max-pool = 2 },
        "global-average-pool", "relu",
        { residual = [{ linear = 8 }, "relu"] },
        { conv = { channels = 12, kernel = 3, padding = 2, stride = 2 } }, "batch-norm", "relu",
        { conv = { channels = 10, kernel = 2 } }""",
}
RECIPE = """
name = "{name}"
[network]
pixels = "{pixels}"
layers = [{layers}
]
initial-weights = "he"
[training]
epochs = 2
batch-size = 50
learning-rate = 0.001
optimizer = {{ kind = "adam" }}
"""


def run(*arguments):
    done = subprocess.run([PROGRAM, "--lang", "en", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"shuzi {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def test_images():
    """MNIST's, if it is there: what `shuzi evaluate` is told, and the pixels."""
    folder = os.environ.get("SHUZI_DATA")
    if not folder or not Path(folder, "t10k-images-idx3-ubyte.gz").exists():
        sys.exit("SHUZI_DATA names no folder with MNIST")
    with gzip.open(Path(folder, "t10k-images-idx3-ubyte.gz")) as file:
        pixels = numpy.frombuffer(file.read(16 + COUNT * 784)[16:], "u1")
    return folder, pixels.reshape(COUNT, 28, 28).astype("float32")


def softmax(logits):
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def by_tract(file, pixels):
    """The probabilities and logits by the other runtime, in a batch of any size."""
    model = tract.onnx().load(file)
    model.set_input_fact(0, ",".join(["N", *map(str, pixels.shape[1:]), "f32"]))
    outputs = model.into_model().into_runnable().run([pixels])
    return [output.to_numpy() for output in outputs]


def export(model, file, *options):
    """The graph, looked at by ONNX's checker."""
    run("export", model, "--to", "onnx", "--out", file, "--quiet", *options)
    graph = onnx.load(file)
    onnx.checker.check_model(graph, full_check=True)
    assert (graph.ir_version, graph.opset_import[0].version, graph.producer_name) == (8, 17, "shuzi")
    return graph


def compare(model, data, pixels, folder):
    """Returns the largest difference of a probability."""
    file = folder / f"{Path(model).name}.onnx"
    graph = export(model, file)
    properties = {entry.key: entry.value for entry in graph.metadata_props}
    report = ["--json", "--quiet", "--out", folder / "report", "--predictions", folder / "table.csv"]
    facts = json.loads(run("evaluate", model, "--data", data, *report))
    assert properties["weights_sha256"] == facts["weights_sha256"], properties
    temperature = facts["temperature"] or 1.0
    assert float(properties.get("temperature", 1)) == temperature, properties

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    probabilities, logits = session.run(["probabilities", "logits"], {"pixels": pixels})
    others = by_tract(file, pixels)
    alone = session.run(["probabilities"], {"pixels": pixels[:1]})[0]  # a batch of one
    # With an axis for channels it is the same to the last bit.
    export(model, with_axis := folder / "channels.onnx", "--channel-axis")
    zoo = onnxruntime.InferenceSession(with_axis, providers=["CPUExecutionProvider"])
    assert zoo.get_inputs()[0].shape == ["batch", 1, 28, 28], zoo.get_inputs()[0].shape
    for found, other in zip(zoo.run(None, {"pixels": pixels[:, None]}), (probabilities, logits)):
        assert (found == other).all(), f"{model}: with an axis for channels it differs"
    for found, other in zip(by_tract(with_axis, pixels[:, None]), others):
        assert (found == other).all(), f"{model}: with an axis for channels tract differs"
    table = numpy.loadtxt(folder / "table.csv", delimiter=",", skiprows=1, max_rows=len(pixels))
    expected = table[:, 3:]  # as the network gives them; the temperature is for what is shown
    calibrated = softmax(numpy.log(numpy.maximum(expected, 1e-300)) / temperature)
    differences = [
        numpy.abs(softmax(logits.astype("float64")) - expected).max(),
        numpy.abs(probabilities - calibrated).max(),
        numpy.abs(alone - calibrated[:1]).max(),
        numpy.abs(others[0] - calibrated).max(),
        numpy.abs(softmax(others[1].astype("float64")) - expected).max(),
    ]
    assert max(differences) < TOLERANCE, f"{model}: {differences}"
    return max(differences)


with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    data, pixels = test_images()
    differences = {model: compare(model, data, pixels, folder) for model in ["small", "photo", "tiny", "classic"]}
    for name, layers in NETWORKS.items():
        for scale in ["unit", "raw"]:
            model = folder / f"{name}-{scale}"
            (folder / "recipe.toml").write_text(RECIPE.format(name=name, pixels=scale, layers=layers))
            run("train", "--recipe", folder / "recipe.toml", "--data", "synthetic:600", "--out", model, "--quiet")
            differences[model.name] = compare(model, data, pixels, folder)
    [example] = [code for code in re.findall(r"```python\n(.*?)```", DOCUMENTATION, re.S) if "onnxruntime" in code]
    os.chdir(folder)
    exec(example)
words = ", ".join(f"{model} {difference:.1e}" for model, difference in differences.items())
print(f"onnxruntime {onnxruntime.__version__}, tract {tract.version()}: largest difference of a probability over {COUNT} images: {words}")
