"""Keeping what training has reached: checkpoints, their judgement, pictures, and what an end by force saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from i2i.config.run_config import RunConfig
from i2i.errors import DivergedError, I2IError, RunFolderError, reason_of
from i2i.evaluation.baselines import Baselines, fit_baselines, read_baselines, write_baselines
from i2i.evaluation.chosen_metrics import ChosenMetric
from i2i.evaluation.held_out import HeldOut
from i2i.models.checkpoint import Checkpoint, CheckpointFolder, open_checkpoint
from i2i.models.scores import Metric, Metrics, metrics_to_json, score_of
from i2i.plugins.dataset_members import held_out_by
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset
from i2i.terminal import Reporter
from i2i.training.description import describe_checkpoint
from i2i.training.observing import Observing
from i2i.training.position import Position
from i2i.training.processes import Processes
from i2i.training.records.fingerprint import fingerprint
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_result import resume_command
from i2i.training.snapshot import Snapshot


class Keeper:
    """Saves, judges and draws a run in its folder.

    Args:
        manager: the plugins.
        config: the resolved configuration.
        folder: the run folder.
        accelerator: knows which process writes.
        observing: the observers.
        reporter: notes what could not be done, where training continues without it.
        train_set: what is learned from.
        test_set: the held-out images.
        snapshot: all that changes while training.
        metrics: what held-out images are measured by.
        table: how metrics are written, and which values are better.
        write_page: writes the page of a run folder.

    Attributes:
        position: where training stands; the trainer's own.
    """

    def __init__(
        self,
        manager: PluginManager,
        config: RunConfig,
        folder: RunFolder,
        accelerator: Accelerator,
        observing: Observing,
        reporter: Reporter,
        train_set: Dataset,
        test_set: Dataset,
        snapshot: Snapshot,
        metrics: Sequence[ChosenMetric],
        table: Mapping[str, Metric],
        write_page: Callable[[Path, Mapping[str, Metric]], object],
    ) -> None:
        self.manager, self.config, self.options = manager, config, config.training
        self.folder, self.accelerator, self.reporter = folder, accelerator, reporter
        self.observing = observing
        self.train_set, self.test_set, self.snapshot, self.write_page = train_set, test_set, snapshot, write_page
        self.processes = Processes(accelerator)
        self.checkpoints = CheckpointFolder(folder.checkpoints, self.options.keep)
        self.position = Position()
        self._noted: set[str] = set()
        self._last_measured: HeldOut | None = None
        self._metrics, self._table = metrics, table

    @contextmanager
    def tolerating(self, without: str) -> Iterator[None]:
        """Let training continue where something that only reports on it fails; note it once."""
        try:
            yield
        except Exception as error:
            if without not in self._noted:
                self._noted.add(without)
                self.reporter.note(f"training continues without {without}: {type(error).__name__}: {reason_of(error)}")

    def _note_once(self, note: str) -> None:
        if note not in self._noted:
            self._noted.add(note)
            self.reporter.note(note)

    def last_good(self) -> str:
        """Say which checkpoint is the newest."""
        latest = self.checkpoints.latest()
        return f"the last good checkpoint is {latest.path}" if latest else "there is no checkpoint yet"

    def is_saved(self) -> bool:
        """Whether the checkpoint of this step is there."""
        return self.checkpoints.folder_of(self.position.step).exists()

    def save(self, half_done: str = "") -> None:
        """Write the checkpoint of this step; its metrics come later, so that measuring can lose no training.

        Args:
            half_done: the part of the next step that the networks already hold, when it failed half way.
        """
        step, world_size = self.position.step, self.accelerator.num_processes
        if self.accelerator.is_main_process:
            with self.tolerating(self.folder.metrics_file.name):
                self.folder.write_metrics()
            if self.folder.put_back_config(self.config):
                self.reporter.note(
                    f"{self.folder.config_file} was gone, as where a run folder is renamed or removed while it trains: "
                    "it is written again, and the run continues there; do not train in the renamed folder as well"
                )
        self.checkpoints.write_rank(step, self.accelerator.process_index, self.snapshot.of_this_process())
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            description: dict[str, Any] = describe_checkpoint(
                self.manager,
                self.config,
                self.train_set,
                self.snapshot.method,
                self.position,
                averaged=self.snapshot.averages,
                data=fingerprint(self.train_set, self.test_set),
                world_size=world_size,
            )
            if half_done:
                description["half_done"] = half_done
            weights, shared = self.snapshot.generator_weights(), self.snapshot.shared(self.position)
            self.checkpoints.write(step, description, weights, shared, world_size)
            self.observing.saved(step, self.checkpoints.folder_of(step))
        self.accelerator.wait_for_everyone()

    def judge_checkpoint(self) -> Metrics:
        """Measure the checkpoint of this step on the images that every checkpoint is compared on, unless that is done.

        Returns:
            What the checkpoint says then, in every process.
        """
        checkpoint = open_checkpoint(self.checkpoints.folder_of(self.position.step))
        if self.accelerator.is_main_process and checkpoint.images is None:
            metrics = self._measured(checkpoint, self._compared)
            self.checkpoints.judge(checkpoint, metrics, self._score(metrics), self._compared)
        self.accelerator.wait_for_everyone()
        return open_checkpoint(checkpoint.path).metrics

    def judge_end(self) -> Metrics:
        """Measure the checkpoint of this step on all held-out images, unless that is done.

        Its score stays that of the images that every checkpoint is compared on, so that ``best`` compares like with
        like.

        Returns:
            What the checkpoint says then, in every process.
        """
        checkpoint, every = open_checkpoint(self.checkpoints.folder_of(self.position.step)), len(self.test_set)
        if self.accelerator.is_main_process and checkpoint.images != every:
            metrics, score = checkpoint.metrics, checkpoint.score
            if checkpoint.images is None:
                metrics = self._measured(checkpoint, self._compared)
                score = self._score(metrics)
            if checkpoint.images is not None or every > self._compared:
                metrics = self._measured(checkpoint, every)
            self.checkpoints.judge(checkpoint, metrics, score, every)  # once, for it removes older checkpoints
        self.accelerator.wait_for_everyone()
        return open_checkpoint(checkpoint.path).metrics

    def _score(self, metrics: Metrics) -> float | None:
        return score_of(metrics, self.options.best, self._table)

    @property
    def _compared(self) -> int:
        """How many held-out images every checkpoint is compared on."""
        return min(self.options.evaluation_images, len(self.test_set))

    def write_sheets(self) -> None:
        """Draw held-out images; where they cannot be read any more, save the training before the error is raised."""
        step, failure = self.position.step, None
        if self.accelerator.is_main_process and len(self.test_set):
            try:
                self._draw_sheets()
            except DivergedError as error:
                raise DivergedError(f"step {step}: {error}; {self.last_good()}") from error
            except I2IError as error:
                failure = error
        if self.processes.any(failure is not None) and step and not self.is_saved():
            self.save()
        if failure is not None:
            raise self._saved_anyway("drawn", failure) if step else failure
        self.accelerator.wait_for_everyone()

    def finish(self) -> None:
        """Write the last sheets, the headline picture and the page."""
        if self.accelerator.is_main_process and len(self.test_set):
            self._draw_sheets()
            try:
                self._held_out().write_picture(self.folder.picture, self.options.sample_images)
            except RunFolderError as error:
                self.reporter.note(f"the run has no {self.folder.picture.name}: {error}")
            if self._last_measured is not None:
                with self.tolerating("the best and the worst held-out images"):
                    self._last_measured.write_cases(self.folder.path, self.position.step)
        if self.accelerator.is_main_process:
            with self.tolerating("its page"):
                self.write_page(self.folder.path, self._table)
        self.accelerator.wait_for_everyone()

    def rescue(self, error: BaseException, half_done: str, *, together: bool) -> None:
        """Save the last whole step before an error ends the run, and say in the error how to resume.

        Args:
            error: what ends the run; its message is added to, where it is one of i2i's.
            half_done: what may already hold a part of the next step, which failed half way; empty if nothing.
            together: whether all processes are here; they can only save together.
        """
        step = self.position.step
        if step == 0 or isinstance(error, DivergedError) or "--resume" in str(error):
            return
        if isinstance(error, KeyboardInterrupt):  # the second Ctrl-C: somebody does not want to wait
            told = f"stopped at once; {self.last_good()}"
        elif self.is_saved():
            told = f"step {step} is saved in {self.checkpoints.folder_of(step)}"
        elif not together:
            told = f"step {step} could not be saved, for the other processes are elsewhere; {self.last_good()}"
        else:
            told = self._saved_now(half_done)
        told += f"; resume with: {resume_command(self.folder.path)}"
        if isinstance(error, I2IError):
            error.args = (f"{error}\n{told[0].upper()}{told[1:]}", *error.args[1:])
        else:
            self.reporter.note(told)

    def _saved_now(self, half_done: str) -> str:
        step = self.position.step
        try:
            self.save(half_done)
        except Exception as failure:  # a device that fails, a disk that is gone: report the first error, not this one
            return f"step {step} could not be saved ({reason_of(failure)}); {self.last_good()}"
        inexact = f" ({half_done} may hold a part of step {step + 1} already)" if half_done else ""
        return f"step {step} is saved in {self.checkpoints.folder_of(step)}{inexact}"

    def _draw_sheets(self) -> None:
        try:
            self._held_out().write_sheets(self.folder.path, self.position.step, self.options.sample_images)
        except RunFolderError as error:
            if "sheets" not in self._noted:
                self._noted.add("sheets")
                self.reporter.note(f"training continues without sample sheets: {error}")
            return
        self.observing.pictured(self.position.step, self.folder.samples)
        with self.tolerating("its page"):
            self.write_page(self.folder.path, self._table)

    def _held_out(self) -> HeldOut:
        directions = {
            direction: self.snapshot.outputs_of(name)
            for direction, name in sorted(self.snapshot.method.directions.items())
        }
        paper = self.options.inference == "paper"
        return HeldOut(self.test_set, directions, self.accelerator.device, self._metrics, paper_inference=paper)

    def _measure(self, images: int) -> Metrics:
        """Measure the first ``images`` held-out images, and log the result."""
        if images == 0:
            return {}
        self._last_measured = held_out = self._held_out()
        metrics = held_out.measure(images, self.baselines())
        line: dict[str, Any] = {"kind": "evaluation", "step": self.position.step, "images": images}
        if rule := held_out_by(self.test_set):
            line["held_out_by"] = rule
        if held_out.notes:
            line["notes"] = held_out.notes
        for note in held_out.notes:
            self._note_once(f"held-out images: {note}")
        with self.tolerating(self.folder.metrics_file.name):
            self.folder.append_metrics({**line, "directions": metrics_to_json(metrics)})
        self.observing.evaluated(self.position.step, metrics)
        return metrics

    def baselines(self) -> Mapping[Direction, Baselines]:
        """What is fitted to training images once in a run; nothing where there is no truth to measure it against."""
        comparable = len(self.test_set) and self.test_set.truth
        if not comparable and not any(metric.spec.family == "sets" for metric in self._metrics):
            return {}
        wanted = {Direction(name) for name in self.snapshot.method.directions}
        fitted = read_baselines(self.folder.path)
        if wanted <= fitted.keys():
            return fitted
        with self.tolerating("the baselines that are fitted to training images"):
            fitted = fit_baselines(self.train_set, sorted(wanted))
            write_baselines(self.folder.path, fitted)
        return fitted

    def _measured(self, checkpoint: Checkpoint, images: int) -> Metrics:
        """Measure, and say what became of the checkpoint where that fails."""
        try:
            return self._measure(images)
        except DivergedError as error:
            self.checkpoints.remove(checkpoint)  # its generators are broken: the one before it is the last good one
            raise DivergedError(f"step {self.position.step}: {error}; {self.last_good()}") from error
        except I2IError as error:
            raise self._saved_anyway("measured", error) from error

    def _saved_anyway(self, done: str, error: I2IError) -> I2IError:
        step = self.position.step
        return type(error)(
            f"held-out images could not be {done}: {error}\nNo training is lost: the checkpoint of step {step} is "
            f"saved in {self.checkpoints.folder_of(step)}; put that right, then: {resume_command(self.folder.path)}"
        )
