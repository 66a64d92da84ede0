#!/usr/bin/env bash
# PyTorch 2.13.0: while torch.export.export traces in one thread, oneDNN, NNPACK and cuDNN are off in all threads.
#
# Source: torch/export/_trace.py, _ignore_backend_decomps, which sets the flags of torch.backends and puts them back
# afterwards; they belong to the process. The documentation of torch.export says nothing of it.
#
# Whom it hurts: a program that computes in one thread and exports in another: convolutions meanwhile are slower, and
# rounded in another way, so that results are not those of a minute before. No thread touched a setting.
# What helps: export in a process of its own, or when nothing else computes.
#
# Output seen:
#   before: on, while another thread exports: off, afterwards: on
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import threading

import torch
from torch import nn


class Slow(nn.Module):
    """A network whose tracing waits until this thread has looked."""

    def forward(self, x):
        tracing.set()
        looked.wait(60)
        return x + 1


def onednn():
    return "on" if torch.backends.mkldnn.enabled else "off"


tracing, looked = threading.Event(), threading.Event()
before = onednn()
exporter = threading.Thread(target=lambda: torch.export.export(Slow(), (torch.zeros(1),), strict=False))
exporter.start()
assert tracing.wait(60)
meanwhile = onednn()
looked.set()
exporter.join()
print(f"before: {before}, while another thread exports: {meanwhile}, afterwards: {onednn()}")
assert (before, meanwhile, onednn()) == ("on", "off", "on"), "the behaviour has changed"
PYTHON
