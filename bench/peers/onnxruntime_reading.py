"""onnxruntime reads the 10,000 test images with the weights of an .npz file that shuzi wrote."""

import sys

import numpy as np
import onnx
import onnxruntime
from common import THREADS, median_seconds, mnist, report, single_seconds
from onnx import TensorProto, helper, numpy_helper

arrays = np.load(sys.argv[1])
nodes, constants, x = [], [], "x"
for number in (1, 2, 3):
    names = [f"w{number}", f"b{number}"]
    constants += [numpy_helper.from_array(arrays[name].astype(np.float32), name) for name in names]
    nodes.append(helper.make_node("Gemm", [x, *names], [f"y{number}"]))
    nodes.append(helper.make_node("Relu" if number < 3 else "Softmax", [f"y{number}"], [f"x{number}"]))
    x = f"x{number}"
graph = helper.make_graph(
    nodes,
    "classic",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 784])],
    [helper.make_tensor_value_info(x, TensorProto.FLOAT, [None, 10])],
    constants,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
onnx.checker.check_model(model)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = THREADS
session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

_, _, images, labels = mnist(np.float32)
read = lambda images: session.run(None, {"x": images})[0]  # noqa: E731
right = float((read(images).argmax(1) == labels).mean())
seconds = median_seconds(lambda: read(images), 31)
report(
    version=f"onnxruntime {onnxruntime.__version__}",
    seconds=seconds,
    single_seconds=single_seconds(read, images[:10_000]),
    accuracy=right,
)
