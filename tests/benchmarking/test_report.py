"""The file, the tables and the picture say what was found."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from i2i.benchmarking.plot import draw, has_something_to_draw
from i2i.benchmarking.report import circumstances, memory_rows, missing_lines, timed_rows, write_json
from i2i.benchmarking.runner import BenchOptions, run_bench
from i2i.errors import ConfigError

from . import small


@pytest.fixture(scope="module")
def report():
    cases = [
        small.case_of(small.doubling("eager"), small.doubling("fused"), missing={"OpenVINO": "not here"}, name="first"),
        small.case_of(small.doubling("eager"), small.doubling("fused", 3.0), name="wrong"),
        small.case_of(small.doubling("eager"), missing={"ONNX Runtime": "not here"}, name="alone"),
        small.MEMORY,
    ]
    return run_bench(BenchOptions(quick=True, repeat=2, threads=1), cases=cases)


def test_the_file_holds_everything(report, tmp_path):
    write_json(report, tmp_path / "report.json")

    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert read["format"] == 1
    assert [case["name"] for case in read["timed"]] == ["first", "wrong", "alone"]
    fused = read["timed"][0]["results"][1]
    assert fused["seconds"]["count"] == 2
    assert fused["errors"]["output"] == {"value": 0.0, "limit": 1e-6}
    assert set(fused["ratio"]) == {"count", "median", "lower", "upper", "minimum", "maximum"}
    assert read["memory"][0]["bytes"]["eager"] > 0


def test_a_file_that_cannot_be_written_is_a_setting_to_correct(report, tmp_path):
    with pytest.raises(ConfigError, match="choose another place with --report"):
        write_json(report, tmp_path / "missing" / "report.json")


def test_rows_hold_ratios_errors_and_failures(report):
    rows = list(timed_rows(report.to_dict()))

    assert [row[1] for row in rows] == ["eager", "fused", "FAILED, not timed", "eager"]
    assert rows[0][0] == "Made-up work, first"
    assert rows[1][0] == ""  # the title stands once
    assert rows[0][4] == "1.00 x"
    assert rows[1][5] == "0.0e+00"
    assert "relative error of the output" in rows[2][2]


def test_memory_is_compared_with_eager(report):
    rows = list(memory_rows(report.to_dict()))

    assert rows[0][1] == "eager"
    assert rows[0][3] == "1.00"


def test_a_reason_for_missing_rows_is_told_once(report):
    assert "OpenVINO, ONNX Runtime: not here" in missing_lines(report.to_dict())


def test_circumstances_are_one_line(report):
    line = circumstances(report.to_dict())

    assert "1 thread of" in line
    assert "torch 2." in line
    assert "\n" not in line


def test_the_picture_is_a_light_png_wide_enough_for_a_readme(report, tmp_path):
    draw(report.to_dict(), tmp_path / "bench.png")

    with Image.open(tmp_path / "bench.png") as image:
        assert image.format == "PNG"
        assert image.width >= 1200
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert (0x1F, 0x5F, 0xA8) in colours  # the bar of "fused"


def test_the_picture_shows_headlines_and_without_any_all_cases(report):
    from i2i.benchmarking import plot

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
