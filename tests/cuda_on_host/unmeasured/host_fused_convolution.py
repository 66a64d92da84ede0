"""The residual block on its own convolutions, as torch calls it, kernels on the CPU; run like host_operators.py.

PYTHONPATH=.. python host_fused_convolution.py LIBRARY
"""

from __future__ import annotations

import os
import re
import sys

import host_operators
import pytest
import torch


def refusals() -> None:
    x, weight = torch.randn(1, 4, 6, 7), torch.randn(4, 4, 3, 3)
    cases = [
        ("fused", torch.float32, "tensor cores multiply float16 and bfloat16; x is float32"),
        ("fast", torch.float16, "I2I_CUDA_CONV must be cudnn or fused; got 'fast'"),
    ]
    for asked, dtype, words in cases:
        os.environ["I2I_CUDA_CONV"] = asked
        with pytest.raises(RuntimeError, match=re.escape(words)):
            host_operators.call("residual_block", x.to(dtype), weight, weight, *[None] * 4, 1e-5)


def same_as_with_pytorch(channels_last: bool) -> None:
    """Both ways keep the same tensors for the backward pass, up to rounding."""
    torch.manual_seed(1)
    order = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.randn(2, 8, 9, 12).half().contiguous(memory_format=order)
    weight = (torch.randn(8, 8, 3, 3) / 9).half()
    results = []
    for asked in ("fused", "cudnn"):
        os.environ["I2I_CUDA_CONV"] = asked
        results.append(host_operators.call("residual_block_forward", x, weight, weight, *[None] * 4, 1e-5))
    for name, one, other in zip(("out", "y1", "y2", "statistics"), *results, strict=True):
        host_operators.check(name, one, other.double(), 5e-3, like=other)


def main() -> None:
    torch.ops.load_library(sys.argv[1])
    torch.manual_seed(0)
    os.environ["I2I_CUDA_CONV"] = "fused"
    for dtype in (torch.float16, torch.bfloat16):
        for channels_last in (False, True):
            host_operators.residual_block((2, 8, 9, 18), dtype, channels_last, affine=channels_last)
    host_operators.residual_block((1, 5, 7, 6), torch.float16, channels_last=False, affine=True)
    host_operators.residual_block((0, 4, 6, 6), torch.float16, channels_last=False, affine=False)
    for channels_last in (False, True):
        same_as_with_pytorch(channels_last)
    refusals()
    print("the block is right on its own convolutions")


if __name__ == "__main__":
    main()
