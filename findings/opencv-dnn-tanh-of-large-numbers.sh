#!/bin/sh
# Shows that OpenCV's DNN module gives NaN for the tanh of numbers from 44.5 on, where it is 1.
#
# Versions: opencv-python-headless 5.0.0.93, onnx 1.23.2, on x86-64.
# Source: own observation: generators ending in Tanh turned black in the places that should be white, and only there.
# Behaviour: Tanh of -100 is -1, of 44 is 1, of 44.5, 50, 100 and 1000 is nan (e^(2x) overflows float32 at x = 44.36).
#   So it is in the vectorised loop; of a handful of numbers it is 1. No error, no warning; a cast to uint8 makes 0 of it. Clip with an upper bound below 44 in front of it cures it.
# Seen: tanh: -100: -1, 44: 1, 44.5: nan, 50: nan, 100: nan, 1000: nan
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 onnx==1.23.2
"$folder/venv/bin/python" - "$folder/tanh.onnx" <<'PYTHON'
import sys

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

shape = [1, 1, 6, 16]
graph = helper.make_graph(
    [helper.make_node("Tanh", ["x"], ["y"])],
    "tanh",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), sys.argv[1])
values = np.array([-100, 44, 44.5, 50, 100, 1000], np.float32)
net = cv2.dnn.readNetFromONNX(sys.argv[1])
net.setInput(np.repeat(values, 16).reshape(shape))
result = net.forward().reshape(6, 16)[:, 0]
print("tanh:", ", ".join(f"{x:g}: {y:g}" for x, y in zip(values, result)))
assert result[:2].tolist() == [-1, 1], "finite numbers are right"
assert np.isnan(result[2:]).all(), "the behaviour has changed"
PYTHON
