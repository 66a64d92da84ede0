"""What each launch reads and writes, and that the table in docs/cuda.md says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from . import traffic
from .on_host import OnHost


@pytest.fixture(scope="module")
def measured(_library: OnHost) -> list[dict[str, Any]]:
    _library.threads = None
    return [traffic.measure(_library, case) for case in traffic.cases()]


def ratio(row: dict[str, Any]) -> float:
    return float(sum(launch["read"] + launch["written"] for launch in row["launches"]) / row["least"])


def test_planes_that_fit_are_read_and_written_once(measured: list[dict[str, Any]]) -> None:
    resident = [row for row in measured if row["resident"]]
    assert len(resident) >= 10
    for row in resident:
        assert len(row["launches"]) == 1
        assert ratio(row) <= 1.1, row


def test_two_launches_read_their_input_twice_and_no_more(measured: list[dict[str, Any]]) -> None:
    """The statistics read x, the gradients' sums x and the gradient; then everything goes once."""
    for row in measured:
        if row["resident"]:
            continue
        height, width, padding = row["plane"]
        padded = (height + 2 * padding) * (width + 2 * padding) / (height * width)
        again = {"instance_norm_act": 1, "instance_norm_add": 1}.get(row["operator"], 1 + padded)
        if row["operator"].startswith("reflection_pad"):
            again = 0
        size = row["least"] / {"instance_norm_act": 1 + padded, "instance_norm_add": 2 + padded}.get(row["operator"], 1)
        if row["operator"] in ("instance_norm_act", "instance_norm_add"):
            assert ratio(row) * row["least"] / size <= 1.1 * (row["least"] / size + again), row
        else:
            assert ratio(row) <= 1.1 * (2 if again else 1), row


def test_accesses_are_wide(measured: list[dict[str, Any]]) -> None:
    """All of them where nothing is padded or pixels are whole; where a contiguous plane is padded, one side is not."""
    for row in measured:
        for launch in row["launches"]:
            whole = row["layout"] == "channels_last" or row["plane"][2] == 0 or row["resident"]
            assert launch["wide"] >= (0.98 if whole else 0.3), row


def test_the_kept_table_is_what_is_measured(measured: list[dict[str, Any]]) -> None:
    kept = json.loads(traffic.RESULTS.read_text("utf-8"))
    assert kept == measured, "run: python -m tests.cuda_on_host.traffic && python docs/generate.py"
