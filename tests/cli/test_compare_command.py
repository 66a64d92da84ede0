"""``i2i compare``: what a person reads."""

import json
import re

import pytest
from click.testing import CliRunner

from i2i.cli.main import main

from ..helpers.trained import write_sample_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    one, other = write_sample_run(folder / "one"), write_sample_run(folder / "other", blocks=2)
    for run in (one, other):
        (run / "images.json").write_text(json.dumps({"train": {"A": [], "B": []}}))
    return str(one), str(other)


def run(*words):
    return CliRunner().invoke(main, ["compare", *map(str, words), "--device", "cpu"])


def test_numbers_stand_side_by_side_with_what_is_sure(runs, tmp_path):
    result = run(*runs, "-o", tmp_path / "page.html", "--images", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("sample:flat-3d: 15 images that no compared run trained on\n")
    assert re.search(r"one +\d+\.\d+ +\d+\.\d+ to \d+\.\d+\n", result.stdout)
    assert re.search(
        r"other +\d+\.\d+ +\d+\.\d+ to \d+\.\d+ +\S+ \(\S+ to \S+\), (better|worse|no clear)", result.stdout
    )
    assert re.search(r"input unchanged +14\.24", result.stdout)
    assert f"Page: {tmp_path / 'page.html'}" in result.stdout
    assert "The same images" in (tmp_path / "page.html").read_text(encoding="utf-8")
    again = run(*runs, "-o", tmp_path / "page.html")
    assert again.exit_code == 2
    assert "exists already; name another file, or give --force" in again.stderr


def test_json_is_all_there_is_on_standard_output(runs):
    result = run(*runs, "--json", "--images", 0)
    assert [each["label"] for each in json.loads(result.stdout)["compared"]] == ["one", "other"]


def test_a_run_that_is_none_is_one_message(runs, tmp_path):
    result = run(runs[0], tmp_path)
    assert result.exit_code == 1
    assert "is not a trained model" in result.stderr.splitlines()[-1]
