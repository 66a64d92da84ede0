#!/bin/sh
# While one thread runs torch.export.export, torch.compiler.is_exporting() is True in every other thread as well. A layer that takes another path for exported
# programs (the documentation recommends the function for that) takes it for the images that other threads compute meanwhile.
#
# torch 2.13.0. Own observation; torch/compiler/__init__.py keeps the flag in a module's global (_is_exporting_flag). What is exported can be told by the
# tensors: in a non-strict export they are of a subclass (FakeTensor, FunctionalTensor), in others they are plain.
#
# Seen:
#   outside an export: False
#   in another thread, during an export: True, its tensor is a Tensor
#   in the exporting thread, its tensor is a FakeTensor
#
# Exits 0 as long as it is so.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy
"$work/venv/bin/python" - <<'PY'
import sys
import threading
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
inside, seen = threading.Event(), threading.Event()
found = {}


class Layer(nn.Module):
    def forward(self, images):
        found["exporting"] = type(images).__name__
        inside.set()
        seen.wait(60)
        return images + 1


def other():
    inside.wait(60)
    found["other"] = (torch.compiler.is_exporting(), type(torch.zeros(2)).__name__)
    seen.set()


print("outside an export:", torch.compiler.is_exporting())
thread = threading.Thread(target=other)
thread.start()
torch.export.export(Layer(), (torch.zeros(2),), strict=False)
thread.join()
print(f"in another thread, during an export: {found['other'][0]}, its tensor is a {found['other'][1]}")
print(f"in the exporting thread, its tensor is a {found['exporting']}")
sys.exit(not (found["other"] == (True, "Tensor") and found["exporting"] != "Tensor" and not torch.compiler.is_exporting()))
PY
