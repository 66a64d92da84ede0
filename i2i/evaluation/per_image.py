"""What each image scores: how sure an average is, which images are the best and the worst, and a table for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from i2i.files.atomic import write_whole

FEWEST_RESAMPLED = 5
"""Images below which an average has no interval: resampling fewer says nothing."""
RESAMPLES = 2000

_AT_ONCE = 1 << 20
"""Indices that are drawn at once."""


@dataclass(frozen=True)
class PerImage:
    """The values of single images, in the order in which they were measured.

    Attributes:
        names: of the images.
        values: by metric, or baseline and metric, one value an image.
    """

    names: Sequence[str] = ()
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def to_csv(self) -> str:
        """A table with the column ``name`` and one for each metric; an infinite value is ``inf``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", *self.values])
        writer.writerows(zip(self.names, *self.values.values(), strict=True))
        return text.getvalue()

    def write(self, path: Path) -> Path:
        """Write the table, and return its path.

        Raises:
            RunFolderError: it cannot be written.
        """
        return write_whole(path, self.to_csv().encode("utf-8", "surrogateescape"))

    def ranked(self, metric: str, *, better: int) -> list[int]:
        """The places of all images, from the worst by a metric to the best.

        Args:
            metric: one that was measured.
            better: the sign of an improvement.
        """
        values = self.values[metric]
        return sorted(range(len(values)), key=lambda place: better * values[place])


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Where the mean lies with 95 % confidence: the percentile bootstrap (Efron 1979) over images, always the same.

    It covers what other images would have given, and neither another training nor images of another kind.

    Returns:
        The ends; ``None`` for fewer than :data:`FEWEST_RESAMPLED` values, or where one is infinite.
    """
    known = np.asarray(values, dtype=np.float64)
    if len(known) < FEWEST_RESAMPLED or not np.isfinite(known).all():
        return None
    random, rows = np.random.default_rng(0), max(1, _AT_ONCE // len(known))
    means: list[float] = []
    while len(means) < RESAMPLES:
        drawn = random.integers(len(known), size=(min(rows, RESAMPLES - len(means)), len(known)))
        means += known[drawn].mean(axis=1).tolist()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
