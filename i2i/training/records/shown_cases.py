"""The best and the worst held-out images of a run, as its page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from i2i.files.texts import read_json
from i2i.models.scores import Metric

FOLDER = "held-out"
"""What is in it is told by ``i2i.evaluation.cases``, which writes it."""


@dataclass(frozen=True)
class ShownCases:
    """Of one direction.

    Attributes:
        direction: which.
        worst: name and value of the worst images, from the worst on, as the rows of the picture.
        best: those of the rows after them, up to the best.
        metric: what they are ranked by.
        picture: its relative address.
        titles: of its columns.
        size: of it, in pixels.
        gap_percent: between two columns, of its width.
        table: the relative address of the values of all images.
    """

    direction: str
    worst: list[tuple[str, str]]
    best: list[tuple[str, str]]
    metric: str
    picture: str
    titles: list[str]
    size: tuple[int, int]
    gap_percent: float
    table: str


def find_cases(folder: Path, step: int, metrics: Mapping[str, Metric], problems: list[str]) -> list[ShownCases]:
    """Read the cases of a run folder, as far as they are those of a step.

    Args:
        folder: the run folder.
        step: the last one that was measured.
        metrics: what they are called.
        problems: takes what could not be read.
    """
    found = []
    for record in sorted((folder / FOLDER).glob("*/cases.json")):
        place = record.parent
        try:
            about, columns = read_json(record), read_json(place / "columns.json")
            if about["step"] != step:
                continue
            metric = metrics[about["metric"]]
            rows = [(str(row["name"]), metric.text(float(row["value"]))) for row in about["rows"]]
            titles, (width, height), gap = list(map(str, columns["titles"])), columns["cell"], int(columns["gap"])
            size = (len(titles) * (int(width) + gap) - gap, len(rows) * (int(height) + gap) - gap)
            worst, address = int(about["worst"]), f"{FOLDER}/{place.name}"
            found.append(
                ShownCases(
                    place.name,
                    rows[:worst],
                    rows[worst:],
                    metric.name,
                    quote(f"{address}/cases.png"),
                    titles,
                    size,
                    100 * gap / size[0],
                    quote(f"{address}/per-image.csv"),
                )
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError, ZeroDivisionError):
            problems.append(f"{FOLDER}/{place.name} could not be read: its best and worst images are left out.")
    return found
