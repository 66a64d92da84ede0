"""The page shows the cases of the step that it tells the numbers of, and names what it cannot read."""

import json

import pytest
import torch

from i2i.evaluation.cases import write_cases
from i2i.evaluation.per_image import PerImage
from i2i.models.scores import table_of
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import Direction
from i2i.training.records.page import write_page
from i2i.training.records.shown_cases import find_cases

TABLE = table_of(PluginManager({}))


@pytest.fixture
def run(tmp_path):
    found = PerImage([f"<{name}>" for name in "abcdefg"], {"l1": [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]})
    columns = {title: torch.zeros(6, 3, 16, 24) for title in ("input", "output")}
    write_cases(tmp_path, Direction.A_TO_B, 9, found, [0, 1, 2, 4, 5, 6], columns)
    return tmp_path


def test_rows_are_told_apart_with_their_values(run):
    problems = []
    (case,) = find_cases(run, 9, TABLE, problems)
    assert case.worst == [("<a>", "7.00"), ("<b>", "6.00"), ("<c>", "5.00")]
    assert case.best[-1] == ("<g>", "1.00")
    assert (case.direction, case.metric, case.titles, case.picture) == (
        "AtoB",
        "L1",
        ["input", "output"],
        "held-out/AtoB/cases.png",
    )
    assert not problems


def test_they_are_on_the_page(run):
    line = {"kind": "evaluation", "step": 9, "images": 7, "directions": {"AtoB": {"l1": 4.0, "constant_ssim": 0.616}}}
    (run / "metrics.jsonl").write_text(json.dumps(line | {}) + "\n")
    html = write_page(run, TABLE).read_text()
    assert "&lt;a&gt; (7.00), &lt;b&gt; (6.00)" in html
    assert 'src="held-out/AtoB/cases.png"' in html
    assert "SSIM says little here: one colour everywhere scores 0.6160" in html


def test_those_of_another_step_are_not_shown(run):
    assert find_cases(run, 10, TABLE, []) == []


def test_what_is_damaged_is_named(run):
    (run / "held-out" / "AtoB" / "columns.json").write_text("{}")
    problems = []
    assert find_cases(run, 9, TABLE, problems) == []
    assert problems == ["held-out/AtoB could not be read: its best and worst images are left out."]
