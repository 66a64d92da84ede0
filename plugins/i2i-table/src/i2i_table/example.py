"""A table of pairs, made up for checks."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from i2i_table.plugin import TableOptions

PAIRS = {"train": 4, "test": 2}
SIDE = 96


def write_pairs(folder: Path, options: TableOptions) -> Path:
    """Write noise as pictures, and the table with the columns and the delimiter that the options ask for."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    random = np.random.default_rng(0)
    path = folder / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=options.delimiter or ",")
        table.writerow([options.column_A, options.column_B, options.column_split])
        for split, count in PAIRS.items():
            for number in range(count):
                names = [f"{split}-{number}-{domain}.png" for domain in "ab"]
                for name in names:
                    Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(pictures / name)
                start = pictures if options.pictures is not None else Path("pictures")
                table.writerow([*(str(start / name) for name in names), split])
    return path
