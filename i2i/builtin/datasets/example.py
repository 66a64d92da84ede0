"""A small folder of pairs, made up for checks. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PAIRS = 4
"""In each split."""
SIDE = 96


def write_example(folder: Path, *, side: int = SIDE) -> Path:
    """Write noise into ``trainA``, ``trainB``, ``testA`` and ``testB``, by the same names, and return the folder."""
    for number, part in enumerate(("trainA", "trainB", "testA", "testB")):
        (folder / part).mkdir(parents=True)
        for pair in range(PAIRS):
            random = np.random.default_rng(number * PAIRS + pair)
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / part / f"{pair:03d}.png")
    return folder
