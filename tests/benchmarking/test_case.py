"""Deviations from the truth, and candidates that cannot take part."""

import math

import pytest
import torch

from i2i.benchmarking.case import deviation, fused_or_reason


def test_a_deviation_is_relative_to_the_length_of_the_truth():
    found = deviation("output", torch.tensor([3.0, 4.5]), torch.tensor([3.0, 4.0]), limit=0.1)
    assert found.value == pytest.approx(0.1)
    assert deviation("output", torch.tensor([3.0, 4.4]), torch.tensor([3.0, 4.0]), limit=0.1).passes


def test_what_is_not_a_number_does_not_pass():
    found = deviation("output", torch.tensor([math.nan]), torch.ones(1), limit=math.inf)
    assert math.isnan(found.value)
    assert not found.passes


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"output must have shape \[2\]; got \[1, 2\]"):
        deviation("output", torch.ones(1, 2), torch.ones(2), limit=1)


def test_what_runs_fused_is_made_or_is_missing_with_the_reason():
    made = []
    names = ("fused", "fused bf16")
    assert fused_or_reason(None, names, lambda: made.append("made") or [1, 2]) == ([1, 2], {})
    assert fused_or_reason("no kernels", names, lambda: made.append("again")) == (
        [],
        {"fused": "no kernels", "fused bf16": "no kernels"},
    )
    assert made == ["made"]
