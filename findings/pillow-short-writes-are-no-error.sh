#!/usr/bin/env bash
# Pillow 13.0.0 saves an image that ends early, without an error, where a disk is full in the last block of it: for a
# file with a number, encoders of BMP, JPEG and TIFF call write(2) themselves and look for -1 alone, while the system
# writes what fits and returns how much that was. PNG goes through Python's file, which writes the rest or raises.
# Source: own observation; encode_to_file in src/encode.c. The limit on the size of files stands for a full disk here.
# Seen: BMP no error, 10 bytes missing; JPEG no error, 10 bytes missing; TIFF no error, 10 bytes missing; PNG OSError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0
venv/bin/python - <<'PYTHON'
import os
import resource

from PIL import Image

image = Image.radial_gradient("L").convert("RGB").resize((40, 30))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
seen = []
for kind in ("BMP", "JPEG", "TIFF", "PNG"):
    image.save("whole", format=kind)
    size = os.path.getsize("whole")
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 10, hard))
    try:
        with open("cut", "wb") as file:
            image.save(file, format=kind)
        seen.append(f"{kind} no error, {size - os.path.getsize('cut')} bytes missing")
    except OSError as error:
        seen.append(f"{kind} {type(error).__name__}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print("; ".join(seen))
missing = "no error, 10 bytes missing"
assert seen == [f"BMP {missing}", f"JPEG {missing}", f"TIFF {missing}", "PNG OSError"], seen
PYTHON
