"""The training loop. It knows protocols, no class: the step belongs to the method."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from i2i.engine import state as training_state
from i2i.engine.averages import make_averages
from i2i.engine.budget import Budget, limits_as_options
from i2i.engine.checkpoint import Checkpoint, CheckpointFolder, open_checkpoint
from i2i.engine.config import RunConfig
from i2i.engine.description import describe_checkpoint, score_of
from i2i.engine.evaluation import HeldOut
from i2i.engine.fingerprint import fingerprint, names_of, require_same_data
from i2i.engine.interruption import interruption
from i2i.engine.loading import Batches, ending
from i2i.engine.metrics import Metrics, metrics_to_json
from i2i.engine.page import write_page
from i2i.engine.parts import build_dataset, build_method
from i2i.engine.position import Position
from i2i.engine.processes import Processes
from i2i.engine.progress import Reporter, Status
from i2i.engine.result import Outcome
from i2i.engine.run_folder import RunFolder
from i2i.engine.schedule import EpochSchedule, plan_epochs
from i2i.engine.sizes import check_sizes
from i2i.engine.snapshot import Snapshot
from i2i.engine.stream import SampleStream, choose_workers, to_device
from i2i.engine.trackers import track_sheets
from i2i.engine.train_lines import TrainLines
from i2i.errors import DataError, DivergedError, I2IError
from i2i.plugins.calls import calling
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Batch

GROUPS = ("generators", "discriminators")


class Trainer:
    """Trains one run in its folder.

    Args:
        manager: the plugins.
        config: the resolved configuration.
        folder: the run folder.
        accelerator: device, processes and precision.
        reporter: told how it goes.
    """

    def __init__(
        self,
        manager: PluginManager,
        config: RunConfig,
        folder: RunFolder,
        accelerator: Accelerator,
        reporter: Reporter,
    ) -> None:
        self.config, self.options, self.folder = config, config.training, folder
        self.accelerator, self.reporter = accelerator, reporter
        self.processes = Processes(accelerator)
        self.manager = manager
        self.checkpoints = CheckpointFolder(folder.checkpoints, self.options.keep)

        self.train_set = build_dataset(manager, config, "train")
        self.test_set = build_dataset(manager, config, "test")
        for note in chain(getattr(self.train_set, "notes", ()), getattr(self.test_set, "notes", ())):
            reporter.note(f"data: {note}")
        if len(self.train_set) == 0:
            raise DataError(f"{config.data_root}: there is no training image")

        rank, world_size = accelerator.process_index, accelerator.num_processes
        # Every process draws the same first weights; after that each has random numbers of its own.
        seed, derive = self.options.seed, training_state.derive_seed
        training_state.seed_everything(seed)
        self.method = build_method(manager, config, self.train_set.channels, derive(seed, 2, rank), accelerator.device)
        check_sizes(manager, config, self.train_set, self.test_set)
        training_state.seed_everything(derive(seed, 0, rank))
        self.random = torch.Generator().manual_seed(derive(seed, 1, rank))
        for network in self.networks.values():
            network.to(accelerator.device).train()

        self.samples_per_step = self.options.batch_size * self.options.accumulate * world_size
        self.budget = Budget.of(self.options, len(self.train_set), self.samples_per_step)
        plan = plan_epochs(config.schedule, self.budget.epochs)
        self.optimizers = {group: self._make_optimizer(group) for group in GROUPS if getattr(self.method, group)}
        self.schedules = {
            group: EpochSchedule(optimizer, config.schedule, plan) for group, optimizer in self.optimizers.items()
        }
        self.averages = make_averages(self.method.generators, self.options.ema_decay)
        self.snapshot = Snapshot(
            self.method, self.averages, self.optimizers, self.schedules, self.random, accelerator.device
        )
        self.position = Position()
        self._resumed: Checkpoint | None = None
        self.lines = TrainLines(folder, accelerator, self.processes, self.samples_per_step, len(self.train_set))

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All networks by name."""
        return {**self.method.generators, **self.method.discriminators}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint; call it before :meth:`train`.

        Raises:
            DataError: the images are others than those of the checkpoint.
            CheckpointError: it is damaged or was made by other networks.
        """
        kept = checkpoint.description.get("data")
        if kept is not None:
            require_same_data(kept, self.folder.names(), self.train_set, self.test_set, self.config.data_root)
        self._resumed = checkpoint
        self.position, has_own = self.snapshot.restore(checkpoint, self.accelerator.process_index)
        if not has_own or checkpoint.description["world_size"] != self.accelerator.num_processes:
            self.reporter.note(
                f"the checkpoint was written by {checkpoint.description['world_size']} processes and "
                f"{self.accelerator.num_processes} go on: random numbers and buffers are not continued exactly"
            )

    def train(self) -> Outcome:
        """Train until the budget is used up or somebody interrupts.

        Raises:
            DivergedError: a loss became NaN or infinite; no checkpoint is written after that.
            RunFolderError: the folder cannot be written; the last checkpoint is intact.
        """
        if self._resumed is not None:
            if self._is_over():
                self.reporter.note(self._nothing_left())
            elif self._resumed.images is None:  # the run ended between saving and measuring, or could not draw
                if self.position.step % self.options.sample_every == 0:
                    self._write_sheets()
                self._judge(everything=False)
        elif self.accelerator.is_main_process:
            self.folder.keep_names(names_of(self.train_set, self.test_set))
        stream = SampleStream(
            len(self.train_set),
            seed=self.options.seed,
            batch_size=self.options.batch_size,
            start=self.position.samples,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )
        workers = choose_workers(self.options.workers, self.accelerator.device)
        batches = Batches(self.train_set, stream, workers=workers, note=self.reporter.note)
        with ending(batches), interruption() as interrupted:
            if self.position.step == 0:
                self._write_sheets()
            started = time.monotonic() - self.position.seconds
            self.lines.begin(self.position, self._rate())
            while not self.processes.any(self._is_over() or interrupted.is_set()):
                terms = self._step(
                    [to_device(next(batches), self.accelerator.device) for _ in range(self.options.accumulate)]
                )
                self.position.step += 1
                self.position.samples += self.samples_per_step
                self.position.seconds = self.processes.same(time.monotonic() - started)
                self._after_step(terms)
            return self._end(finished=self._is_over())

    def apply(self, group: str) -> None:
        """Step one optimiser; part of the :class:`~i2i.plugins.protocols.Update` protocol."""
        if group not in self.optimizers:  # a method without discriminators
            return
        optimizer = self.optimizers[group]
        self.processes.average_gradients(optimizer)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if group == "generators":
            for name, average in self.averages.items():
                average.update_parameters(self.method.generators[name])

    def backward(self, loss: Tensor) -> None:
        """Add gradients; part of the :class:`~i2i.plugins.protocols.Update` protocol."""
        with torch.autocast(self.accelerator.device.type, enabled=False):
            loss.backward()  # type: ignore[no-untyped-call]

    def _step(self, batches: Sequence[Batch]) -> dict[str, float]:
        step, method = self.position.step + 1, self.config.method.name
        with calling(self.method, f"step {step} of method {method}", self._last_good()):
            with self.accelerator.autocast():
                terms = self.method.step(batches, self)
            numbers = torch.stack([term.float() for term in terms.values()]).tolist()  # one wait for the device
        values = dict(zip(terms, numbers, strict=True))
        broken = {name: value for name, value in values.items() if not math.isfinite(value)}
        if self.processes.any(bool(broken)):
            self._fail(broken)
        return values

    def _fail(self, broken: Mapping[str, float]) -> None:
        named = ", ".join(f"{name} is {value}" for name, value in broken.items())
        named = named or "a loss of another process is not finite"
        raise DivergedError(
            f"step {self.position.step + 1}: {named}; training stopped before anything was saved; {self._last_good()}. "
            "Start again with a smaller --set optimizer.learning_rate, --loss lsgan, or --precision fp32"
        )

    def _last_good(self) -> str:
        latest = self.checkpoints.latest()
        return f"the last good checkpoint is {latest.path}" if latest else "there is no checkpoint yet"

    def _after_step(self, terms: Mapping[str, float]) -> None:
        position, options = self.position, self.options
        position.add(terms, sum(value for name, value in terms.items() if name not in self.method.discriminators))
        self.lines.rate = self._rate()  # before an epoch that ends here changes it
        self._end_epochs()
        self._report()
        if position.step % options.log_every == 0:
            self.lines.write(position)
        if self._is_over():
            return  # the end writes its own sheets and checkpoint
        if position.step % options.sample_every == 0:
            self._write_sheets()
        if position.step % options.checkpoint_every == 0:  # last: nothing of its step is missing once it is there
            self._save()
            self._judge(everything=False)

    def _rate(self) -> float:
        return float(self.optimizers["generators"].param_groups[0]["lr"])

    def _is_over(self) -> bool:
        return self.budget.fraction(self.position.step, self.position.seconds) >= 1

    def _nothing_left(self) -> str:
        limits, longer = limits_as_options(self.options, self.position.used(len(self.train_set)))
        return (
            f"nothing is left to do: step {self.position.step} is done and the budget of {limits} is used; to train "
            f"longer: i2i run --resume {self.folder.path} {longer}"
        )

    def _end_epochs(self) -> None:
        length, samples = len(self.train_set), self.position.samples
        ended = samples // length - (samples - self.samples_per_step) // length
        if ended:
            mean = self.processes.mean(self.position.epoch_loss / self.position.epoch_steps)
            for _ in range(ended):
                for schedule in self.schedules.values():
                    schedule.end_epoch(mean)
            self.position.epoch_loss, self.position.epoch_steps = 0.0, 0

    def _report(self) -> None:
        position = self.position
        status = Status(
            step=position.step,
            fraction=min(1.0, self.budget.fraction(position.step, position.seconds)),
            seconds=position.seconds,
            images_per_second=self.lines.images_per_second(position),
            losses=position.means(),
        )
        self.reporter.update(status)

    def _measure(self, limit: int | None) -> Metrics:
        """Measure held-out images, and log the result."""
        metrics = self._held_out().measure(limit)
        images = len(self.test_set) if limit is None else min(limit, len(self.test_set))
        line = {"kind": "evaluation", "step": self.position.step, "images": images}
        self.folder.append_metrics({**line, "directions": metrics_to_json(metrics)})
        flat = {f"{way}/{name}": value for way, values in metrics.items() for name, value in values.items()}
        self.accelerator.log(flat, step=self.position.step)
        return metrics

    def _held_out(self) -> HeldOut:
        directions = {
            direction: self.snapshot.outputs_of(name) for direction, name in sorted(self.method.directions.items())
        }
        paper = self.options.inference == "paper"
        return HeldOut(self.test_set, directions, self.accelerator.device, paper_inference=paper)

    def _write_sheets(self) -> None:
        """Draw held-out images; where they cannot be read any more, save the training before the error is raised."""
        step, failure = self.position.step, None
        if self.accelerator.is_main_process and len(self.test_set):
            try:
                self._held_out().write_sheets(self.folder.path, step, self.options.sample_images)
                track_sheets(self.accelerator, self.folder, step)
                write_page(self.folder.path)
            except DivergedError as error:
                raise DivergedError(f"step {step}: {error}; {self._last_good()}") from error
            except I2IError as error:
                failure = error
        if self.processes.any(failure is not None) and step and not self.checkpoints.folder_of(step).exists():
            self._save()
        if failure is not None:
            raise self._saved_anyway("drawn", failure) if step else failure
        self.accelerator.wait_for_everyone()

    def _end(self, finished: bool) -> Outcome:
        step = self.position.step
        self.lines.write_end(self.position)
        if not finished:
            self.reporter.note(f"interrupted: saving step {step}, then measuring it (a second time stops at once)")
        if not self.checkpoints.folder_of(step).exists():  # it is there after an interruption just after a checkpoint
            if finished:
                self.reporter.note(f"the budget is used up: saving step {step} and measuring held-out images")
            self._save()
        metrics = self._judge(everything=finished)
        if self.accelerator.is_main_process and len(self.test_set):
            held_out = self._held_out()
            held_out.write_sheets(self.folder.path, step, self.options.sample_images)
            track_sheets(self.accelerator, self.folder, step)
            held_out.write_picture(self.folder.picture, self.options.sample_images)
        if self.accelerator.is_main_process:
            write_page(self.folder.path)
        self.accelerator.wait_for_everyone()
        return Outcome(step, finished, metrics)

    def _save(self) -> None:
        """Write the checkpoint of this step; its metrics come later, so that measuring can lose no training."""
        step, world_size = self.position.step, self.accelerator.num_processes
        self.checkpoints.write_rank(step, self.accelerator.process_index, self.snapshot.of_this_process())
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            description = describe_checkpoint(
                self.manager,
                self.config,
                self.train_set,
                self.method,
                self.position,
                averaged=self.averages,
                data=fingerprint(self.train_set, self.test_set),
                world_size=world_size,
            )
            weights, shared = self.snapshot.generator_weights(), self.snapshot.shared(self.position)
            self.checkpoints.write(step, description, weights, shared, world_size)
        self.accelerator.wait_for_everyone()

    def _judge(self, everything: bool) -> Metrics:
        """Measure the checkpoint of this step, as far as nobody did yet, and return what it says then.

        Args:
            everything: measure all held-out images, not only those that every checkpoint is compared on.
        """
        kept = open_checkpoint(self.checkpoints.folder_of(self.position.step))
        some, every = min(self.options.evaluation_images, len(self.test_set)), len(self.test_set)
        if self.accelerator.is_main_process and (kept.images or 0) < (every if everything else some):
            metrics = self._measured(kept, some) if kept.images is None else kept.metrics
            score = kept.score if kept.images is not None else score_of(metrics)  # `best` compares like with like
            if everything and every > some:
                metrics = self._measured(kept, None)
            self.checkpoints.judge(kept, metrics, score, every if everything else some)
        elif self.accelerator.is_main_process and kept.images is None:  # nothing to measure
            self.checkpoints.judge(kept, {}, None, 0)
        self.accelerator.wait_for_everyone()
        return open_checkpoint(kept.path).metrics

    def _measured(self, kept: Checkpoint, limit: int | None) -> Metrics:
        """Measure, and tell what became of the checkpoint where that fails."""
        try:
            return self._measure(limit)
        except DivergedError as error:
            self.checkpoints.remove(kept)  # its generators are broken: the one before it is the last good one
            raise DivergedError(f"step {self.position.step}: {error}; {self._last_good()}") from error
        except I2IError as error:
            raise self._saved_anyway("measured", error) from error

    def _saved_anyway(self, done: str, error: I2IError) -> I2IError:
        step = self.position.step
        return type(error)(
            f"held-out images could not be {done}: {error}\nNo training is lost: the checkpoint of step {step} is "
            f"saved in {self.checkpoints.folder_of(step)}; put that right, then: i2i run --resume {self.folder.path}"
        )

    def _make_optimizer(self, group: str) -> torch.optim.Adam:
        options = self.config.optimizer
        parameters = chain.from_iterable(network.parameters() for network in getattr(self.method, group).values())
        return torch.optim.Adam(parameters, lr=options.learning_rate, betas=(options.beta1, options.beta2))
