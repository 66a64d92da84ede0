#!/usr/bin/env bash
# safetensors 0.8.0: save_file gives its file to the owner alone (mode 600), whatever the umask says, and takes away the
# permissions that an existing file of that name had.
#
# Source: own observation, safetensors.torch.save_file and safetensors.numpy.save_file on Linux. The documentation at
# https://huggingface.co/docs/safetensors/api/torch says nothing of permissions; torch.save and open() follow the umask.
#
# Whom it hurts: weights written by one person, container or batch job that another one reads: "permission denied" on a
# shared disk, though the JSON beside it, written with open(), can be read.
# What helps: remember the mode that a new or the existing file has, and chmod after saving.
#
# Output seen, with umask 022:
#   open()                 644
#   safetensors, new       600
#   safetensors, was 666   600
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
cd "$work"
umask 022
"$work/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def mode(path):
    return f"{path.stat().st_mode & 0o777:o}"


plain, new, existing = Path("plain"), Path("new.safetensors"), Path("existing.safetensors")
plain.write_text("ordinary")
existing.write_text("ordinary")
existing.chmod(0o666)
for path in (new, existing):
    save_file({"weight": np.zeros(2, np.float32)}, path)
print("open()                ", mode(plain))
print("safetensors, new      ", mode(new))
print("safetensors, was 666  ", mode(existing))
assert (mode(plain), mode(new), mode(existing)) == ("644", "600", "600"), "the behaviour has changed"
PYTHON
