"""``i2i data check`` prints what was found, and its exit code says how grave it is."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from i2i.cli.main import main

from ..helpers.images import write_images


@pytest.fixture
def photos(tmp_path):
    return write_images(tmp_path / "photos", train=(5, 5), test=(2, 2), size=32)


def check(*arguments):
    return CliRunner().invoke(main, ["data", "check", *map(str, arguments), "--image-size", "32"])


def test_honest_data_exit_with_0(photos):
    result = check(photos)
    assert result.exit_code == 0, result.output
    assert "10 to train on (5 and 5), 4 held out (2 and 2)" in result.stdout
    assert "Held out by the folders testA and testB" in result.stdout
    assert result.stdout.endswith("Nothing was found that would spoil a result.\n")


def test_a_leak_exits_with_1_and_names_both_files(photos):
    (photos / "testA" / "copy.png").write_bytes((photos / "trainA" / "3.png").read_bytes())
    result = check(photos)
    assert result.exit_code == 1
    assert "1 held-out image of A is the same as a training image" in result.stdout
    assert f"{photos / 'trainA' / '3.png'} and {photos / 'testA' / 'copy.png'}: same pixels" in result.stdout
    assert "To do: keep them on one side" in result.stdout


def test_warnings_exit_with_1_where_that_is_asked_for(photos):
    (photos / "trainA" / "copy.png").write_bytes((photos / "trainA" / "3.png").read_bytes())
    assert check(photos).exit_code == 0
    assert check(photos, "--strict").exit_code == 1


def test_json_and_a_page(photos, tmp_path):
    result = check(photos, "--json", "-o", tmp_path / "page.html")
    found = json.loads(result.stdout)
    assert (found["counts"]["test"], found["spoils"]) == ({"A": 2, "B": 2}, False)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
