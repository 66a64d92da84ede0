"""The lines of losses that a run writes, and the speed between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from i2i.training.observing import Observing
from i2i.training.position import Position
from i2i.training.processes import Processes
from i2i.training.records.run_folder import RunFolder


class LossLines:
    """Writes the lines of losses to ``metrics.jsonl`` and to the observers.

    Args:
        folder: the run folder.
        observing: the observers.
        processes: for the mean over all of them.
        samples_per_step: samples that all processes together take in one step.
        epoch_length: samples in an epoch.
        tolerating: see :meth:`i2i.training.keeper.Keeper.tolerating`.
        augmentations: called for what a line shows of them.

    Attributes:
        rate: the learning rate that the last step was trained at.
    """

    def __init__(
        self,
        folder: RunFolder,
        observing: Observing,
        processes: Processes,
        samples_per_step: int,
        epoch_length: int,
        tolerating: Callable[[str], AbstractContextManager[None]],
        augmentations: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self.folder, self.observing, self.processes = folder, observing, processes
        self.samples_per_step, self.epoch_length = samples_per_step, epoch_length
        self.tolerating, self.augmentations, self.rate = tolerating, augmentations, 0.0
        self._since_seconds, self._since_step = 0.0, 0

    def begin(self, position: Position, rate: float) -> None:
        """Measure the speed from here on; ``rate`` is the learning rate of the next step."""
        self._since_seconds, self._since_step, self.rate = position.seconds, position.step, rate

    def images_per_second(self, position: Position) -> float:
        """The speed since the line before."""
        seconds = max(position.seconds - self._since_seconds, 1e-9)
        return float((position.step - self._since_step) * self.samples_per_step / seconds)

    def write(self, position: Position, *, end: bool = False) -> None:
        """Write the line of this step, with the means since the line before.

        Args:
            position: of the step; it begins a new line.
            end: whether the run ends between two lines. Then none is begun, so that the run, when it resumes, writes
                the whole line in place of this part.
        """
        losses = self.processes.mean_of_sums(position.sums, position.counts)
        rate, speed = self.rate, {}
        if position.step > self._since_step:  # it is not, in a run that had nothing left to do
            speed = {"images_per_second": round(self.images_per_second(position), 3)}
        line = {
            "kind": "train",
            "step": position.step,
            "epoch": position.samples / self.epoch_length,
            "seconds": round(position.seconds, 3),
            **speed,
            "learning_rate": rate,
            "losses": losses,
        }
        augmented = self.augmentations()
        if augmented:
            line["augmentations"] = augmented
        if end:
            line["end"] = True
        else:
            position.forget_terms()
            self.begin(position, self.rate)
        if self.processes.is_main:
            with self.tolerating(self.folder.metrics_file.name):
                self.folder.append_metrics(line)
        told = {f"loss/{name}": value for name, value in losses.items()}
        told |= {f"augmentation/{name}": value for name, value in augmented.items()}
        self.observing.logged(position.step, {**told, "learning_rate": rate, **speed})

    def write_end(self, position: Position) -> None:
        """Write the steps not logged yet, so that the log reaches the end of a run that ends between two lines."""
        if self.processes.any(bool(position.counts)):
            self.write(position, end=True)
