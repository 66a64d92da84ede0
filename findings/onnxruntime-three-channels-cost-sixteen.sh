#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU) and openvino 2026.4.1 (CPU, f32): a convolution to 3 channels takes as long as one to 16, since both
# compute blocks of channels as wide as a vector (16 with AVX-512, 8 with AVX2). The last convolution of an image-to-image
# network, 7x7 from many channels to red, green and blue, is the one that pays for it: five times its arithmetic. Two
# convolutions that look like more work are faster: 7x1 to 21 channels (every column of the three filters as a filter of its
# own), then 1x7 with zeros and ones that shifts and adds the columns. The results are the same sums.
#
# Source: https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/optimizer/nchwc_transformer.cc (output channels
# are filled up to the block size); own measurement.
#
# Whom it hurts: whoever exports CycleGAN, pix2pix, style transfer or super-resolution to ONNX for the CPU.
#
# Output seen (AVX-512, one thread, 512 x 512 from 32 channels, the best of nine interleaved rounds; AVX2 is not tried):
#   ONNX Runtime to 16 channels 182 ms   to 3 channels 185 ms   to 3 in two 75 ms
#   OpenVINO     to 16 channels 172 ms   to 3 channels 181 ms   to 3 in two 82 ms
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnxruntime==1.32.0 openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import time

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

INPUTS, SIDE, K = 32, 512, 7
random = np.random.default_rng(0)


def write(name, *filters):
    """A chain of convolutions, each with the pads that keep the size."""
    nodes, names = [], ["x"]
    for at, values in enumerate(filters):
        height, width = values.shape[2:]
        names.append("y" if at == len(filters) - 1 else f"between{at}")
        pads = [height // 2, width // 2] * 2
        nodes.append(helper.make_node("Conv", [names[-2], f"w{at}"], [names[-1]], pads=pads))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, INPUTS, SIDE, SIDE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(values, f"w{at}") for at, values in enumerate(filters)]
    graph = helper.make_graph(nodes, name, [x], [y], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), f"{name}.onnx")


sixteen = random.normal(0, 0.05, (16, INPUTS, K, K)).astype(np.float32)
three = sixteen[:3]
columns = three.transpose(0, 3, 1, 2).reshape(3 * K, INPUTS, K, 1)
shifts = np.zeros((3, 3, K, 1, K), np.float32)
for channel in range(3):
    shifts[channel, channel, :, 0] = np.eye(K)
write("to 16 channels", sixteen)
write("to 3 channels", three)
write("to 3 in two", columns, shifts.reshape(3, 3 * K, 1, K))


def onnxruntime_call(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{name}.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def openvino_call(name):
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = openvino.Core().compile_model(f"{name}.onnx", "CPU", settings).create_infer_request()
    return lambda x: request.infer({0: x})[0].copy()


def seconds(call, x):
    start = time.perf_counter()
    call(x)
    return time.perf_counter() - start


x = random.normal(size=(1, INPUTS, SIDE, SIDE)).astype(np.float32)
changed = False
for runtime, make in (("ONNX Runtime", onnxruntime_call), ("OpenVINO", openvino_call)):
    calls = {name: make(name) for name in ("to 16 channels", "to 3 channels", "to 3 in two")}
    results = {name: call(x) for name, call in calls.items()}
    times = {name: [] for name in calls}
    for _ in range(9):
        for name, call in calls.items():
            times[name].append(seconds(call, x))
    best = {name: min(each) for name, each in times.items()}
    print(f"{runtime:12}", "   ".join(f"{name} {1000 * each:.0f} ms" for name, each in best.items()))
    assert np.abs(results["to 3 channels"] - results["to 3 in two"]).max() < 1e-4
    changed |= best["to 3 channels"] < 0.7 * best["to 16 channels"] or best["to 3 in two"] > 0.8 * best["to 3 channels"]
sys.exit("the behaviour has changed" if changed else 0)
PYTHON
