"""The operators in float64 by their formulas, and calls of each to test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.ops import instance_norm_act, instance_norm_add, residual_block

TYPES = (torch.float32, torch.float16, torch.bfloat16)
TOLERANCE = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Of values, relative to the largest one; gradients get ten times as much."""
SLOPES = {"relu": 0.0, "leaky_relu": 0.2}
SHAPES = (
    *((2, 8, 37, 41), (1, 256, 64, 64), (1, 16, 128, 128), (1, 4, 256, 256), (3, 5, 7, 6)),
    *((1, 3, 111, 110), (1, 3, 62, 99), (1, 2, 156, 157)),
)
"""Resident planes, planes that no block can hold, channels that fill no 16 bytes, sizes that fill no block; and planes
with which a block needs about the 48 KiB that a device grants unasked."""


@dataclass(frozen=True)
class Call:
    """A fused call, the same in float64, how many of the arguments are images, and the border of the result."""

    name: str
    fused: Callable[..., Tensor]
    reference: Callable[..., Tensor]
    images: int
    border: int

    def masked_reference(self, out: Tensor) -> Callable[..., Tensor]:
        """The reference with the activation's mask of a fused result."""
        if self.images == 2:
            return self.reference
        border = self.border
        inside = out[:, :, border : out.shape[2] - border, border : out.shape[3] - border]
        return partial(self.reference, mask=inside.detach() > 0)


def norm(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    out = (x - mean) / torch.sqrt(variance + 1e-5)
    return out if weight is None or bias is None else out * weight[:, None, None] + bias[:, None, None]


def pad(x: Tensor, by: int) -> Tensor:
    return F.pad(x, (by,) * 4, mode="reflect") if by else x


def norm_act(x: Tensor, weight: Tensor, bias: Tensor, *, act: str, by: int, mask: Tensor | None = None) -> Tensor:
    """With ``mask``, what the activation lets through: of a million values one is so near 0 that rounding decides."""
    out = norm(x, weight, bias)
    if act != "none":
        out = torch.where(out > 0 if mask is None else mask, out, out * SLOPES[act])
    return pad(out, by)


def norm_add(x: Tensor, skip: Tensor, weight: Tensor, bias: Tensor, *, by: int) -> Tensor:
    return pad(norm(x, weight, bias) + skip, by)


def fused_act(x: Tensor, weight: Tensor, bias: Tensor, *, act: str, by: int) -> Tensor:
    return instance_norm_act(x, weight, bias, act=act, pad=by, impl="fused")


def fused_add(x: Tensor, skip: Tensor, weight: Tensor, bias: Tensor, *, by: int) -> Tensor:
    return instance_norm_add(x, skip, weight, bias, pad=by, impl="fused")


def act_call(act: str, by: int) -> Call:
    return Call(f"{act}, pad {by}", partial(fused_act, act=act, by=by), partial(norm_act, act=act, by=by), 1, by)


def add_call(by: int) -> Call:
    return Call(f"add, pad {by}", partial(fused_add, by=by), partial(norm_add, by=by), 2, by)


CALLS = (act_call("relu", 1), act_call("none", 0), act_call("leaky_relu", 3), add_call(0), add_call(2))


def arguments(
    call: Call, shape: tuple[int, ...], dtype: torch.dtype, *, channels_last: bool, device: torch.device
) -> list[Tensor]:
    """Leaves that require gradients: the images, then weight and bias in float32."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    made = [
        (torch.randn(shape, device=device) * 2 + 1).to(dtype).contiguous(memory_format=order)
        for _ in range(call.images)
    ]
    made += [torch.rand(shape[1], device=device) + 0.5, torch.randn(shape[1], device=device)]
    return [tensor.requires_grad_() for tensor in made]


def use_convolution(
    convolution: str, dtype: torch.dtype, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> torch.dtype:
    """Have the residual block convolve with cuDNN, or with the project's own kernel, which skips what it cannot do.

    Returns:
        The dtype to compute in: ``dtype``, or for cuDNN float32.
    """
    monkeypatch.setenv("I2I_CUDA_CONV", convolution)
    if convolution == "cudnn":
        return torch.float32
    least = {torch.float16: (7, 5), torch.bfloat16: (8, 0)}.get(dtype)
    if least is None:
        pytest.skip("tensor cores multiply float16 and bfloat16")
    if torch.cuda.get_device_capability(device) < least:
        pytest.skip(f"{dtype} needs compute capability {least[0]}.{least[1]}")
    return dtype


def fused_block(x: Tensor, weight1: Tensor, weight2: Tensor) -> Tensor:
    return residual_block(x, weight1, None, weight2, None, impl="fused")


def block(x: Tensor, weight1: Tensor, weight2: Tensor) -> Tensor:
    y = F.relu(norm(F.conv2d(pad(x, 1), weight1), None, None))
    return x + norm(F.conv2d(pad(y, 1), weight2), None, None)


def block_arguments(
    shape: tuple[int, ...], dtype: torch.dtype, *, channels_last: bool, device: torch.device
) -> list[Tensor]:
    """Leaves that require gradients: x and both filters."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    channels = shape[1]
    x = torch.randn(shape, device=device).to(dtype).contiguous(memory_format=order)
    filters = [torch.randn(channels, channels, 3, 3, device=device) / (3 * channels**0.5) for _ in range(2)]
    return [x.requires_grad_(), *(one.to(dtype).requires_grad_() for one in filters)]


def relative_error(got: Tensor, wanted: Tensor) -> float:
    """Largest error, relative to the largest value; NaN where ``got`` has NaN."""
    got, wanted = got.detach().double(), wanted.detach().double()
    return float((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-3))
