#!/usr/bin/env bash
# pytorch-msssim 1.0.0: MS-SSIM as a loss has no gradient at all where the coarsest scale of the two images is against
# each other. Its terms are cut at zero before they are multiplied, so that one negative one makes the product 0 and every
# derivative 0: `1 - ms_ssim(image, target)` stays at 1, and training by it alone never leaves an inverted picture. The
# single-scale ssim of the same package is -0.97 there and has a gradient. torchmetrics' function does the same under its
# default, normalize="relu".
#
# Source: https://github.com/VainF/pytorch-msssim/blob/master/pytorch_msssim/ssim.py, ms_ssim (torch.relu of each level);
# https://lightning.ai/docs/torchmetrics/stable/image/multi_scale_structural_similarity.html, normalize; own observation.
#
# Whom it hurts: who trains by MS-SSIM alone, from random weights or between domains in which light and dark change places
# (line art, X-rays, infrared); channels are averaged, so that one against its target is silently left out of the gradient.
# What helps: add a pixel loss, such as L1, as the paper that made it popular does (Zhao et al. 2017), or begin with SSIM.
#
# Output seen:
#   pytorch-msssim ms_ssim  0.000  largest gradient 0.0e+00
#   pytorch-msssim ssim    -0.966  largest gradient 4.0e-05
#   torchmetrics ms-ssim    0.000  largest gradient 0.0e+00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 pytorch-msssim==1.0.0 torchmetrics==1.9.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
from pytorch_msssim import ms_ssim, ssim
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as of_torchmetrics

image = torch.rand(1, 1, 192, 192, generator=torch.Generator().manual_seed(0))
found = {}
for name, measure in (
    ("pytorch-msssim ms_ssim", ms_ssim),
    ("pytorch-msssim ssim", ssim),
    ("torchmetrics ms-ssim", of_torchmetrics),
):
    inverted = (1 - image).requires_grad_()
    value = measure(inverted, image, data_range=1.0)
    value.backward()
    found[name] = value.item(), inverted.grad.abs().max().item()
    print(f"{name:22} {value.item():6.3f}  largest gradient {found[name][1]:.1e}")
same = found["pytorch-msssim ms_ssim"] == found["torchmetrics ms-ssim"] == (0, 0)
if not (same and found["pytorch-msssim ssim"][0] < -0.9 and found["pytorch-msssim ssim"][1] > 0):
    sys.exit("the behaviour has changed")
PYTHON
