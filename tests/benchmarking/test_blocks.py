"""The residual block's cases: right operators pass and are timed, wrong ones are found."""

from __future__ import annotations

import pytest
import torch

from i2i.benchmarking import blocks
from i2i.benchmarking.case import Setting

from . import small


@pytest.mark.parametrize("case", [small.BLOCK, small.CHAIN, small.TRAINING], ids=lambda case: case.name)
def test_real_operators_are_right_and_timed(case):
    small.require_right_and_timed(case)


@pytest.mark.parametrize("case", [small.BLOCK, small.TRAINING], ids=lambda case: case.name)
def test_a_fault_of_a_kernel_is_found(case, monkeypatch):
    monkeypatch.setattr(blocks, "reason_against_fused", lambda *_: None)
    monkeypatch.setattr(blocks, "residual_block", small.spoilt(blocks.residual_block))
    monkeypatch.setattr(
        blocks, "_mask_of_fused", lambda block, x: blocks._mask_of_eager(block, x.float())
    )  # the native library may be missing
    small.require_fault_is_found(case)


def test_a_wrong_gradient_is_found_where_the_output_is_right(monkeypatch):
    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, out):
            return out.view_as(out)

        @staticmethod
        def backward(ctx, grad):
            return grad * 1.001

    block = blocks.residual_block
    monkeypatch.setattr(blocks, "reason_against_fused", lambda *_: None)
    monkeypatch.setattr(blocks, "residual_block", lambda *a, **o: Spoilt.apply(block(*a, **{**o, "impl": "reference"})))
    monkeypatch.setattr(blocks, "_mask_of_fused", lambda block, x: blocks._mask_of_eager(block, x.float()))

    failures = small.run(small.TRAINING).failures

    assert any("fused: the relative error of the gradient of x must be at most 2e-05" in line for line in failures)
    assert not any("the output" in line for line in failures)


def test_candidates_of_the_gpu_say_why_they_are_missing_on_the_cpu():
    setting = Setting(torch.device("cpu"), 1, rivals=False)

    prepared = small.BLOCK.prepare(setting)

    assert prepared.missing["torch.compile"].startswith("left out by --quick")
