#!/usr/bin/env bash
# Pillow 13.0.0 inverts a TIFF whose 0 is white (photometric 0) when it has 8 bits, and hands over 16 bits as they are
# stored, so the same picture is its negative; big-endian files of that kind it refuses, whatever the compression.
# Source: own observation; TiffImagePlugin.OPEN_INFO has (II, 0, ..., (16,), ()) with the raw mode "I;16", and no MM.
# Seen: white in the file is read as: 8 bits 255, 16 bits 0, 16 bits big-endian UnidentifiedImageError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

seen = []
for kind, order in ((np.uint8, "<"), (np.uint16, "<"), (np.uint16, ">")):
    tifffile.imwrite("white.tif", np.zeros((8, 8), kind), photometric="miniswhite", byteorder=order, metadata=None)
    try:
        with Image.open("white.tif") as image:
            seen.append(image.getpixel((0, 0)))
    except UnidentifiedImageError as error:
        seen.append(type(error).__name__)
print("white in the file is read as: 8 bits %s, 16 bits %s, 16 bits big-endian %s" % tuple(seen))
assert seen == [255, 0, "UnidentifiedImageError"]
PYTHON
