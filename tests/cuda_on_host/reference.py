"""The operators in float64 by PyTorch's own functions, and inputs for them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = {torch.float32: 4e-6, torch.float16: 1.2e-3, torch.bfloat16: 9e-3}
"""Largest error against float64, relative to the largest value: rounding of the result, and for float32 of the sums."""


def images(*shape: int, dtype: torch.dtype = torch.float32, channels_last: bool = False) -> Tensor:
    """Random images with a mean and a deviation that are not 0 and 1."""
    x = (torch.randn(*shape, dtype=torch.float64) * 2 + 3).to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def affine(channels: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weight and bias; no weight is near 0."""
    return (torch.rand(channels) + 0.5).to(dtype), torch.randn(channels).to(dtype)


def in_float64(
    x: Tensor, skip: Tensor | None, weight: Tensor | None, bias: Tensor | None, act: str, pad: int, eps: float = 1e-5
) -> Tensor:
    """Either operator; all tensors float64, gradients flow."""
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    out = (x - mean) / torch.sqrt(variance + eps)
    if weight is not None and bias is not None:
        out = out * weight[:, None, None] + bias[:, None, None]
    if skip is not None:
        out = out + skip
    if act == "relu":
        out = F.relu(out)
    if act == "leaky_relu":
        out = F.leaky_relu(out, 0.2)
    return F.pad(out, (pad,) * 4, mode="reflect") if pad else out


def expected(
    x: Tensor, skip: Tensor | None, weight: Tensor | None, bias: Tensor | None, act: str, pad: int, eps: float = 1e-5
) -> Tensor:
    """The forward pass on tensors of any type."""
    doubles = [None if tensor is None else tensor.double() for tensor in (x, skip, weight, bias)]
    assert doubles[0] is not None
    return in_float64(doubles[0], *doubles[1:], act, pad, eps)


def expected_gradients(
    gradient: Tensor, x: Tensor, skip: Tensor | None, weight: Tensor | None, bias: Tensor | None, act: str, pad: int
) -> list[Tensor | None]:
    """Gradients for ``x, skip, weight, bias``."""
    leaves = [None if tensor is None else tensor.double().requires_grad_() for tensor in (x, skip, weight, bias)]
    assert leaves[0] is not None
    in_float64(leaves[0], *leaves[1:], act, pad).backward(gradient.double())
    return [None if leaf is None else leaf.grad for leaf in leaves]


def relative_error(got: Tensor, wanted: Tensor) -> float:
    """Largest error, relative to the largest value or to 1; NaN where ``got`` has NaN."""
    if wanted.numel() == 0:
        return 0.0
    return float((got.double() - wanted).abs().max() / wanted.abs().max().clamp_min(1.0))


def assert_close(name: str, got: Tensor | None, wanted: Tensor | None, tolerance: float) -> None:
    """Fail with the error where it is above the tolerance; None goes with None."""
    if got is None or wanted is None:
        assert got is None
        assert wanted is None
        return
    assert got.shape == wanted.shape, name
    error = relative_error(got, wanted)
    assert error <= tolerance, f"{name}: relative error {error:.2e} > {tolerance:.1e}"
