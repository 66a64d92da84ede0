"""What a run leaves behind, and the command that resumes it. Imports no torch."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2i.files.texts import read_json
from i2i.models.recorded_components import components_from_json
from i2i.models.scores import values_to_json

COMPONENTS = "components.json"
"""The file of a run folder that says which package brought each component."""


def resume_command(folder: Path | str, without: Collection[str] = ()) -> str:
    """What a person types to resume the run of a folder, with the plugin files that it records; quoted for a shell.

    Args:
        folder: of the run.
        without: plugin files that are not given.
    """
    words = ["i2i"]
    for file in recorded_files(Path(folder)):
        words += [] if file in without else ["--plugin", shlex.quote(file)]
    return " ".join([*words, "run --resume", shlex.quote(str(folder))])


def recorded_files(folder: Path) -> list[str]:
    """The plugin files that the components of a run are from."""
    try:
        recorded = components_from_json(read_json(folder / COMPONENTS))
    except (OSError, ValueError):  # a run of an earlier version has no record
        return []
    return list(dict.fromkeys(component.file for component in recorded if component.file))


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
        held_out_by: what decided which images are held out, such as ``"a hash of the name (test_fraction 0.1)"``, with
            what is known to be wrong with that; empty where the data set does not say.
        names: what a person calls the domains ``"A"`` and ``"B"``; empty where nobody named one.
    """

    folder: Path
    step: int
    finished: bool
    resume_command: str
    picture: Path
    page: Path
    metrics: Mapping[str, Mapping[str, float]]
    held_out_by: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON; see :func:`~i2i.models.scores.values_to_json`."""
        return {
            "folder": str(self.folder),
            "step": self.step,
            "finished": self.finished,
            "resume_command": self.resume_command,
            "picture": str(self.picture),
            "page": str(self.page),
            "held_out_by": self.held_out_by,
            "names": dict(self.names),
            "metrics": {direction: values_to_json(values) for direction, values in self.metrics.items()},
        }
