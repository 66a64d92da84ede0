"""Norms as exported files compute them: right on large pictures with flat areas, whatever adds up.

A norm divides by a spread, so that what its mean is off by is divided, too. On a white page with a few marks a channel
is the same number in almost every place, and its spread a hundredth of it: ONNX Runtime and OpenVINO, which add up four
million float32 in one go, are then off by whole levels of colour, and on a page of one colour all that is left is
rounding. The forms here and in :mod:`i2i.engine.export_onnx_norm` mean the same as ``aten::instance_norm`` and are
written in operators whose sums are short or start near zero. On a page of one colour they give exactly the shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.export import ExportedProgram

INSTANCE_NORM = torch.ops.aten.instance_norm.default
GROUP_NORM = torch.ops.aten.group_norm.default


def with_exact_norms(program: ExportedProgram, form: Literal["onnx", "torch"]) -> ExportedProgram:
    """Write a program's instance and group norms in the form that suits what will run it.

    Args:
        program: in evaluation mode.
        form: ``"torch"``, for PyTorch; or ``"onnx"``, where instance norms stay, for
            :func:`~i2i.engine.export_onnx_norm.write_exact_norms`, and group norms become such.
    """
    rules: dict[Any, Callable[..., Any]] = (
        {GROUP_NORM: _group_norm_as_instance_norm}
        if form == "onnx"
        else {INSTANCE_NORM: _instance_norm, GROUP_NORM: _group_norm}
    )
    if not any(node.target in rules for node in program.graph.nodes):
        return program  # rewriting a program takes seconds
    exact: ExportedProgram = program.run_decompositions(rules)
    return exact


def _instance_norm(
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
    return _affine(_standardise(x, eps), weight, bias)


def _group_norm(
    x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, _cudnn_enabled: bool
) -> Any:
    if x.dim() != 4:
        return NotImplemented
    return _affine(_standardise(_planes(x, groups), eps).reshape(x.shape), weight, bias)


def _group_norm_as_instance_norm(
    x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, _cudnn_enabled: bool
) -> Any:
    if x.dim() != 4:
        return NotImplemented
    return _affine(F.instance_norm(_planes(x, groups), eps=eps).reshape(x.shape), weight, bias)


def _planes(x: Tensor, groups: int) -> Tensor:
    """From ``[N, C, H, W]`` to ``[N, groups, C / groups * H, W]``."""
    batch, channels, height, width = x.shape
    return x.reshape(batch, groups, channels // groups * height, width)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight.view(1, -1, 1, 1)
    return x if bias is None else x + bias.view(1, -1, 1, 1)


def _standardise(x: Tensor, eps: float) -> Tensor:
    """Let PyTorch's own norm begin from zero.

    It adds up in float64, but computes ``x * scale + shift`` at the end, in which what is flat leaves rounding behind,
    three hundred times as large when there is no spread to divide by.
    """
    batch, channels, height, width = x.shape
    from_zero = (x - x[:, :, :1, :1]).reshape(1, batch * channels, height, width)
    normed: Tensor = torch.ops.aten._native_batch_norm_legit.no_stats(from_zero, None, None, True, 0.0, eps)[0]
    return normed.reshape(batch, channels, height, width)
