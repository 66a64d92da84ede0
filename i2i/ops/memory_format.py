"""The order of a tensor's values in memory: the operators give back the one they were given."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def memory_format_of(x: Tensor) -> torch.memory_format:
    """Return the memory format in which results for ``x`` come: channels_last if ``x`` has it, else contiguous.

    A tensor that is both, having one channel or one pixel, counts as contiguous.
    """
    if not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    return torch.contiguous_format


def in_layout_of(x: Tensor, result: Tensor) -> Tensor:
    """Return ``result`` in the memory format of ``x``; no copy where it has that already."""
    return result.contiguous(memory_format=memory_format_of(x))


def empty_in_layout_of(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return an uninitialised tensor ``[N, C, H, W]`` with dtype, device and memory format of ``x``."""
    return torch.empty(tuple(shape), dtype=x.dtype, device=x.device, memory_format=memory_format_of(x))


def empty_norm_outputs(x: Tensor, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return uninitialised outputs of a native norm: the padded planes, means and reciprocal standard deviations."""
    batch, channels, height, width = x.shape
    out = empty_in_layout_of(x, [batch, channels, height + 2 * pad, width + 2 * pad])
    mean = x.new_empty([batch, channels], dtype=torch.float32)
    return out, mean, torch.empty_like(mean)


def empty_gradient_of(parameter: Tensor | None, x: Tensor) -> Tensor:
    """Return an uninitialised gradient of a parameter, or a tensor without elements where there is no parameter."""
    if parameter is None:
        return x.new_empty([0], dtype=torch.float32)
    return torch.empty(parameter.shape, dtype=parameter.dtype, device=parameter.device)
