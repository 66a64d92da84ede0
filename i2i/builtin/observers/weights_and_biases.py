"""Logging to Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from i2i.builtin.observers.white_ground import on_white
from i2i.plugins.protocols import ObservedRun, RunObserver


class WeightsAndBiases(RunObserver):
    """Logs scalars, sheets and the configuration to a run there; a resumed run is a run of its own, for W&B drops the
    values of steps that it has seen.

    Args:
        project: the project that the run is filed under.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self._run: Any = None

    def started(self, run: ObservedRun) -> None:
        """Open a run."""
        self._run = wandb.init(project=self.project, config=dict(run.config), name=run.folder.name)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Log each value."""
        self._run.log(dict(values), step=step)

    def pictured(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Log each sheet."""
        sheets = {f"samples/{direction}": wandb.Image(on_white(path)) for direction, path in pictures.items()}
        self._run.log(sheets, step=step)

    def evaluated(self, step: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Log each metric of each direction."""
        self.logged(step, {f"{way}/{name}": value for way, values in metrics.items() for name, value in values.items()})

    def ended(self, *_: Any) -> None:
        """Close the run."""
        self._run.finish()

    def failed(self, *_: Any) -> None:
        """Close the run as failed."""
        self._run.finish(exit_code=1)
