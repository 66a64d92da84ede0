"""The built-in components, registered through the same hooks as anybody's package. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from i2i.builtin import (
    augmentations,
    buffers,
    datasets,
    discriminators,
    exporters,
    generators,
    losses,
    methods,
    metrics,
    observers,
    optimizers,
    readers,
)
from i2i.plugins import (
    AugmentationSpec,
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    ExporterSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ObserverSpec,
    OptimizerSpec,
    ReaderSpec,
    hookimpl,
)


@hookimpl
def i2i_generators() -> Iterable[GeneratorSpec]:
    """Return the built-in generators."""
    return generators.SPECS


@hookimpl
def i2i_discriminators() -> Iterable[DiscriminatorSpec]:
    """Return the built-in discriminators."""
    return discriminators.SPECS


@hookimpl
def i2i_losses() -> Iterable[LossSpec]:
    """Return the built-in adversarial and pixel losses."""
    return losses.SPECS


@hookimpl
def i2i_buffers() -> Iterable[BufferSpec]:
    """Return the built-in buffers."""
    return buffers.SPECS


@hookimpl
def i2i_methods() -> Iterable[MethodSpec]:
    """Return the built-in methods."""
    return methods.SPECS


@hookimpl
def i2i_datasets() -> Iterable[DatasetSpec]:
    """Return the built-in data sets."""
    return datasets.SPECS


@hookimpl
def i2i_optimizers() -> Iterable[OptimizerSpec]:
    """Return the built-in optimisers."""
    return optimizers.SPECS


@hookimpl
def i2i_metrics() -> Iterable[MetricSpec]:
    """Return the built-in metrics."""
    return metrics.SPECS


@hookimpl
def i2i_observers() -> Iterable[ObserverSpec]:
    """Return the built-in observers."""
    return observers.SPECS


@hookimpl
def i2i_augmentations() -> Iterable[AugmentationSpec]:
    """Return the built-in augmentations."""
    return augmentations.SPECS


@hookimpl
def i2i_readers() -> Iterable[ReaderSpec]:
    """Return the built-in formats of image files."""
    return readers.SPECS


@hookimpl
def i2i_exporters() -> Iterable[ExporterSpec]:
    """Return the built-in formats of exported files."""
    return exporters.SPECS
