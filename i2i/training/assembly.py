"""Building everything that a run trains with: data, networks, optimisers, schedules, budget, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from i2i.config.augmenting import Augmenting
from i2i.config.dataset_opening import build_datasets
from i2i.config.method_building import build_method, build_optimizers
from i2i.config.pixel_loss_sum import StepValues
from i2i.config.run_config import Choice, RunConfig
from i2i.config.sections import AUTO
from i2i.config.sizes import check_best, check_sizes
from i2i.errors import DataError, reason_of
from i2i.evaluation.chosen_metrics import ChosenMetric, build_metrics, usual_metrics
from i2i.evaluation.sets import FEWEST
from i2i.models import state as training_state
from i2i.models.scores import WITHOUT_TRUTH
from i2i.plugins.dataset_members import notes_of
from i2i.plugins.manager import PluginManager
from i2i.plugins.method_members import all_networks_of
from i2i.plugins.protocols import Dataset, Method, TrainingImages
from i2i.plugins.specs import MetricSpec
from i2i.terminal import Reporter
from i2i.training.budget import Budget
from i2i.training.freezing import freeze
from i2i.training.processes import Processes
from i2i.training.schedule import EpochSchedule, plan_epochs
from i2i.training.update import NetworkUpdate


@dataclass(frozen=True)
class Assembly:
    """What a run trains with.

    Attributes:
        config: the configuration, with what the images decided.
        train_set: what is learned from; at least one image.
        test_set: the held-out images, perhaps none.
        update: the method with its networks on their device, optimisers and moving averages.
        schedules: of the learning rate, by group of networks.
        budget: how long the run lasts.
        samples_per_step: samples that all processes together take in one step.
        metrics: what held-out images are measured by, in the main process.
    """

    config: RunConfig
    train_set: Dataset
    test_set: Dataset
    update: NetworkUpdate
    schedules: Mapping[str, EpochSchedule]
    budget: Budget
    samples_per_step: int
    metrics: Sequence[ChosenMetric]


def assemble(
    manager: PluginManager, config: RunConfig, processes: Processes, reporter: Reporter, learnt: Path | None = None
) -> Assembly:
    """Build a run's parts, and seed all random numbers of this process.

    Args:
        manager: the plugins.
        config: the resolved configuration.
        processes: device, and which of several processes this one is.
        reporter: notes what a person should know about the data.
        learnt: where metrics keep what they learn from the training images; ``None``: nowhere.

    Raises:
        DataError: the data cannot be used, or a metric cannot learn from them.
        ConfigError: networks or metrics do not take these images, or there are no such parameters to freeze.
        PluginError: a component cannot be built.
    """
    options = config.training
    train_set, test_set, config = build_datasets(manager, config)
    for note in notes_of(train_set, test_set):
        reporter.note(f"data: {note}")
    if len(train_set) == 0:
        raise DataError(f"{config.data_root}: there is no training image")

    values, augmenting = StepValues(), Augmenting(manager, config.augmentations, processes.mean)
    method, random = _seeded_method(manager, config, processes, train_set, test_set, values, augmenting)
    frozen = freeze(method, options.freeze)
    update = NetworkUpdate(
        method,
        build_optimizers(manager, config.optimizer, method, frozen),
        processes.device,
        random,
        precision=options.precision,
        ema_decay=options.ema_decay,
        ema_ramp_up=options.ema_ramp_up,
        average_gradients=processes.average_gradients,
        values=values,
        augmenting=augmenting,
        frozen=bool(frozen),
    )
    samples_per_step = options.batch_size * options.accumulate * processes.count
    budget = Budget.of(options, len(train_set), samples_per_step)
    plan = plan_epochs(config.schedule, budget.epochs)
    schedules = {
        group: EpochSchedule(optimizer, config.schedule, plan) for group, optimizer in update.optimizers.items()
    }
    learning = TrainingImages(train_set, folder=learnt, may_write=learnt is not None)
    metrics = _metrics(manager, config, method, processes, learning, test_set, reporter) if processes.is_main else ()
    return Assembly(config, train_set, test_set, update, schedules, budget, samples_per_step, metrics)


def _seeded_method(
    manager: PluginManager,
    config: RunConfig,
    processes: Processes,
    train_set: Dataset,
    test_set: Dataset,
    values: StepValues,
    augmenting: Augmenting,
) -> tuple[Method, torch.Generator]:
    """Build the method, on the device and in training mode, and the random numbers that its steps draw.

    Every process draws the same first weights; after that each has random numbers of its own.
    """
    seed, rank, derive_seed = config.training.seed, processes.rank, training_state.derive_seed
    training_state.seed_everything(seed)
    buffer_seed = derive_seed(seed, 2, rank)
    method = build_method(manager, config, train_set.channels, buffer_seed, processes.device, values, augmenting)
    check_sizes(manager, config, train_set, test_set)
    training_state.seed_everything(derive_seed(seed, 0, rank))
    for network in all_networks_of(method).values():
        network.to(processes.device).train()
    return method, torch.Generator().manual_seed(derive_seed(seed, 1, rank))


def _metrics(
    manager: PluginManager,
    config: RunConfig,
    method: Method,
    processes: Processes,
    training: TrainingImages,
    test_set: Dataset,
    reporter: Reporter,
) -> list[ChosenMetric]:
    check_best(config, method.directions)
    asked = build_metrics(manager, config.metrics, processes.device, asked=True, training=training)
    names = {metric.name for metric in asked}
    usual = [metric for metric in usual_metrics(manager, processes.device) if metric.name not in names]
    if config.training.best == AUTO and not test_set.truth and len(test_set) >= FEWEST:
        wanted = [name for name in WITHOUT_TRUTH if name not in names]
        choices = [Choice(name, manager.spec(MetricSpec, name).options()) for name in wanted]
        try:
            asked += build_metrics(manager, choices, processes.device, asked=False, training=training)
        except DataError as error:
            reporter.note(f"the best checkpoint is chosen by the way there and back alone: {reason_of(error)}")
    return [*usual, *asked]
