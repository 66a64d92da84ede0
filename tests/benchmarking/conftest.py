"""What every run would spend seconds on, and what these tests do not look at."""

from __future__ import annotations

import pytest

from i2i.benchmarking import machine, runner


@pytest.fixture(autouse=True)
def small_peak(monkeypatch):
    """Measure the machine's peak with small matrices, and ask git nothing."""
    monkeypatch.setattr(runner, "PEAK_SIDE", {"cpu": 64})
    monkeypatch.setattr(machine, "commit", lambda: "0123456789ab")
