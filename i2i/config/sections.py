"""The sections of a configuration: what each holds, and which component it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from i2i.config.run_config import ScheduleOptions, TrainingOptions
from i2i.plugins.component_options import Options
from i2i.plugins.specs import (
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    OptimizerSpec,
    Spec,
)

COMPONENTS: Mapping[str, type[Spec]] = {
    "method": MethodSpec,
    "generator": GeneratorSpec,
    "discriminator": DiscriminatorSpec,
    "loss": LossSpec,
    "pixel_loss": LossSpec,
    "buffer": BufferSpec,
    "data": DatasetSpec,
    "optimizer": OptimizerSpec,
}
"""Sections that choose a component by ``name`` and hold its options."""

PLAIN: Mapping[str, type[Options]] = {
    "schedule": ScheduleOptions,
    "training": TrainingOptions,
}
"""Sections that hold options alone."""

OBSERVERS = "observers"
"""The section that names what watches a run, under ``name``, and holds the options of each under its own name."""

AUGMENTATIONS = "augmentations"
"""The section that names what is done to images before a discriminator looks at them, as :data:`OBSERVERS` does."""
READERS = "readers"
"""The section that holds the options of readers of image files, each under its own name."""

DEFAULT_METHOD = "cyclegan"
DEFAULT_DISCRIMINATOR = "patch70"
DEFAULT_DATA = "sample:flat-3d"
DEFAULT_NAMES = {
    "generator": "resnet9",
    "loss": "lsgan",
    "pixel_loss": "l1",
    "buffer": "none",
    "data": "folder",
    "optimizer": "adam",
}


@dataclass(frozen=True)
class Numbered:
    """A section of which several components are chosen, in an order: ``"0"`` holds options of the first alone.

    Attributes:
        noun: what a person calls one of them.
        plural: and several.
        default: chosen where nobody names any.
        example: an option of one of them, for messages.
    """

    noun: str
    plural: str
    default: str
    example: str


NUMBERED: Mapping[str, Numbered] = {
    "discriminator": Numbered("discriminator", "discriminators", DEFAULT_DISCRIMINATOR, "base_channels=32"),
    "pixel_loss": Numbered("pixel loss", "pixel losses", DEFAULT_NAMES["pixel_loss"], "weight=0.5"),
}

METRICS = "metrics"
"""The section that names metrics to measure, under ``name``, and holds the options of each under its own name."""
USUAL_METRICS = ("l1", "psnr", "ssim")
"""The metrics of pairs that every run and every evaluation measures."""
CYCLE = "cycle_l1"
"""L1 of an image and what comes back from its translation; no component, for it needs both generators."""

AUTO = "auto"
"""What ``training.best`` says where the data decide by which metric the best checkpoint is chosen."""

NAMED: Mapping[str, str] = {
    "metric": METRICS,
    "observer": OBSERVERS,
    "augmentation": AUGMENTATIONS,
    "reader": READERS,
}
"""The sections of any number of components, whose options stand under the name of each, by kind of component."""
BESIDE_TRAINING: Mapping[str, str] = {kind: NAMED[kind] for kind in ("metric", "observer")}
"""Those whose components change no weight: a run that resumes may have others."""
NONE = "none"
"""The name that chooses no component of such a section, whatever a file says."""


def section_of(spec: Spec) -> str:
    """Where the configuration holds the component's options, before the point in ``--set SECTION.OPTION=VALUE``."""
    if isinstance(spec, LossSpec) and spec.family == "pixel":
        return "pixel_loss"
    several = NAMED.get(spec.kind)
    if several is not None:
        return f"{several}.{spec.name}"
    return "data" if spec.kind == "dataset" else spec.kind
