"""What a run leaves behind. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunResult:
    """What :func:`i2i.run` leaves behind.

    Attributes:
        folder: the run folder.
        step: training steps done in all.
        finished: whether the budget was used up; false after an interruption that saved.
        picture: the headline picture.
        page: the page to open.
        metrics: held-out metrics by direction (``"AtoB"``, ``"BtoA"``); see ``i2i.models.scores``.
    """

    folder: Path
    step: int
    finished: bool
    picture: Path
    page: Path
    metrics: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: steps done in all.
        finished: whether the budget was used up; false after an interruption.
        metrics: held-out metrics by direction; of a part of the images after an interruption.
    """

    step: int
    finished: bool
    metrics: Mapping[str, Mapping[str, float]]
