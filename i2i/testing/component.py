"""The public checks: one for each kind of component, and one that picks the right kind."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from i2i.plugins import (
    AugmentationSpec,
    BufferSpec,
    CommandSpec,
    DatasetSpec,
    DiscriminatorSpec,
    ExporterSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ObserverSpec,
    OptimizerSpec,
    Options,
    ReaderSpec,
)
from i2i.plugins.manager import Component, PluginManager
from i2i.plugins.specs import SPECS, Spec
from i2i.testing.added_commands import command_checks
from i2i.testing.augmentations import augmentation_checks
from i2i.testing.buffers import buffer_checks
from i2i.testing.datasets import dataset_checks
from i2i.testing.default_options import choose_options
from i2i.testing.exporters import exporter_checks
from i2i.testing.losses import loss_checks
from i2i.testing.methods import method_checks
from i2i.testing.metrics import metric_checks
from i2i.testing.networks import discriminator_checks, generator_checks
from i2i.testing.observers import observer_checks
from i2i.testing.optimizers import optimizer_checks
from i2i.testing.readers import reader_checks
from i2i.testing.results import Checklist, CheckResult

OptionValues = Options | Mapping[str, Any] | None
"""An instance of the component's option model, values by name, or None for the defaults."""


def check_component(
    component: Component | Spec,
    options: OptionValues = None,
    *,
    root: str | Path | None = None,
    export_seconds: float | None = None,
    manager: PluginManager | None = None,
) -> list[CheckResult]:
    """Check one component of any kind and return every result. Never raises for what the component does.

    Args:
        component: a spec, or what ``PluginManager.find`` returns.
        options: the options to check with; by default the component's own, made narrow where it has ``base_channels``.
        root: for a data set, the folder to read; by default small folders in the usual layouts are made and the first
            that the data set accepts is used. For a reader a file; by default it reads what it writes.
        export_seconds: export a generator, too, in every built-in format that can be had here, each within this time;
            and have an exporter export one. By default nothing is exported, for that takes seconds.
        manager: the plugins that have the component: it is used in a short run, too, which is resumed, translates and
            is measured; by default it is not, for that takes seconds as well. The suffixes of a reader are compared
            with those of the others that they have; by default of all that are installed.

    Raises:
        TypeError: when ``component`` is neither a component nor a spec.
    """
    spec = _spec_of(component)
    checks = Checklist()
    with _own_random_states():
        chosen = choose_options(checks, spec, options)
        if chosen is not None:
            _run_checks(checks, spec, chosen, root, _package_of(component), export_seconds, manager)
            if manager is not None and all(result.ok for result in checks.results):
                from i2i.testing.in_use import TRAINED, use_checks  # which brings all that trains

                if isinstance(spec, TRAINED):
                    use_checks(checks, spec, chosen, manager, None if root is None else str(root))
    return checks.results


def check_generator(spec: GeneratorSpec, options: OptionValues = None, *, export_seconds: float | None = None) -> None:
    """Assert that a generator keeps its contract: shapes, range, gradients, state, determinism, precision, sizes.

    ``export_seconds`` is that of :func:`check_component`.
    """
    _assert_kept(spec, GeneratorSpec, options, export_seconds=export_seconds)


def check_discriminator(spec: DiscriminatorSpec, options: OptionValues = None) -> None:
    """Assert that a discriminator keeps its contract: logits of the right shape, gradients, state, determinism."""
    _assert_kept(spec, DiscriminatorSpec, options)


def check_loss(spec: LossSpec, options: OptionValues = None) -> None:
    """Assert that an adversarial loss pulls both sides the right way, or that a pixel loss is a distance."""
    _assert_kept(spec, LossSpec, options)


def check_buffer(spec: BufferSpec, options: OptionValues = None) -> None:
    """Assert that a buffer returns as many detached images as it takes, and resumes exactly from its state."""
    _assert_kept(spec, BufferSpec, options)


def check_method(spec: MethodSpec, options: OptionValues = None) -> None:
    """Assert that a method builds from tiny parts and that one step trains every network."""
    _assert_kept(spec, MethodSpec, options)


def check_dataset(spec: DatasetSpec, root: str | Path | None = None, options: OptionValues = None) -> None:
    """Assert that a data set's samples are well formed and a pure function of ``(seed, epoch, index)``."""
    _assert_kept(spec, DatasetSpec, options, root)


def check_optimizer(spec: OptimizerSpec, options: OptionValues = None) -> None:
    """Assert that an optimiser trains all that it is given, follows the learning rate, and resumes exactly."""
    _assert_kept(spec, OptimizerSpec, options)


def check_metric(spec: MetricSpec, options: OptionValues = None) -> None:
    """Assert that a metric gives a finite value for each image, or set, that tells equal images from noise."""
    _assert_kept(spec, MetricSpec, options)


def check_observer(spec: ObserverSpec, options: OptionValues = None) -> None:
    """Assert that an observer hears whole, failed and resumed runs, and changes nothing that it is told."""
    _assert_kept(spec, ObserverSpec, options)


def check_augmentation(spec: AugmentationSpec, options: OptionValues = None) -> None:
    """Assert that an augmentation lets gradients through, keeps images apart, moves stacked ones alike, and resumes."""
    _assert_kept(spec, AugmentationSpec, options)


def check_exporter(spec: ExporterSpec, options: OptionValues = None, *, export_seconds: float = 120) -> None:
    """Assert that a format's files give the translator's images, for any size and for one, and can be read back.

    Each of two exports may take ``export_seconds``. Where a package is missing that the format needs, none is tried.
    """
    _assert_kept(spec, ExporterSpec, options, export_seconds=export_seconds)


def check_command(spec: CommandSpec) -> None:
    """Assert that a command is click's, says what it does, and refuses an option that it does not have."""
    _assert_kept(spec, CommandSpec, None)


def check_reader(spec: ReaderSpec, root: str | Path | None = None, options: OptionValues = None) -> None:
    """Assert that a reader gives back what it writes, tells it before decoding, and refuses what is damaged.

    ``root`` is a file to read, for a format that is not written.
    """
    _assert_kept(spec, ReaderSpec, options, root)


def _spec_of(component: object) -> Spec:
    spec = component.spec if isinstance(component, Component) else component
    if not isinstance(spec, Spec):
        kinds = ", ".join(kind.__name__ for kind in SPECS.values())
        raise TypeError(f"component must be a Component or one of {kinds}; got {type(spec).__name__}")
    return spec


def _package_of(component: Component | Spec) -> str:
    if isinstance(component, Component):
        return f"{component.plugin.package} {component.plugin.version}"
    return "unknown"


@contextmanager
def _own_random_states() -> Iterator[None]:
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _run_checks(
    checks: Checklist,
    spec: Spec,
    options: Options,
    root: str | Path | None,
    package: str,
    export_seconds: float | None,
    manager: PluginManager | None,
) -> None:
    if isinstance(spec, GeneratorSpec):
        generator_checks(checks, spec, options, package=package, export_seconds=export_seconds)
    elif isinstance(spec, DiscriminatorSpec):
        discriminator_checks(checks, spec, options)
    elif isinstance(spec, LossSpec):
        loss_checks(checks, spec, options)
    elif isinstance(spec, BufferSpec):
        buffer_checks(checks, spec, options)
    elif isinstance(spec, MethodSpec):
        method_checks(checks, spec, options)
    elif isinstance(spec, DatasetSpec):
        dataset_checks(checks, spec, options, root)
    elif isinstance(spec, OptimizerSpec):
        optimizer_checks(checks, spec, options)
    elif isinstance(spec, MetricSpec):
        metric_checks(checks, spec, options)
    elif isinstance(spec, ObserverSpec):
        observer_checks(checks, spec, options)
    elif isinstance(spec, AugmentationSpec):
        augmentation_checks(checks, spec, options)
    elif isinstance(spec, ExporterSpec):
        exporter_checks(checks, spec, options, package=package, export_seconds=export_seconds)
    elif isinstance(spec, CommandSpec):
        command_checks(checks, spec, options)
    elif isinstance(spec, ReaderSpec):
        reader_checks(checks, spec, options, root, manager or PluginManager())


def _assert_kept(
    spec: Spec,
    expected: type[Spec],
    options: OptionValues,
    root: str | Path | None = None,
    export_seconds: float | None = None,
) -> None:
    if not isinstance(spec, expected):
        raise TypeError(f"spec must be a {expected.__name__}; got {type(spec).__name__}")
    results = check_component(spec, options, root=root, export_seconds=export_seconds)
    broken = [result for result in results if not result.ok]
    if broken:
        lines = "\n".join(f"  {result.name}: {result.message}" for result in broken)
        raise AssertionError(f"{spec.kind} {spec.name!r} breaks its contract:\n{lines}")
