"""Inputs, and formulas in float64, that the tests of several operators take."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def images(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def filters(channels: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Filters whose outputs vary about as much as their inputs."""
    return (images(channels, channels, 3, 3, dtype=torch.float64, seed=seed) / (3 * channels**0.5)).to(dtype)


def relative_error(got: Tensor, expected: Tensor) -> float:
    """How far ``got`` is from ``expected``, of the length of ``expected``."""
    return float((got.double() - expected.double()).norm() / expected.double().norm())


def normalised(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Ulyanov et al., equation 1, word by word."""
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3), keepdim=True)
    x = (x - mean) / torch.sqrt(variance + eps)
    if weight is None or bias is None:
        return x
    return x * weight[:, None, None] + bias[:, None, None]


def reflected(x: Tensor, pad: int) -> Tensor:
    """Reflection by index: -1 is 1, H is H - 2."""
    rows, columns = (
        torch.tensor([min(abs(i), 2 * (size - 1) - i) for i in range(-pad, size + pad)]) for size in x.shape[2:]
    )
    return x[:, :, rows][:, :, :, columns]


def block_formula(x: Tensor, weight1: Tensor, weight2: Tensor, *norms: Tensor | None) -> Tensor:
    """The residual block with eps 1e-5; ``norms`` are scale and shift of the first and of the second."""
    scale1, shift1, scale2, shift2 = norms or (None,) * 4
    y = F.conv2d(reflected(x, 1), weight1)
    y = normalised(y, scale1, shift1).clamp(min=0)
    y = F.conv2d(reflected(y, 1), weight2)
    return x + normalised(y, scale2, shift2)


LAYOUTS = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "slice": lambda x: torch.cat([x, x], 3)[..., : x.shape[3]],
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "every second channel": lambda x: x.repeat_interleave(2, 1)[:, ::2],
}
"""The same values at other places in memory."""
