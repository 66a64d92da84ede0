"""The hooks of the entry-point group ``i2i``. A plugin module defines any of them, decorated with ``@hookimpl``.

A hook takes nothing and returns specs: data, not callbacks. The built-in components come through the same hooks.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from i2i.plugins.specs import (
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
    ReaderSpec,
)

PROJECT = "i2i"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin module as the implementation of the hook of the same name."""


@hookspec
def i2i_generators() -> Iterable[GeneratorSpec]:
    """Return the generators this plugin adds."""
    return ()


@hookspec
def i2i_discriminators() -> Iterable[DiscriminatorSpec]:
    """Return the discriminators this plugin adds."""
    return ()


@hookspec
def i2i_losses() -> Iterable[LossSpec]:
    """Return the adversarial and pixel losses this plugin adds."""
    return ()


@hookspec
def i2i_buffers() -> Iterable[BufferSpec]:
    """Return the buffers of earlier fakes this plugin adds."""
    return ()


@hookspec
def i2i_methods() -> Iterable[MethodSpec]:
    """Return the training methods this plugin adds."""
    return ()


@hookspec
def i2i_datasets() -> Iterable[DatasetSpec]:
    """Return the data sets this plugin adds."""
    return ()


@hookspec
def i2i_optimizers() -> Iterable[OptimizerSpec]:
    """Return the optimisers this plugin adds."""
    return ()


@hookspec
def i2i_metrics() -> Iterable[MetricSpec]:
    """Return the metrics this plugin adds."""
    return ()


@hookspec
def i2i_observers() -> Iterable[ObserverSpec]:
    """Return the observers this plugin adds: what watches a run, such as a tracker of experiments."""
    return ()


@hookspec
def i2i_augmentations() -> Iterable[AugmentationSpec]:
    """Return the augmentations this plugin adds: what is done to images before a discriminator looks at them."""
    return ()


@hookspec
def i2i_exporters() -> Iterable[ExporterSpec]:
    """Return the formats of exported files this plugin adds."""
    return ()


@hookspec
def i2i_commands() -> Iterable[CommandSpec]:
    """Return the commands this plugin adds to ``i2i``."""
    return ()


@hookspec
def i2i_readers() -> Iterable[ReaderSpec]:
    """Return the formats of image files that this plugin reads and writes."""
    return ()


HOOKS = {
    "i2i_generators": GeneratorSpec,
    "i2i_discriminators": DiscriminatorSpec,
    "i2i_losses": LossSpec,
    "i2i_buffers": BufferSpec,
    "i2i_methods": MethodSpec,
    "i2i_datasets": DatasetSpec,
    "i2i_optimizers": OptimizerSpec,
    "i2i_metrics": MetricSpec,
    "i2i_observers": ObserverSpec,
    "i2i_augmentations": AugmentationSpec,
    "i2i_exporters": ExporterSpec,
    "i2i_commands": CommandSpec,
    "i2i_readers": ReaderSpec,
}
"""Each hook with the kind of spec it returns."""
