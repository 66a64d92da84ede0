"""What the tests of the operators share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from i2i.ops.native import library

OPERATORS = ("residual_block", "instance_norm_act", "instance_norm_add", "image_convolution")


@pytest.fixture(autouse=True)
def _same_numbers_and_one_thread() -> Iterator[None]:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def native() -> None:
    """Skip what needs the native kernels where they cannot be had; with ``I2I_BUILD=required`` that is an error."""
    for operator in OPERATORS:
        reason = library.why_missing(operator, "cpu")
        if reason is not None:
            pytest.skip(reason)
