"""The residual block on convolutions of our own, where I2I_CUDA_CONV asks for them: what it computes and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..test_host_operators import run_on_host


@pytest.mark.slow
def test_the_block_is_right_on_its_own_convolutions() -> None:
    told = run_on_host(Path(__file__).with_name("host_fused_convolution.py"))
    assert "the block is right on its own convolutions" in told
