#!/usr/bin/env bash
# openvino 2026.4.1: of two means one after the other, along rows and then along columns, it makes one over both axes where
# they are written alike (both keep their dimension, or both drop it), and that one adds up a whole plane in float32. Who
# wrote two for the sake of short sums gets one long one: of a constant plane of 2048 x 2048 it is off by 3e-3 of its value
# instead of 1e-6. Where the first mean drops its dimension and the second keeps it, the two stay two.
#
# Source: https://github.com/openvinotoolkit/openvino/blob/master/src/common/transformations/src/transformations/
# common_optimizations/reduce_merge.cpp (the transformation ReduceMerge); own observation of what it costs.
#
# Whom it hurts: whoever writes instance norm in elementary operators so that it is right on large pictures with flat
# areas; a norm divides by a spread, which makes a thousandth of the mean whole levels of colour.
# What helps: ReduceMean(axis 3, keepdims 0), ReduceMean(axis 2, keepdims 1), Unsqueeze.
#
# Output seen (largest error of the mean of a constant plane, as a share of it):
#   keepdims 1 and 1   512 x 512  1.6e-04   1024 x 1024  6.5e-04   2048 x 2048  2.6e-03
#   keepdims 0 and 0   512 x 512  1.6e-04   1024 x 1024  6.5e-04   2048 x 2048  2.6e-03
#   keepdims 0 and 1   512 x 512  3.6e-07   1024 x 1024  9.5e-07   2048 x 2048  1.2e-06
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper


def errors_of(first, second):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["rows"], axes=[3], keepdims=first),
        helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[2], keepdims=second),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "height", "width"])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, None)
    model = helper.make_model(helper.make_graph(nodes, "means", [x], [mean]), opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(model, "means.onnx")
    compiled = openvino.Core().compile_model("means.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [
        abs(float(compiled(np.full((1, 1, side, side), 0.7, np.float32))[0].squeeze()) / np.float32(0.7) - 1)
        for side in (512, 1024, 2048)
    ]


found = {keepdims: errors_of(*keepdims) for keepdims in ((1, 1), (0, 0), (0, 1))}
for keepdims, errors in found.items():
    shown = "   ".join(f"{side} x {side}  {error:.1e}" for side, error in zip((512, 1024, 2048), errors))
    print(f"keepdims {keepdims[0]} and {keepdims[1]}   {shown}")
if not (found[1, 1][-1] > 1e-4 and found[0, 0][-1] > 1e-4 and found[0, 1][-1] < 1e-5):
    sys.exit("the behaviour has changed")
PYTHON
