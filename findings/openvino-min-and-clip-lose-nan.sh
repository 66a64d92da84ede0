#!/bin/sh
# Shows that OpenVINO's Min and Clip make a number of NaN, and each another one, where ONNX Runtime passes NaN on.
#
# Versions: openvino 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, on x86-64 with AVX-512.
# Source: own observation. numpy's minimum and clip, and PyTorch's, pass NaN on.
# Behaviour: on the CPU in f32, Min(nan, 20) is 20 and Clip(nan, -20, 20) is -20: what has diverged looks like white or
#   black, depending on the operator that bounds it. A check for NaN after it finds nothing.
# Seen: Min: ONNX Runtime nan, OpenVINO 20; Clip: ONNX Runtime nan, OpenVINO -20
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2
"$folder/venv/bin/python" - "$folder/model.onnx" <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

x = np.full((1, 1, 4, 16), np.nan, np.float32)
expected = {"Min": 20.0, "Clip": -20.0}
seen = []
for operator, bounds in (("Min", ["high"]), ("Clip", ["low", "high"])):
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"]) for name in "xy"]
    constants = [numpy_helper.from_array(np.array({"low": -20, "high": 20}[name], np.float32), name) for name in bounds]
    graph = helper.make_graph([helper.make_node(operator, ["x", *bounds], ["y"])], "g", info[:1], info[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), sys.argv[1])
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    (here,) = session.run(None, {"x": x})
    core = openvino.Core()
    model = core.compile_model(core.read_model(sys.argv[1]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    there = model({0: x})[0]
    seen.append(f"{operator}: ONNX Runtime {here.flat[0]:g}, OpenVINO {there.flat[0]:g}")
    assert np.isnan(here).all() and (there == expected[operator]).all(), f"the behaviour has changed: {seen[-1]}"
print("; ".join(seen))
PYTHON
