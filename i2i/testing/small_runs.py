"""What a test of a plugin trains with: a few pictures, and networks so small that a run takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2i.builtin.datasets.example import write_example

SMALL_RUN: Mapping[str, Any] = {
    "method.name": "pix2pix",
    "generator.name": "resnet",
    "generator.blocks": 1,
    "generator.base_channels": 2,
    "discriminator.name": "pixel",
    "discriminator.base_channels": 2,
    "training.device": "cpu",
    "training.workers": 0,
    "training.log_every": 1,
    "training.sample_images": 1,
    "training.evaluation_images": 2,
}
"""Settings of a small run, for ``i2i.run(..., set={**SMALL_RUN, ...})``: pix2pix on the CPU, every step in the log."""


def write_pairs(folder: str | Path, *, side: int = 32) -> Path:
    """Write four pairs for training and four held-out ones: noise that is the same every time, as PNG of 8 bits.

    Args:
        folder: new or empty; it gets ``trainA``, ``trainB``, ``testA`` and ``testB``.
        side: height and width in pixels, from 1.

    Returns:
        The folder, for ``i2i.run(data=...)``.

    Raises:
        ValueError: ``side`` is below 1.
        FileExistsError: one of its folders is there.
    """
    if side < 1:
        raise ValueError(f"side must be at least 1; got {side}")
    return write_example(Path(folder), side=side)
