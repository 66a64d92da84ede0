#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: instance_norm returns a wrong gradient, without a word, for a batch of one whose output's gradient
# arrives in channels_last.
#
# Source: own observation, torch.nn.functional.instance_norm; no report of it was found. The related
# https://github.com/pytorch/pytorch/pull/194616 (open in August 2026) says how the operator folds the batch into the
# channels and calls batch_norm, which itself is right for every layout, as the rows below show.
#
# Expected: the layout of a gradient changes how fast backward is, never its values; batches of 2 and 4, and every other
# norm, keep that. Batch of one is what CycleGAN trains with, and channels_last what convolutions are fastest in.
# Behaviour: relative error 1.4, as if the values had been read in the wrong order; float64 is as wrong as float32.
# What helps: make the gradient contiguous first, for example by a hook on the norm's output.
#
# Output seen:
#   instance_norm batch 1 contiguous gradient    0.00
#   instance_norm batch 1 channels_last gradient 1.38
#   instance_norm batch 2 contiguous gradient    0.00
#   instance_norm batch 2 channels_last gradient 0.00
#   batch_norm    batch 1 contiguous gradient    0.00
#   batch_norm    batch 1 channels_last gradient 0.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import torch
import torch.nn.functional as F

torch.manual_seed(0)


def instance_norm(x):
    return F.instance_norm(x)


def batch_norm(x):
    return F.batch_norm(x, None, None, training=True)


def gradient(norm, x, out_gradient):
    x = x.clone().requires_grad_()
    norm(x).backward(out_gradient)
    return x.grad


errors = {}
for norm, batch in ((instance_norm, 1), (instance_norm, 2), (batch_norm, 1)):
    x, out_gradient = torch.randn(2, batch, 4, 8, 8, dtype=torch.float64)
    exact = gradient(norm, x, out_gradient)
    for layout in (torch.contiguous_format, torch.channels_last):
        found = gradient(norm, x.float(), out_gradient.float().contiguous(memory_format=layout))
        name = "channels_last" if layout is torch.channels_last else "contiguous"
        errors[norm.__name__, batch, name] = ((found - exact).norm() / exact.norm()).item()
        label = f"{norm.__name__:13} batch {batch} {name} gradient"
        print(f"{label:44} {errors[norm.__name__, batch, name]:.2f}")

wrong = errors.pop(("instance_norm", 1, "channels_last"))
assert wrong > 0.5, "the gradient is right now: the behaviour has changed"
assert all(error < 1e-5 for error in errors.values()), "another case is wrong as well"
PYTHON
