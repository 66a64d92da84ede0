#!/usr/bin/env bash
# PyYAML 6.0.3: safe_dump leaves words such as "1e5", "0o17" and "08" without quotes, for to YAML 1.1 they are words. Read
# by a parser of YAML 1.2, here ruamel.yaml 0.18.16, they are the numbers 100000.0, 15 and 8: a round trip between two
# libraries of one language changes their type.
#
# Source: own observation; YAML 1.2.2 section 10.3.2 (core schema) against the float and int types of YAML 1.1.
#
# Whom it hurts: who writes a configuration with PyYAML that another tool reads, or who moves a program from one parser to
# the other: names, tags and hashes made of digits (a commit such as 1234e56) become numbers.
#
# Output seen:
#   {'name': '1e5', 'tag': '0o17', 'group': '08', 'commit': '1234e56'}
#   is written as: name: 1e5, tag: 0o17, group: 08, commit: 1234e56
#   and read as: {'name': 100000.0, 'tag': 15, 'group': 8, 'commit': 1.234e+59}
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyyaml==6.0.3 ruamel.yaml==0.18.16
"$work/venv/bin/python" - <<'PYTHON'
import yaml
from ruamel.yaml import YAML

words = {"name": "1e5", "tag": "0o17", "group": "08", "commit": "1234e56"}
text = yaml.safe_dump(words, sort_keys=False)
print(words)
print("is written as:", text.strip().replace("\n", ", "))
read = dict(YAML(typ="safe", pure=True).load(text))
print("and read as:", read)
assert yaml.safe_load(text) == words
assert {name: type(value) for name, value in read.items()} == {
    "name": float,
    "tag": int,
    "group": int,
    "commit": float,
}, "the behaviour has changed"
PYTHON
