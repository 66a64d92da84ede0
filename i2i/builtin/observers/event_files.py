"""Event files for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from i2i.builtin.observers.white_ground import on_white
from i2i.files.texts import dump_yaml
from i2i.plugins.protocols import ObservedRun, RunObserver


class EventFiles(RunObserver):
    """Writes scalars, sheets and the configuration to ``tensorboard/`` in the run folder."""

    def __init__(self) -> None:
        self._writer: Any = None

    def started(self, run: ObservedRun) -> None:
        """Open a file. What a killed run wrote after its checkpoint is hidden: the resumed run writes it again."""
        self._writer = SummaryWriter(str(run.folder / "tensorboard" / "i2i"), purge_step=run.step + 1)
        lines = dump_yaml(dict(run.config)).splitlines()
        self._writer.add_text("configuration", "".join(f"    {line}\n" for line in lines), run.step)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Write each value."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def pictured(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Write each sheet; as bytes, since TensorBoard cuts and scales other types."""
        for direction, path in pictures.items():
            self._writer.add_image(f"samples/{direction}", np.asarray(on_white(path)), step, dataformats="HWC")

    def evaluated(self, step: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Write each metric of each direction."""
        self.logged(step, {f"{way}/{name}": value for way, values in metrics.items() for name, value in values.items()})

    def saved(self, *_: Any) -> None:
        """Let what a person looks at be as new as the checkpoint."""
        self._writer.flush()

    def ended(self, *_: Any) -> None:
        """Close the file."""
        self._writer.close()

    def failed(self, *_: Any) -> None:
        """Close the file."""
        self._writer.close()
