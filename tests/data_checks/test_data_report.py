"""A check finds what would spoil a result, changes nothing, and fits what a run would do."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from PIL import Image

import i2i
from i2i.data_checks.data_report import examine
from i2i.errors import DataError

from ..helpers.images import READERS, noise


def test_a_leak_is_an_error_and_nothing_changes(photos):
    before = {path: path.read_bytes() for path in photos.rglob("*.png")}
    report = i2i.check_data(photos, method="pix2pix", image_size=48)
    assert report.spoils
    kinds = [finding.kind for finding in report.findings]
    assert kinds.count("near-across-split") == 2
    assert kinds[0] == "near-across-split"
    assert report.counts == {"train": {"A": 6, "B": 6}, "test": {"A": 3, "B": 3}}
    assert report.held_out_by == "the folders testA and testB"
    assert len(report.shifts) == 9
    assert {path: path.read_bytes() for path in photos.rglob("*.png")} == before
    assert json.loads(json.dumps(report.to_dict()))["spoils"] is True


def test_names_that_leak_are_an_error_and_the_option_mends_it(tmp_path):
    for domain in "AB":
        (tmp_path / domain).mkdir()
        for seed in range(64):
            image = Image.fromarray(noise(32, 32, seed=seed + 100 * (domain == "B")))
            image.save(tmp_path / domain / f"{seed // 8}_{seed % 8}.png")
    report = i2i.check_data(tmp_path, image_size=32)
    (leak,) = (finding for finding in report.findings if finding.weight == "error")
    assert "names look like tiles of a grid" in leak.text
    assert leak.cure.startswith("set data.group_grid=")
    assert not i2i.check_data(tmp_path, image_size=32, set=["data.group_grid=3"]).spoils


def test_files_that_cannot_be_used_are_findings(photos):
    (photos / "trainA" / "5.png").write_bytes(b"no picture")
    report = i2i.check_data(photos, image_size=48)
    (finding,) = (each for each in report.findings if each.kind == "unusable")
    assert "5.png: not an image" in finding.text


def test_a_data_set_that_does_not_list_its_files_cannot_be_looked_at():
    silent = SimpleNamespace(domains={"A": "A", "B": "B"})
    with pytest.raises(DataError, match=r"table\.csv: its data set does not list its files"):
        examine("table.csv", {"train": silent, "test": silent}, READERS, paired=False, max_pixels=1, skipped=[])
