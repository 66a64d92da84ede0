"""Norms as exported files compute them: right on large pictures with flat areas, whatever adds up.

A norm divides by a spread, so that what its mean is off by is divided, too. On a white page with a few marks a channel
is the same number in almost every place, and its spread a hundredth of it: ONNX Runtime and OpenVINO, which add up four
million float32 in one go, are then off by whole levels of colour, and on a page of one colour all that is left is
rounding. The forms below mean the same as ``aten::instance_norm`` and are written in operators whose sums are short or
start near zero. On a page of one colour they give exactly the shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.export import ExportedProgram

Form = Literal["onnx", "torch"]
Standardise = Callable[[Tensor, float], Tensor]
"""From ``[N, C, H, W]`` and eps to the same shape, each plane of mean 0 and spread 1."""

CLOSE = 2.0**-13
"""How far, as a share of it, a mean that was added up in float32 may lie from the one number that all were."""
SAMPLED_ROWS = 16
"""Every how many rows tell about the mean: so few cost nothing, and cost the variance a decimal place at most."""


def with_exact_norms(program: ExportedProgram, form: Form) -> ExportedProgram:
    """Write a program's instance and group norms in the form that suits what will run it.

    Args:
        program: in evaluation mode, with ``aten::instance_norm`` and ``aten::group_norm`` where norms are.
        form: ``"onnx"``, for programs that add up in float32; ``"torch"``, for PyTorch, which adds up in float64.
    """
    standardise = _in_short_sums if form == "onnx" else _by_pytorch
    exact: ExportedProgram = program.run_decompositions(
        {
            torch.ops.aten.instance_norm.default: _instance_norm(standardise),
            torch.ops.aten.group_norm.default: _group_norm(standardise),
        }
    )
    return exact


def _instance_norm(standardise: Standardise) -> Callable[..., Any]:
    def instance_norm(
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        use_input_stats: bool,
        momentum: float,
        eps: float,
        _cudnn_enabled: bool,
    ) -> Any:  # a tensor, or that it is left as it is
        if not use_input_stats:
            return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
        if x.dim() != 4:
            return NotImplemented
        return _affine(standardise(x, eps), weight, bias)

    return instance_norm


def _group_norm(standardise: Standardise) -> Callable[..., Any]:
    def group_norm(
        x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, _cudnn_enabled: bool
    ) -> Any:
        if x.dim() != 4:
            return NotImplemented
        batch, channels, height, width = x.shape
        planes = x.reshape(batch, groups, channels // groups * height, width)
        return _affine(standardise(planes, eps).reshape(batch, channels, height, width), weight, bias)

    return group_norm


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight.view(1, -1, 1, 1)
    return x if bias is None else x + bias.view(1, -1, 1, 1)


def _in_short_sums(x: Tensor, eps: float) -> Tensor:
    """Subtract about the mean, then the mean of what that leaves, in sums along rows and then along columns.

    Each is a thousandth as long as a sum over the plane, and so is what it is off by. About the mean is that of every
    sixteenth row; or where it cannot be told from the first pixel, that pixel: what is flat becomes exactly zero, and
    zeros add up to zero.
    """
    some, pixel = _mean(x[:, :, ::SAMPLED_ROWS]), x[:, :, :1, :1]
    centred = x - torch.where((some - pixel).abs() <= some.abs() * CLOSE, pixel, some)
    rest = _mean(centred)
    variance = _mean(centred * centred) - rest * rest
    return (centred - rest) * torch.rsqrt(variance + eps)


def _mean(x: Tensor) -> Tensor:
    return x.mean(3, keepdim=True).mean(2, keepdim=True)


def _by_pytorch(x: Tensor, eps: float) -> Tensor:
    """Let PyTorch's own norm begin from zero.

    It adds up in float64, but computes ``x * scale + shift`` at the end, in which what is flat leaves rounding behind,
    three hundred times as large when there is no spread to divide by.
    """
    batch, channels, height, width = x.shape
    from_zero = (x - x[:, :, :1, :1]).reshape(1, batch * channels, height, width)
    normed: Tensor = torch.ops.aten._native_batch_norm_legit.no_stats(from_zero, None, None, True, 0.0, eps)[0]
    return normed.reshape(batch, channels, height, width)
