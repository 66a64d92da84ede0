"""What the tests on a CUDA device share: the device, and numbers that can be compared.

``scripts/cuda-test`` builds the kernels, names their library in ``I2I_CUDA_LIBRARY`` and runs these tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from i2i.ops import library, native

OPERATORS = ("residual_block", "instance_norm_act", "instance_norm_add")


@pytest.fixture(scope="session")
def _kernels() -> None:
    """The kernels' library, which has to come after the one with the operators' signatures."""
    if os.environ.get("I2I_CUDA_LIBRARY") and native.load().name != "reference":
        torch.ops.load_library(os.environ["I2I_CUDA_LIBRARY"])


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    """The first CUDA device, its kernels loaded, convolutions in full precision and the same at every run."""
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device here")
    request.getfixturevalue("_kernels")
    for operator in OPERATORS:
        reason = library.why_missing(operator, "cuda")
        if reason is not None:
            pytest.skip(reason)
    torch.manual_seed(0)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield torch.device("cuda", 0)
