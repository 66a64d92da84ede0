#!/usr/bin/env bash
# Pillow 13.0.0 writes a PNG with a colour profile of more than a megabyte, as printers have them, and refuses to open what
# it wrote, together with its pixels: PngImagePlugin.MAX_TEXT_CHUNK bounds profiles on reading, not on writing.
# Source: own observation; the limit is documented for texts ("Decompressed data too large", handbook, PNG).
# Seen: profile of 1048577 bytes: written; read: ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0
venv/bin/python - <<'PYTHON'
from PIL import Image

Image.new("RGB", (8, 8)).save("printer.png", icc_profile=bytes(2**20 + 1))
try:
    with Image.open("printer.png") as image:
        image.load()
    read = "fine"
except ValueError as error:
    assert "too large" in str(error)
    read = type(error).__name__
print(f"profile of {2**20 + 1} bytes: written; read: {read}")
assert read == "ValueError"
PYTHON
