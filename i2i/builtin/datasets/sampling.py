"""Random choices as pure functions of (seed, epoch, index): workers, batch size and resumes change nothing. No torch.

Counter-based: each sample and each purpose has a Philox stream of its own. Only ``SeedSequence`` and raw 64-bit draws
are used, whose values NumPy promises to keep between versions (NEP 19); its distributions carry no such promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Purpose = Literal["A", "B", "choice"]
_STREAMS: dict[Purpose, int] = {"A": 0, "B": 1, "choice": 2}


@dataclass(frozen=True)
class Placement:
    """Where to crop and whether to mirror, apart from any image's size.

    Attributes:
        across: in [0, 1), from the leftmost to the rightmost crop.
        down: in [0, 1), from the topmost to the lowest crop.
        flip: whether to mirror left to right.
    """

    across: float
    down: float
    flip: bool


CENTRE = Placement(across=0.5, down=0.5, flip=False)
"""What test images get."""


def draw_placement(seed: int, epoch: int, index: int, domain: Literal["A", "B"], *, flip: bool) -> Placement:
    """Draw crop and mirroring of one image; without ``flip`` it is never mirrored and the crop is the same."""
    across, down, mirror = _uniform(seed, epoch, index, domain, 3)
    return Placement(across, down, flip and mirror < 0.5)


def draw_choice(seed: int, epoch: int, index: int, count: int) -> int:
    """Draw one of ``count`` images, uniformly, with replacement between samples."""
    return int(_uniform(seed, epoch, index, "choice", 1)[0] * count)


def _uniform(seed: int, epoch: int, index: int, purpose: Purpose, count: int) -> list[float]:
    stream = np.random.SeedSequence(seed, spawn_key=(epoch, index, _STREAMS[purpose]))
    words = np.random.Philox(stream).random_raw(count)
    return [(int(word) >> 11) * 2.0**-53 for word in words]  # the upper 53 bits, as many as a double holds
