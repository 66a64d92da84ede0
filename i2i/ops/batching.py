"""``torch.vmap`` of the native operators: the mapped dimension joins the batch where it can, else they run in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Dims = Sequence[int | None]


def fold(tensor: Tensor, mapped: int | None, size: int, at: int = 0) -> Tensor:
    """Return ``tensor`` with its mapped dimension joined to the dimension ``at``, which holds the batch.

    A tensor that is not mapped is repeated: ``size`` times as many samples either way.

    Raises:
        ValueError: when there are no samples.
    """
    _require_samples(size)
    if mapped is None:
        moved = tensor.unsqueeze(at).expand(*tensor.shape[:at], size, *tensor.shape[at:])
    else:
        moved = tensor.movedim(mapped, at)
    return moved.flatten(at, at + 1)


def unfold(tensor: Tensor, size: int, at: int = 0) -> Tensor:
    """Undo :func:`fold`: the mapped dimension stands at ``at`` again."""
    shape = tensor.shape
    return tensor.reshape([*shape[:at], size, shape[at] // size, *shape[at + 1 :]])


def in_turn(operator: Callable[..., Any], size: int, mapped: Dims, arguments: Sequence[Any]) -> tuple[Any, Any]:
    """Call an operator for each of the mapped samples and stack the results.

    For parameters that differ from sample to sample, and for gradients of parameters, which are to be kept apart.

    Returns:
        What a rule for ``torch.vmap`` returns: the stacked outputs and their mapped dimensions.

    Raises:
        ValueError: when there are no samples.
    """
    _require_samples(size)
    calls = [
        operator(
            *(
                argument if dim is None else argument.select(dim, sample)
                for argument, dim in zip(arguments, mapped, strict=True)
            )
        )
        for sample in range(size)
    ]
    if isinstance(calls[0], Tensor):
        return torch.stack(calls), 0
    return tuple(torch.stack(outputs) for outputs in zip(*calls, strict=True)), (0,) * len(calls[0])


def _require_samples(size: int) -> None:
    if size == 0:
        raise ValueError(
            "torch.vmap must map at least one sample over a fused operator; got 0; leave out the call then"
        )
