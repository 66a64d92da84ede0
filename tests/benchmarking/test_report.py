"""The file, the tables and the picture say what was found."""

from __future__ import annotations

import json

import pytest

from i2i.benchmarking.report import circumstances, memory_rows, missing_lines, timed_rows, write_json
from i2i.errors import ConfigError


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


def test_a_reason_for_missing_rows_is_printed_once(report):
    assert "OpenVINO, ONNX Runtime: not here" in missing_lines(report.to_dict())


def test_circumstances_are_one_line(report):
    line = circumstances(report.to_dict())

    assert "1 thread of" in line
    assert "torch 2." in line
    assert "\n" not in line
