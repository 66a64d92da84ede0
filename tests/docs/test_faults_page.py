"""The page of faults by kind names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| kind ")]


def named_in(row: str) -> list[tuple[str, list[str]]]:
    cell = row.rstrip(" |").rpartition(" | ")[2]
    return [(file, re.findall(r"`(test_\w+)`", names)) for file, names in re.findall(r"`([\w/]+\.py)`([^;]*)", cell)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].removeprefix("| ")[:60])
def test_each_kind_has_tests_that_exist(row):
    assert named_in(row), row
    for file, names in named_in(row):
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        missing = [name for name in names if not re.search(rf"def {name}\w*\(", source)]
        assert not missing, f"{file} has no {', '.join(missing)}"
