"""The picture shows what was found."""

from __future__ import annotations

import pytest
from PIL import Image

from i2i.benchmarking import plot
from i2i.benchmarking.plot import draw, has_something_to_draw
from i2i.errors import ConfigError


def test_the_picture_is_a_light_png_wide_enough_for_a_readme(report, tmp_path):
    draw(report.to_dict(), tmp_path / "bench.png")

    with Image.open(tmp_path / "bench.png") as image:
        assert image.format == "PNG"
        assert image.width >= 1200
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert (0x1F, 0x5F, 0xA8) in colours  # the bar of "fused"


def test_the_picture_shows_headlines_and_without_any_all_cases(report):
    values = report.to_dict()
    assert [case["name"] for case in plot._shown(values)] == ["first"]  # one failed, one has nobody beside eager
    for case in values["timed"]:
        case["headline"] = False
    assert [case["name"] for case in plot._shown(values)] == ["first"]
    assert not has_something_to_draw({"timed": []})
    with pytest.raises(ValueError, match="got none"):
        draw({"timed": []}, "unused.png")


def test_a_picture_that_cannot_be_written_is_a_setting_to_correct(report, tmp_path):
    with pytest.raises(ConfigError, match="choose another place with --plot"):
        draw(report.to_dict(), tmp_path / "missing" / "bench.png")
