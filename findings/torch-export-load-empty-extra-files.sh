#!/bin/sh
# torch.export.load(path, extra_files={}) leaves the empty dictionary empty: the files that are in the archive are not put into it. With any key in it,
# wanted or not, all of them are.
#
# torch 2.13.0. Own observation; torch/export/__init__.py, load: "extra_files = extra_files or {}" makes a new dictionary of an empty one, which the caller
# never sees. The documentation says that "the content would be stored in the provided map", and of the names that "the extra filenames given in this map
# would be loaded", but every file is stored, whatever the names.
#
# Seen:
#   given {}: {}
#   given {'other': ''}: {'other': '', 'notes.txt': 'kept'}
#
# Exits 0 as long as it is so.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy
"$work/venv/bin/python" - "$work/program.pt2" <<'PY'
import sys
import warnings

import torch

warnings.simplefilter("ignore")
program = torch.export.export(torch.nn.ReLU(), (torch.zeros(2, 3),))
torch.export.save(program, sys.argv[1], extra_files={"notes.txt": "kept"})
empty, other = {}, {"other": ""}
for given in (empty, other):
    before = dict(given)
    torch.export.load(sys.argv[1], extra_files=given)
    print(f"given {before}: {given}")
sys.exit(not (empty == {} and other == {"other": "", "notes.txt": "kept"}))
PY
