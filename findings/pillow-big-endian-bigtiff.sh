#!/usr/bin/env bash
# Pillow 13.0.0 lists the prefix of a big-endian BigTIFF (b"MM\0+") among those it reads, and then refuses the file: it
# looks for the version at byte 2, where the little-endian one has it, and reads 8 bytes of a header of 16.
# Source: own observation; TiffImagePlugin.PREFIXES and TiffImageFile._open.
# Seen: little-endian: (8, 8); big-endian: UnidentifiedImageError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
venv/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

assert b"MM\0+" in TiffImagePlugin.PREFIXES
seen = []
for order in "<>":
    tifffile.imwrite("big.tif", np.zeros((8, 8), np.uint8), bigtiff=True, byteorder=order, metadata=None)
    try:
        with Image.open("big.tif") as image:
            seen.append(str(image.size))
    except UnidentifiedImageError as error:
        seen.append(type(error).__name__)
print("little-endian: %s; big-endian: %s" % tuple(seen))
assert seen == ["(8, 8)", "UnidentifiedImageError"]
PYTHON
