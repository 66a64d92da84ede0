"""The training loop. It knows protocols, not classes: the step belongs to the method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import torch
from accelerate import Accelerator

from i2i.config.run_config import RunConfig
from i2i.errors import DataError, DivergedError, I2IError, reason_of
from i2i.models.checkpoint import Checkpoint
from i2i.models.scores import Metric, table_of
from i2i.plugins.calls import calling
from i2i.plugins.dataset_members import held_out_by
from i2i.plugins.directions import given_names
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Batch
from i2i.terminal import Reporter, Status
from i2i.training.assembly import assemble
from i2i.training.batches import SampleStream, choose_workers, to_device
from i2i.training.budget import limits_as_options
from i2i.training.initial_weights import start_networks
from i2i.training.interruption import StopRequest, StopWaiting, interruption
from i2i.training.keeper import Keeper
from i2i.training.loading import Batches, ending
from i2i.training.loading_share import LoadingShare
from i2i.training.loss_lines import LossLines
from i2i.training.observing import build_observers
from i2i.training.processes import Processes
from i2i.training.records.fingerprint import names_of, require_same_data
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_result import RunResult, resume_command
from i2i.training.snapshot import Snapshot
from i2i.training.unfinished_step import UnfinishedStep


class Trainer:
    """Trains one run in its folder.

    Args:
        manager: the plugins.
        config: the resolved configuration.
        folder: the run folder.
        accelerator: device, processes and precision.
        reporter: shows the progress.
        write_page: writes the page of a run folder.

    Attributes:
        position: where training stands.
    """

    def __init__(
        self,
        manager: PluginManager,
        config: RunConfig,
        folder: RunFolder,
        accelerator: Accelerator,
        reporter: Reporter,
        write_page: Callable[[Path, Mapping[str, Metric]], object],
    ) -> None:
        self.options, self.folder, self.reporter = config.training, folder, reporter
        self.processes = Processes(accelerator)
        parts = assemble(manager, config, self.processes, reporter, folder.learnt)
        self.config = config = parts.config
        self.train_set, self.test_set = parts.train_set, parts.test_set
        self.update, self.schedules = parts.update, parts.schedules
        self.budget, self.samples_per_step = parts.budget, parts.samples_per_step
        self.snapshot = Snapshot(self.update, self.schedules)
        directions, is_main = self.update.method.directions, self.processes.is_main
        self.observing = build_observers(manager, config, directions, self.test_set, reporter.note, is_main=is_main)
        self.keeper = Keeper(
            manager,
            config,
            folder,
            accelerator,
            self.observing,
            reporter,
            self.train_set,
            self.test_set,
            self.snapshot,
            parts.metrics,
            table_of(manager),
            write_page,
        )
        self.lines = LossLines(
            folder,
            self.observing,
            self.processes,
            self.samples_per_step,
            len(self.train_set),
            self.keeper.tolerating,
            self.update.augmentation_values,
        )
        self.position = self.keeper.position
        self._resumed: Checkpoint | None = None
        self._under_way: UnfinishedStep | None = None  # None between two steps
        self._stopped: str | None = None  # which observer asked for the end, and why
        self._together = self.processes.alone

    def train(self) -> RunResult:
        """Train until the budget is used up or somebody interrupts.

        Raises:
            DivergedError: a loss became NaN or infinite; no checkpoint is written after that.
            RunFolderError: the folder cannot be written; the last checkpoint is intact.
        """
        try:
            self.observing.started(self.folder, self.config, self.position.step)
            self._catch_up()
            return self._train()
        except BaseException as error:
            self.observing.failed(self.position.step, reason_of(error))
            raise

    def _train(self) -> RunResult:
        with self._batches() as batches, interruption() as stop:
            stop.may_stop_waiting = lambda: batches.waiting and self.processes.alone
            try:
                if self.position.step == 0:
                    self.keeper.write_sheets()
                with suppress(StopWaiting):
                    self._loop(batches, stop)
                if self.position.step == 0 and not self._is_over() and not self._stopped:
                    raise KeyboardInterrupt  # nothing to save: a new folder is taken back, and the same command works
                return self._end(finished=self._is_over() or self.processes.any(self._stopped is not None))
            except BaseException as error:
                half_done = "" if self._under_way is None else self._under_way.take_back(error)
                self.keeper.rescue(error, half_done, together=self._together)
                raise

    def _loop(self, batches: Batches, stop: StopRequest) -> None:
        """Train step by step; after each, do what its number calls for."""
        position, options = self.position, self.options
        started = time.monotonic() - position.seconds
        self.lines.begin(position, self._rate())
        share = LoadingShare(len(batches.processes), self.reporter.note)
        while not self.processes.any(self._is_over() or stop.is_set() or self._is_stopped()):
            began = time.monotonic()
            loaded = self._load(batches)
            waited = time.monotonic() - began
            self._under_way = UnfinishedStep(self.update)
            terms, beside = self._step(loaded)
            self._advance(self.processes.same(time.monotonic() - started))
            position.add({**terms, **beside}, self._generators_loss(terms))
            self.lines.rate = self._rate()  # before an epoch that ends here changes it
            self._end_epochs()
            self._under_way = None
            share.add(waited, time.monotonic() - began)

            self._report()
            if position.step % options.log_every == 0:
                self.lines.write(position)
            if self._is_over():
                break  # the end writes its own sheets and checkpoint
            if position.step % options.sample_every == 0:
                self.keeper.write_sheets()  # with the page
            if position.step % options.checkpoint_every == 0:  # last: nothing of its step is missing once it is there
                self.keeper.save()
                self.keeper.judge_checkpoint()

    def _step(self, batches: Sequence[Batch]) -> tuple[dict[str, float], dict[str, float]]:
        """Train one step; return the method's terms, and values of its parts that are logged beside them."""
        step, method = self.position.step + 1, self.config.method.name
        self.update.step, self.update.fraction = self.position.step, self._fraction()
        with calling(self.update.method, f"step {step} of method {method}"):
            terms = self.update.train(batches)
            beside = self.update.values.take()
            tensors = [value.float() for value in (*terms.values(), *beside.values())]
            numbers = torch.stack(tensors).tolist()  # one wait for the device
        values = dict(zip(terms, numbers[: len(terms)], strict=True))
        others = dict(zip(beside, numbers[len(terms) :], strict=True))
        broken = {name: value for name, value in {**values, **others}.items() if not math.isfinite(value)}
        if self.processes.any(bool(broken)):
            self._fail(broken)
        return values, others

    def _advance(self, seconds: float) -> None:
        """Count the step that is done, and let augmentations adapt to it."""
        self.position.advance(self.samples_per_step, seconds)
        with calling(self.update.method, f"step {self.position.step} of method {self.config.method.name}"):
            self.update.adapt(self._fraction() - self.update.fraction)

    def _fail(self, broken: Mapping[str, float]) -> None:
        named = ", ".join(f"{name} is {value}" for name, value in broken.items())
        named = named or "a loss of another process is not finite"
        raise DivergedError(
            f"step {self.position.step + 1}: {named}; training stopped before anything was saved; "
            f"{self.keeper.last_good()}. Start again with a smaller --set optimizer.learning_rate, --loss lsgan, or "
            "--precision fp32"
        )

    def _load(self, batches: Batches) -> list[Batch]:
        """Load the batches of a step; where one process cannot, all end together, and can save."""
        failure: I2IError | None = None
        loaded: list[Batch] = []
        try:
            loaded = [to_device(next(batches), self.processes.device) for _ in range(self.options.accumulate)]
        except I2IError as error:
            failure = error
        if self.processes.any(failure is not None):
            self._together = True
            raise failure or DataError("another process could not read its images")
        return loaded

    def _batches(self) -> AbstractContextManager[Batches]:
        """The batches from here on."""
        stream = SampleStream(
            len(self.train_set),
            seed=self.options.seed,
            batch_size=self.options.batch_size,
            start=self.position.samples,
            rank=self.processes.rank,
            world_size=self.processes.count,
        )
        workers = choose_workers(self.options.workers, self.processes.device)
        return ending(Batches(self.train_set, stream, workers=workers, note=self.reporter.note))

    def _end_epochs(self) -> None:
        """Move the schedules on where epochs ended with this step."""
        position = self.position
        if ended := position.epochs_ended(len(self.train_set), self.samples_per_step):
            mean = self.processes.mean(position.epoch_loss / position.epoch_steps)
            for _ in range(ended):
                for schedule in self.schedules.values():
                    schedule.end_epoch(mean)
            position.begin_epoch()

    def _generators_loss(self, terms: Mapping[str, float]) -> float:
        return sum(value for name, value in terms.items() if name not in self.update.method.discriminators)

    def _rate(self) -> float:
        return float(self.update.optimizers["generators"].param_groups[0]["lr"])

    def _is_over(self) -> bool:
        return self.budget.fraction(self.position.step, self.position.seconds) >= 1

    def _is_stopped(self) -> bool:
        """Whether an observer asks for the end."""
        self._stopped = self._stopped or self.observing.stop()
        return self._stopped is not None

    def _fraction(self) -> float:
        return min(1.0, self.budget.fraction(self.position.step, self.position.seconds))

    def _report(self) -> None:
        position = self.position
        status = Status(
            step=position.step,
            fraction=self._fraction(),
            seconds=position.seconds,
            images_per_second=self.lines.images_per_second(position),
            losses=position.means(),
        )
        self.reporter.update(status)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint; call it before :meth:`train`.

        Raises:
            DataError: the images are not those of the checkpoint.
            CheckpointError: it is damaged or was made by other networks.
        """
        kept = checkpoint.description.get("data")
        if kept is not None:
            require_same_data(kept, self.folder.names(), self.train_set, self.test_set, self.config.data_root)
        self._resumed = checkpoint
        self.position, has_own = self.snapshot.restore(checkpoint, self.processes.rank)
        self.keeper.position = self.position
        if half_done := checkpoint.description.get("half_done"):
            self.reporter.note(
                f"step {self.position.step + 1} had failed half way: {half_done} may hold a part of it, so that this "
                "run need not be the same to the bit as one that nothing disturbed"
            )
        if not has_own or checkpoint.description["world_size"] != self.processes.count:
            self.reporter.note(
                f"the checkpoint was written by {checkpoint.description['world_size']} processes and "
                f"{self.processes.count} resume: random numbers and buffers are not restored exactly"
            )

    def start_from(self, models: Sequence[str]) -> None:
        """Start the networks from the weights of models, and note what came from where; call it before :meth:`train`.

        Raises:
            CheckpointError: there is no such model, or it is damaged.
            ConfigError: nothing of one fits.
        """
        training = self.config.training
        start = start_networks(
            self.update.method,
            models,
            self.config.generator.to_dict(),
            generators_only=training.init_generators_only,
        )
        self.update.average_from_here()
        if self.processes.is_main:
            self.folder.keep_start(start.to_dict())
        for line in start.lines():
            self.reporter.note(line)

    def _catch_up(self) -> None:
        """Do what the run's earlier end left undone; note the images of a new run."""
        if self._resumed is None:
            if self.processes.is_main:
                self.folder.keep_names(names_of(self.train_set, self.test_set))
                self.keeper.baselines()  # now: an interrupted run must not wait for training images, which may be slow
        elif self._is_over():
            self.reporter.note(self._nothing_left())
        elif self._resumed.images is None:  # the run ended between saving and measuring, or could not draw
            if self.position.step % self.options.sample_every == 0:
                self.keeper.write_sheets()
            self.keeper.judge_checkpoint()

    def _end(self, finished: bool) -> RunResult:
        step = self.position.step
        self.lines.write_end(self.position)
        if self._stopped is not None:
            self.reporter.note(f"{self._stopped}: training ends after step {step}")
        if not finished:
            self.reporter.note(f"interrupted: saving step {step}, then measuring it (a second time stops at once)")
        if not self.keeper.is_saved():  # it is there after an interruption just after a checkpoint
            if finished:
                why = "" if self._stopped else "the budget is used up: "
                self.reporter.note(f"{why}saving step {step} and measuring held-out images")
            self.keeper.save()
        metrics = self.keeper.judge_end() if finished else self.keeper.judge_checkpoint()
        self.keeper.finish()
        result = RunResult(
            folder=self.folder.path,
            step=step,
            finished=finished,
            resume_command=self._longer() if self._is_over() else resume_command(self.folder.path),
            picture=self.folder.picture,
            page=self.folder.page,
            metrics=metrics,
            held_out_by=held_out_by(self.test_set),
            names=given_names(self.config.data.options.model_dump()),
        )
        self.observing.ended(result)
        return result

    def _nothing_left(self) -> str:
        limits, _ = limits_as_options(self.options)
        return (
            f"nothing is left to do: step {self.position.step} is done and the budget of {limits} is used; to train "
            f"longer: {self._longer()}"
        )

    def _longer(self) -> str:
        """The command that trains for as long again."""
        _, longer = limits_as_options(self.options, self.position.used(len(self.train_set)))
        return f"{resume_command(self.folder.path)} {longer}"
