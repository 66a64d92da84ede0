#!/usr/bin/env bash
# Pillow 13.0.0 reads an uncompressed TIFF of 16-bit colours in separate planes as noise, without an error: each plane is
# unpacked as one of 8 bits (TiffImagePlugin takes one letter of the raw mode "RGB;16L" a plane). With Deflate, where
# libtiff decodes, the same pixels are right.
# Source: own observation, with files of tifffile 2026.3.3; GDAL writes the same layout (INTERLEAVE=BAND, PHOTOMETRIC=RGB).
# Seen: not compressed: mean difference 71 levels; Deflate: 0
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

y, x = np.mgrid[:64, :64]
colours = np.stack([x * 1000, y * 1000, (x + y) * 500]).astype(np.uint16)
differences = {}
for compression in (None, "deflate"):
    tifffile.imwrite("planes.tif", colours, photometric="rgb", planarconfig="separate", compression=compression, metadata=None)
    with Image.open("planes.tif") as image:
        read = np.asarray(image).astype(int)
    differences[compression] = np.abs(read - (colours >> 8).transpose(1, 2, 0)).mean()
print("not compressed: mean difference %.0f levels; Deflate: %.0f" % tuple(differences.values()))
assert differences[None] > 20 and differences["deflate"] == 0
PYTHON
