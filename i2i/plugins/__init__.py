"""Plugins and the manager that finds them: hooks, specs, protocols, options. Imports no torch.

Everything a plugin author needs is exported here; see ``docs/writing-a-plugin.md``. Begin with
:mod:`~i2i.plugins.hookspecs`, the hooks, and :mod:`~i2i.plugins.specs`, what they return; :mod:`~i2i.plugins.protocols`
says what is asked of the objects that specs build, :mod:`~i2i.plugins.image_formats` what of those that read and write
image files. :mod:`~i2i.plugins.manager` loads packages and finds components by name,
:mod:`~i2i.plugins.plugin_files` loads plugins of one file. :mod:`~i2i.plugins.terms` and :mod:`~i2i.plugins.features`,
which reads inner layers at their taps, help with writing a method.

May import ``environment.packages``.
"""

from i2i.plugins.component_options import Options
from i2i.plugins.hookspecs import hookimpl
from i2i.plugins.image_formats import Box, ImageHeader, ReadImage
from i2i.plugins.protocols import RunObserver
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

__all__ = [
    "AugmentationSpec",
    "Box",
    "BufferSpec",
    "CommandSpec",
    "DatasetSpec",
    "DiscriminatorSpec",
    "ExporterSpec",
    "GeneratorSpec",
    "ImageHeader",
    "LossSpec",
    "MethodSpec",
    "MetricSpec",
    "ObserverSpec",
    "OptimizerSpec",
    "Options",
    "ReadImage",
    "ReaderSpec",
    "RunObserver",
    "hookimpl",
]
