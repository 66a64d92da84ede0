"""What every run would spend seconds on, and what these tests do not look at."""

from __future__ import annotations

import pytest

from i2i.benchmarking import machine, runner
from i2i.benchmarking.report import BenchReport

from . import small


@pytest.fixture(autouse=True)
def small_peak(monkeypatch):
    """Measure the machine's peak with small matrices, and ask git nothing."""
    monkeypatch.setattr(runner, "PEAK_SIDE", {"cpu": 64})
    monkeypatch.setattr(machine, "commit", lambda: "0123456789ab")


@pytest.fixture(scope="session")
def report() -> BenchReport:
    """Of a case that is right, one that is wrong, one of eager alone, and memory."""
    cases = [
        small.case_of(small.doubling("eager"), small.doubling("fused"), missing={"OpenVINO": "not here"}, name="first"),
        small.case_of(small.doubling("eager"), small.doubling("fused", 3.0), name="wrong"),
        small.case_of(small.doubling("eager"), missing={"ONNX Runtime": "not here"}, name="alone"),
        small.MEMORY,
    ]
    return small.run(*cases)
