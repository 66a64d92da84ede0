"""The norms' cases: right operators pass and are timed, wrong ones are found."""

from __future__ import annotations

import pytest

from i2i.benchmarking import norms

from . import small


@pytest.mark.parametrize("case", [small.ACT, small.ADD], ids=lambda case: case.name)
def test_real_operators_are_right_and_timed(case):
    small.require_right_and_timed(case)


@pytest.mark.parametrize(
    ("case", "operator"), [(small.ACT, "instance_norm_act"), (small.ADD, "instance_norm_add")], ids=["act", "add"]
)
def test_a_fault_of_a_kernel_is_found(case, operator, monkeypatch):
    monkeypatch.setattr(norms, "reason_against_fused", lambda *_: None)
    monkeypatch.setattr(norms, operator, small.spoilt(getattr(norms, operator)))
    small.require_fault_is_found(case)
