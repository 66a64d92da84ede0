"""The held-out images that a model does best and worst, in the folder ``held-out`` of a run.

::

    held-out/AtoB/per-image.csv   what each image scores
    held-out/AtoB/cases.png       a sheet: the worst images, from the worst on, then the best, up to the best
    held-out/AtoB/cases.json      {"step": 600, "worst": 3, "metric": "l1", "rows": [{"name": "7", "value": 40.1}, ...]}
    held-out/AtoB/columns.json    what the columns of the sheet are; see :func:`~i2i.evaluation.sheets.draw_sheet`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from i2i.evaluation.per_image import PerImage
from i2i.evaluation.sheets import draw_sheet
from i2i.files.atomic import write_whole
from i2i.plugins.specs import Direction

FOLDER, PICTURE, RECORD, VALUES = "held-out", "cases.png", "cases.json", "per-image.csv"
SHOWN = 3
"""Images that are shown of either end."""
RANKED_BY = "l1"
"""It sees colour and structure alike, and every run has it."""


def choose_cases(found: PerImage) -> list[int]:
    """The places of the worst images and then the best; none where there are too few to be chosen among."""
    if RANKED_BY not in found.values or len(found.names) <= 2 * SHOWN:
        return []
    ranked = found.ranked(RANKED_BY, better=-1)
    return [*ranked[:SHOWN], *ranked[-SHOWN:]]


def write_values(folder: Path, direction: Direction, found: PerImage) -> Path:
    """Write the table of a direction into a run folder, and return its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    return found.write(folder / FOLDER / direction / VALUES)


def write_cases(
    folder: Path,
    direction: Direction,
    step: int,
    found: PerImage,
    chosen: Sequence[int],
    columns: Mapping[str, Tensor],
) -> None:
    """Draw the chosen images of a direction into a run folder, and write down which they are.

    Args:
        folder: of the run.
        direction: which way.
        step: training steps so far.
        found: what all images score.
        chosen: from :func:`choose_cases`.
        columns: those of the chosen images; see :func:`~i2i.evaluation.sheets.draw_sheet`.

    Raises:
        RunFolderError: the files cannot be written.
    """
    place = folder / FOLDER / direction
    draw_sheet(place / PICTURE, columns)
    rows = [{"name": found.names[each], "value": found.values[RANKED_BY][each]} for each in chosen]
    about = {"step": step, "worst": SHOWN, "metric": RANKED_BY, "rows": rows}
    write_whole(place / RECORD, (json.dumps(about, indent=2) + "\n").encode())
