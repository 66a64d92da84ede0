#!/usr/bin/env bash
# pydantic-core 2.50.4 (pydantic 2.14.3): its JSON reader refuses text that Python's own json module writes and reads. A
# name of a file that is no UTF-8 comes from os.listdir with lone surrogates (PEP 383), json.dumps writes them as \udcXX,
# json.loads gives them back; from_json and model_validate_json say that the JSON is invalid.
#
# Source: own observation; PEP 383 (surrogateescape), RFC 8259 section 8.2, which allows either behaviour.
#
# Whom it hurts: who writes lists of files with json and reads them with pydantic, for its speed or its models: one odd
# name makes the whole document unreadable.
#
# Output seen:
#   json.loads: equal
#   from_json: lone leading surrogate in hex escape at line 1 column 17
#   model_validate_json: json_invalid
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydantic==2.14.3
"$work/venv/bin/python" - <<'PYTHON'
import json
import os

import pydantic
from pydantic_core import from_json

names = ["photo", os.fsdecode(b"\xff")]
text = json.dumps(names)
assert json.loads(text) == names
print("json.loads: equal")
try:
    from_json(text)
except ValueError as error:
    print("from_json:", error)
else:
    raise SystemExit("the behaviour has changed")
try:
    pydantic.RootModel[list[str]].model_validate_json(text)
except pydantic.ValidationError as error:
    print("model_validate_json:", error.errors()[0]["type"])
else:
    raise SystemExit("the behaviour has changed")
PYTHON
