"""The training loop. It knows protocols, no class: the step belongs to the method."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from i2i.engine import state as training_state
from i2i.engine.averages import make_averages
from i2i.engine.budget import Budget, limits_as_options
from i2i.engine.checkpoint import Checkpoint, CheckpointFolder, open_checkpoint
from i2i.engine.config import RunConfig
from i2i.engine.description import describe_checkpoint
from i2i.engine.evaluation import HeldOut
from i2i.engine.interruption import deaf_to_ctrl_c, interruption
from i2i.engine.page import write_page
from i2i.engine.parts import build_dataset, build_method
from i2i.engine.position import Position
from i2i.engine.processes import Processes
from i2i.engine.progress import Reporter, Status
from i2i.engine.run_folder import RunFolder
from i2i.engine.schedule import EpochSchedule, plan_epochs
from i2i.engine.sizes import check_sizes
from i2i.engine.stream import SampleStream, load_batches
from i2i.errors import CheckpointError, DataError, DivergedError
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Batch

GROUPS = ("generators", "discriminators")
Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: steps done in all.
        finished: whether the budget was used up; false after an interruption.
        metrics: held-out metrics by direction; empty after an interruption.
    """

    step: int
    finished: bool
    metrics: Mapping[str, Mapping[str, float]]


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
        training_state.seed_everything(self.options.seed)
        self.method = build_method(
            manager, config, self.train_set.channels, self.options.seed * 1000 + rank, accelerator.device
        )
        check_sizes(manager, config, self.train_set, self.test_set)
        training_state.seed_everything(self.options.seed + rank)
        self.random = torch.Generator().manual_seed(self.options.seed + rank)
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
        self.position = Position()
        self._window_start, self._window_step = 0.0, 0

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All networks by name."""
        return {**self.method.generators, **self.method.discriminators}

    def train(self, resume_from: Checkpoint | None = None) -> Outcome:
        """Train until the budget is used up or somebody interrupts.

        Raises:
            DivergedError: a loss became NaN or infinite; no checkpoint is written after that.
            RunFolderError: the folder cannot be written; the last checkpoint is intact.
        """
        if resume_from is not None:
            self._restore(resume_from)
            if self._is_over():
                self.reporter.note(self._nothing_left())
        stream = SampleStream(
            len(self.train_set),
            seed=self.options.seed,
            batch_size=self.options.batch_size,
            start=self.position.samples,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )
        with deaf_to_ctrl_c():  # a loading process inherits it: Ctrl-C is for the main process to handle
            batches = load_batches(self.train_set, stream, workers=self._workers())
        with interruption() as interrupted:
            if self.position.step == 0:
                self._write_sheets()
            started = time.monotonic() - self.position.seconds
            self._window_start, self._window_step = self.position.seconds, self.position.step
            while not self.processes.any(self._is_over() or interrupted.is_set()):
                terms = self._step([self._to_device(next(batches)) for _ in range(self.options.accumulate)])
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
        with self.accelerator.autocast():
            terms = self.method.step(batches, self)
        names = list(terms)
        values = torch.stack([terms[name].float() for name in names]).tolist()  # one wait for the device, not one each
        broken = [name for name, value in zip(names, values, strict=True) if not math.isfinite(value)]
        if self.processes.any(bool(broken)):
            self._fail(broken, dict(zip(names, values, strict=True)))
        return dict(zip(names, values, strict=True))

    def _fail(self, broken: list[str], values: Mapping[str, float]) -> None:
        named = ", ".join(f"{name} is {values[name]}" for name in broken) or "a loss of another process is not finite"
        raise DivergedError(
            f"step {self.position.step + 1}: {named}; training stopped before anything was saved; {self._last_good()}. "
            "Start again with a smaller --set optimizer.learning_rate, --loss lsgan, or --precision fp32"
        )

    def _last_good(self) -> str:
        latest = self.checkpoints.latest()
        return f"the last good checkpoint is {latest.path}" if latest else "there is no checkpoint yet"

    def _after_step(self, terms: Mapping[str, float]) -> None:
        position, options = self.position, self.options
        for name, value in terms.items():
            position.sums[name] += value
            position.counts[name] += 1
        position.epoch_loss += sum(value for name, value in terms.items() if name not in self.method.discriminators)
        position.epoch_steps += 1
        self._end_epochs()
        self._report()
        if position.step % options.log_every == 0:
            self._log()
        if self._is_over():
            return  # the end writes its own sheets and checkpoint
        if position.step % options.sample_every == 0:
            self._write_sheets()
        if position.step % options.checkpoint_every == 0:  # last: nothing of its step is missing once it is there
            metrics = self._measure(options.evaluation_images)
            self._checkpoint(metrics, judged=metrics)

    def _is_over(self) -> bool:
        return self.budget.fraction(self.position.step, self.position.seconds) >= 1

    def _nothing_left(self) -> str:
        used, doubled = limits_as_options(self.options)
        return (
            f"nothing is left to do: step {self.position.step} is done and the budget of {used} is used; to train "
            f"longer: i2i run --resume {self.folder.path} {doubled}"
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
            images_per_second=self._speed(),
            losses={name: position.sums[name] / position.counts[name] for name in position.sums},
        )
        self.reporter.update(status)

    def _speed(self) -> float:
        seconds = max(self.position.seconds - self._window_start, 1e-9)
        return float((self.position.step - self._window_step) * self.samples_per_step / seconds)

    def _log(self) -> None:
        position = self.position
        losses = self.processes.mean_of_sums(position.sums, position.counts)
        position.sums.clear()
        position.counts.clear()
        line = {
            "kind": "train",
            "step": position.step,
            "epoch": position.samples / len(self.train_set),
            "seconds": round(position.seconds, 3),
            "images_per_second": round(self._speed(), 3),
            "learning_rate": self.optimizers["generators"].param_groups[0]["lr"],
            "losses": losses,
        }
        self._window_start, self._window_step = position.seconds, position.step
        if self.accelerator.is_main_process:
            self.folder.append_metrics(line)
        self.accelerator.log({f"loss/{name}": value for name, value in losses.items()}, step=position.step)

    def _measure(self, limit: int | None) -> dict[str, dict[str, float]]:
        """Measure held-out images in the main process, and log the result."""
        metrics: dict[str, dict[str, float]] = {}
        if self.accelerator.is_main_process and len(self.test_set):
            with self._judging():
                metrics = self._held_out().measure(limit)
            images = len(self.test_set) if limit is None else min(limit, len(self.test_set))
            line = {"kind": "evaluation", "step": self.position.step, "images": images, "directions": metrics}
            self.folder.append_metrics(line)
            flat = {f"{way}/{name}": value for way, values in metrics.items() for name, value in values.items()}
            self.accelerator.log(flat, step=self.position.step)
        self.accelerator.wait_for_everyone()
        return metrics

    def _held_out(self) -> HeldOut:
        directions = {direction: self._outputs_of(name) for direction, name in sorted(self.method.directions.items())}
        paper = self.options.inference == "paper"
        return HeldOut(self.test_set, directions, self.accelerator.device, paper_inference=paper)

    def _outputs_of(self, generator: str) -> nn.Module:
        """The network that makes outputs: the moving average where there is one."""
        average = self.averages.get(generator)
        return self.method.generators[generator] if average is None else average.module

    def _write_sheets(self) -> None:
        if self.accelerator.is_main_process and len(self.test_set):
            with self._judging():
                self._held_out().write_sheets(self.folder.path, self.position.step, self.options.sample_images)
            write_page(self.folder.path)
        self.accelerator.wait_for_everyone()

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Tell the step when the generators' outputs turn out not to be finite."""
        try:
            yield
        except DivergedError as error:
            raise DivergedError(f"step {self.position.step}: {error}; {self._last_good()}") from error

    def _end(self, finished: bool) -> Outcome:
        step = self.position.step
        kept = self.checkpoints.folder_of(step)
        if not finished:
            self.reporter.note(f"interrupted: saving step {step} (a second time stops at once, without saving)")
        if kept.exists():  # an interruption just after a checkpoint, or a resumed run with nothing left to do
            metrics = open_checkpoint(kept).description["metrics"]
        else:
            if finished:
                self.reporter.note(f"the budget is used up: measuring held-out images and saving step {step}")
            some = self.options.evaluation_images
            judged = self._measure(some)  # as at every checkpoint, so that `best` compares like with like
            metrics = self._measure(None) if finished and len(self.test_set) > some else judged
            self._checkpoint(metrics, judged)
        if self.accelerator.is_main_process and len(self.test_set):
            held_out = self._held_out()
            held_out.write_sheets(self.folder.path, step, self.options.sample_images)
            held_out.write_picture(self.folder.picture, self.options.sample_images)
        if self.accelerator.is_main_process:
            write_page(self.folder.path)
        self.accelerator.wait_for_everyone()
        return Outcome(step, finished, metrics)

    def _checkpoint(self, metrics: Metrics, judged: Metrics) -> None:
        step, rank = self.position.step, self.accelerator.process_index
        own = {
            "random": training_state.random_state(),
            "update": self.random.get_state(),
            "buffers": {name: buffer.state_dict() for name, buffer in self.method.buffers.items()},
        }
        self.checkpoints.write_rank(step, rank, own)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            # With a moving average, a generator's file holds the average, and the state the weights that are trained.
            kept = {**self.method.discriminators, **{name: self.method.generators[name] for name in self.averages}}
            shared = {
                "position": self.position.state_dict(),
                "networks": {name: network.state_dict() for name, network in kept.items()},
                "averaged": {name: int(average.n_averaged) for name, average in self.averages.items()},
                "optimizers": {group: optimizer.state_dict() for group, optimizer in self.optimizers.items()},
                "schedules": {group: schedule.state_dict() for group, schedule in self.schedules.items()},
            }
            weights = {name: self._outputs_of(name).state_dict() for name in self.method.generators}
            world_size = self.accelerator.num_processes
            description = describe_checkpoint(
                self.manager,
                self.config,
                self.train_set,
                self.method,
                self.position,
                metrics,
                judged,
                averaged=self.averages,
                world_size=world_size,
            )
            self.checkpoints.write(step, description, weights, shared, world_size)
        self.accelerator.wait_for_everyone()

    def _restore(self, checkpoint: Checkpoint) -> None:
        try:
            shared = checkpoint.training_state()
            for name, generator in self.method.generators.items():
                weights = checkpoint.generator_weights(name)
                self._outputs_of(name).load_state_dict(weights)
                if name not in self.averages:
                    generator.load_state_dict(weights)
            for name, weights in shared["networks"].items():
                self.networks[name].load_state_dict(weights)
            for name, average in self.averages.items():
                average.n_averaged.fill_(shared["averaged"][name])
            for group in self.optimizers:
                self.optimizers[group].load_state_dict(shared["optimizers"][group])
                self.schedules[group].load_state_dict(shared["schedules"][group])
            self.position = Position.from_state(shared["position"])
            own = checkpoint.rank_state(self.accelerator.process_index)
            if own is not None:
                for name, buffer in self.method.buffers.items():
                    buffer.load_state_dict(
                        training_state.floats_to_device(own["buffers"][name], self.accelerator.device)
                    )
                self.random.set_state(own["update"])
                training_state.set_random_state(own["random"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{checkpoint.path} does not fit this run's config.yaml: {type(error).__name__}: {error}; "
                "was config.yaml changed, or a plugin updated?"
            ) from error
        if own is None or checkpoint.description["world_size"] != self.accelerator.num_processes:
            self.reporter.note(
                f"the checkpoint was written by {checkpoint.description['world_size']} processes and "
                f"{self.accelerator.num_processes} go on: random numbers and buffers are not continued exactly"
            )

    def _make_optimizer(self, group: str) -> torch.optim.Adam:
        options = self.config.optimizer
        parameters = chain.from_iterable(network.parameters() for network in getattr(self.method, group).values())
        return torch.optim.Adam(parameters, lr=options.learning_rate, betas=(options.beta1, options.beta2))

    def _workers(self) -> int:
        if self.options.workers is not None:
            return self.options.workers
        return 0 if self.accelerator.device.type == "cpu" else min(4, torch.get_num_threads())

    def _to_device(self, batch: Batch) -> Batch:
        return {
            key: value.to(self.accelerator.device, non_blocking=True) if isinstance(value, Tensor) else value
            for key, value in batch.items()
        }
