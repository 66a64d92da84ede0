#!/usr/bin/env bash
# Pillow 13.0.0 shows a TIFF palette whose levels stand as 0..255 in the fields of 16 bits as black: it takes the upper
# byte of each. libtiff looks for such palettes and reads them as 8 bits (tiff2rgba, TIFFRGBAImage: checkcmap), and so do
# programs that use it.
# Source: own observation; libtiff, tif_getimage.c, checkcmap(): "Assuming 8-bit colormap".
# Seen: Pillow's brightest level: 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

levels = np.stack([np.arange(256)] * 3).astype(np.uint16)
tifffile.imwrite("palette.tif", np.arange(256, dtype=np.uint8)[None], photometric="palette", colormap=levels, metadata=None)
with Image.open("palette.tif") as image:
    brightest = max(high for _, high in image.convert("RGB").getextrema())
print("Pillow\x27s brightest level:", brightest)
assert brightest == 0
PYTHON
