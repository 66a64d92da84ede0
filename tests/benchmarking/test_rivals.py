"""What other people's software needs is named where it is missing."""

from __future__ import annotations

import sys

from i2i.benchmarking import rivals


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert rivals.missing_packages("torch") is None
    reason = rivals.missing_packages("torch", "openvino")

    assert reason.startswith("openvino cannot be imported (ModuleNotFoundError: ")
    assert 'pip install "i2i[bench]"' in reason
