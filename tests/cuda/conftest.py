"""What the tests on a CUDA device share: the device, and numbers that can be compared. The first test compiles."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from i2i.ops.native import library

OPERATORS = ("residual_block", "instance_norm_act", "instance_norm_add")


@pytest.fixture
def device() -> Iterator[torch.device]:
    """The first CUDA device, its kernels loaded, convolutions in full precision and the same at every run."""
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device here")
    for operator in OPERATORS:
        reason = library.why_missing(operator, "cuda")
        if reason is not None and os.environ.get("I2I_BUILD") == "required":  # as scripts/cuda-test asks for
            pytest.fail(reason)
        if reason is not None:
            pytest.skip(reason)
    torch.manual_seed(0)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield torch.device("cuda", 0)
