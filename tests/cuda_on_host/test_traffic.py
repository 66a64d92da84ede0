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


def test_two_launches_read_what_they_reduce_twice_and_no_more(measured: list[dict[str, Any]]) -> None:
    """In channels_last partial results come on top, which every block reads for all of its channels."""
    several = [row for row in measured if not row["resident"]]
    assert len(several) >= 20
    for row in several:
        assert len(row["launches"]) == (1 if "reflection_pad" in row["operator"] else 2)
        assert ratio(row) <= (1.2 if row["layout"] == "channels_last" else 1.1), row


def test_accesses_are_wide(measured: list[dict[str, Any]]) -> None:
    """All but parameters and partial results; where a contiguous plane is padded in global memory, one side is not."""
    for row in measured:
        for launch in row["launches"]:
            whole = row["layout"] == "channels_last" or row["plane"][2] == 0 or row["resident"]
            assert launch["wide"] >= (0.8 if whole else 0.48), row


def test_the_kept_table_is_what_is_measured(measured: list[dict[str, Any]]) -> None:
    kept = json.loads(traffic.RESULTS.read_text("utf-8"))
    assert kept == measured, "run: python -m tests.cuda_on_host.traffic && python docs/generate.py"
