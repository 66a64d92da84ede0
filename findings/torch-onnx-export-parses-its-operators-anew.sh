#!/usr/bin/env bash
# torch 2.13.0 (CPU) with onnxscript: every torch.onnx.export reads and parses the Python source of hundreds of operators
# that it may translate to, whether the network has them or not, and keeps nothing of it for the next export. One expects
# the table of operators to be made once a process. For a small network that is most of what an export costs; whoever
# exports many (a format check for each checkpoint, a test suite, a service) pays it each time.
#
# Source: torch/onnx/_internal/exporter/_registration.py, ONNXRegistry.from_torchlib, called by each export; own count.
#
# Whom it hurts: whoever exports more than once a process. Remembering what from_torchlib returns for the process mends it
# (a private name: only where that may break, as in tests).
#
# Output seen:
#   export 1: parsed 606 sources
#   export 2: parsed 501 sources
#   export 3: parsed 501 sources
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import ast
import logging
import sys
import warnings

import torch

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

parse, counted = ast.parse, 0


def counting(*arguments, **options):
    global counted
    counted += 1
    return parse(*arguments, **options)


ast.parse = counting
counts = []
for number in range(1, 4):
    counted = 0
    torch.onnx.export(torch.nn.ReLU(), (torch.zeros(1, 3, 4, 4),), dynamo=True, verbose=False)
    counts.append(counted)
    print(f"export {number}: parsed {counted} sources")
sys.exit(min(counts[1:]) < 300)
PYTHON
