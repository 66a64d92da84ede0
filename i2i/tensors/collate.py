"""Samples of a data set as one batch."""

from __future__ import annotations

from typing import Any

import torch


def collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack tensors to ``[N, ...]``, flags to a bool tensor ``[N]``, and keep the rest in lists.

    Raises:
        ValueError: when images of one batch differ in size.
    """
    batch: dict[str, Any] = {}
    for key, first in samples[0].items():
        values = [sample[key] for sample in samples]
        if isinstance(first, torch.Tensor):
            sizes = {tuple(value.shape) for value in values}
            if len(sizes) > 1:
                raise ValueError(
                    f"images of one batch must have one size; got {', '.join(map(str, sorted(sizes)))} "
                    "(use --batch-size 1, or a data.mode that crops)"
                )
            batch[key] = torch.stack(values)
        elif isinstance(first, bool):
            batch[key] = torch.tensor(values)
        else:
            batch[key] = values
    return batch
