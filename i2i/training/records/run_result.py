"""What a run leaves behind, and the command that resumes it. Imports no torch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2i.models.scores import values_to_json


def resume_command(folder: Path | str) -> str:
    """What a person types to resume the run of a folder; quoted for a shell."""
    return f"i2i run --resume {shlex.quote(str(folder))}"


@dataclass(frozen=True)
class RunResult:
    """What :func:`i2i.run` leaves behind.

    Attributes:
        folder: the run folder.
        step: training steps done in all.
        finished: whether the budget was used up; false after an interruption that saved.
        resume_command: what resumes training: to the same end after an interruption, for as long again when
            the run is finished.
        picture: the headline picture.
        page: the page to open.
        metrics: held-out metrics by direction (``"AtoB"``, ``"BtoA"``), of a part of the images after an interruption;
            see ``i2i.models.scores``.
    """

    folder: Path
    step: int
    finished: bool
    resume_command: str
    picture: Path
    page: Path
    metrics: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON; see :func:`~i2i.models.scores.values_to_json`."""
        return {
            "folder": str(self.folder),
            "step": self.step,
            "finished": self.finished,
            "resume_command": self.resume_command,
            "picture": str(self.picture),
            "page": str(self.page),
            "metrics": {direction: values_to_json(values) for direction, values in self.metrics.items()},
        }
