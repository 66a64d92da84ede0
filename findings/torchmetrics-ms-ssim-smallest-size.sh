#!/usr/bin/env bash
# torchmetrics 1.9.0: multi-scale SSIM with its default settings needs images of 176 pixels, and refuses those of 161 to
# 175 with a message that says they are large enough.
#
# Source: own observation, torchmetrics.functional.image.multiscale_structural_similarity_index_measure; the paper (Wang,
# Simoncelli, Bovik 2003) halves the image four times and needs the 11-pixel window to fit into the last: 11 * 16 = 176.
# The message computes the bound as (11 - 1) * 16 and calls it "must be larger than"; whole division does the rest.
#
# Whom it hurts: who takes 161 from the message as the smallest size of crops for a loss or a metric.
#
# Output seen:
#   160 refused: ... the image height must be larger than 160.
#   161 refused: ... the image height must be larger than 160.
#   175 refused: ... the image height must be larger than 160.
#   176 measured
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 torchmetrics==1.9.0
"$work/venv/bin/python" - <<'PYTHON'
import torch
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

seen = {}
for side in (160, 161, 175, 176):
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    try:
        ms_ssim(image, image, data_range=1.0)
        seen[side] = "measured"
    except ValueError as error:
        words = str(error)
        seen[side] = "refused: ... " + words[words.index("the image height") :]
    print(side, seen[side])
assert "larger than 160" in seen[161] and "larger than 160" in seen[175], "the behaviour has changed"
assert seen[176] == "measured", "the behaviour has changed"
PYTHON
