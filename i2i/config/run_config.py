"""The resolved configuration of a run: which components with which options, and how to train them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import new_class
from typing import Any, Literal, cast

from pydantic import ConfigDict, Field, field_validator

from i2i.files.texts import dump_yaml
from i2i.plugins.component_options import Options

LIMITS = ("steps", "epochs", "minutes")
"""The options of :class:`TrainingOptions` that end a run."""


class ScheduleOptions(Options):
    """How the learning rate falls; it changes at the end of an epoch."""

    name: Literal["linear", "cosine", "step", "plateau", "constant"] = Field(
        "linear",
        description="linear: flat, then straight down to almost zero (the papers'); cosine: half a wave over the flat "
        "epochs; step: times 0.1 every step_epochs; plateau: times 0.2 when the generators' loss stalls; constant",
    )
    flat_epochs: int | None = Field(
        None, ge=0, description="epochs at the full rate; none: half of the budget, or 100 without one"
    )
    decay_epochs: int | None = Field(
        None, ge=0, description="epochs of the linear descent; none: the other half of the budget, or 100"
    )
    step_epochs: int = Field(50, gt=0, description="epochs between two falls of the step schedule")


class TrainingOptions(Options):
    """The training loop."""

    title: str | None = Field(
        None, min_length=1, max_length=100, description="what the page, the server and exported files call the run"
    )
    steps: int | None = Field(None, ge=0, description="stop after this many steps in all")
    epochs: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="stop after this many passes over the training images"
    )
    minutes: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="stop after this much training time in all, resumes included"
    )
    batch_size: int = Field(1, gt=0, description="images of each domain a step, in each process")
    accumulate: int = Field(1, gt=0, description="batches whose gradients are added up before a step")
    seed: int = Field(0, ge=0, lt=2**32, description="fixes weights, sample order, crops, flips and dropout")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps; auto takes the fastest there is")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16: autocast, weights stay fp32")
    workers: int | None = Field(None, ge=0, description="processes that load images; none: 0 on the CPU, else up to 4")
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="decay of the generators' moving average, used for every output; 0: off"
    )
    ema_ramp_up: float = Field(
        0.05,
        ge=0,
        allow_inf_nan=False,
        description="longest half-life of the moving average, as a share of the steps so far, so that it forgets the "
        "first weights early; 0: ema_decay from the start",
    )
    inference: Literal["deterministic", "paper"] = Field(
        "deterministic", description="paper: outputs with dropout on and batch statistics, as both papers' code does"
    )
    log_every: int = Field(50, gt=0, description="steps between two lines of metrics.jsonl")
    sample_every: int = Field(500, gt=0, description="steps between two sample sheets")
    checkpoint_every: int = Field(1000, gt=0, description="steps between two checkpoints")
    keep: int = Field(2, gt=0, description="newest checkpoints that are kept, besides the best")
    sample_images: int = Field(8, gt=0, description="held-out images on the sample sheets")
    evaluation_images: int = Field(
        50, gt=0, description="held-out images measured at each checkpoint, first by name; the end measures all of them"
    )
    best: str | None = Field(
        "auto",
        description="metric that the best checkpoint is chosen by; auto: l1 where the truth is known, else "
        "domain_distance and edge_preservation together; none: l1 where the truth is known, else cycle_l1",
    )
    init_from: tuple[str, ...] = Field(
        (),
        description="models whose weights the networks start from: run folders, checkpoints, sample:NAME, official "
        ".pth files; the generator is theirs unless another is chosen",
    )
    init_generators_only: bool = Field(
        False, description="start the generators alone from the models of init_from, not the discriminators and helpers"
    )
    freeze: tuple[str, ...] = Field(
        (), description="patterns of the names of parameters that are not trained, such as G_A.model.1.*"
    )

    @field_validator("init_from", "freeze", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Choice:
    """A component by name, with its validated options."""

    name: str
    options: Options

    def to_dict(self) -> dict[str, Any]:
        """Return name and options in one flat dictionary of plain values."""
        return {"name": self.name, **self.options.model_dump(mode="json")}


@dataclass(frozen=True)
class OptimizerChoice(Choice):
    """An optimiser by name, with its options.

    Attributes:
        groups: the options of a group of networks, ``"generators"`` or ``"discriminators"``, that has any of its own.
    """

    groups: Mapping[str, Options] = field(default_factory=dict)

    def of(self, group: str) -> Choice:
        """The optimiser of a group of networks."""
        return Choice(self.name, self.groups.get(group, self.options))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values as a choice does, with those of the groups that have their own under their names."""
        return {**super().to_dict(), **{name: own.model_dump(mode="json") for name, own in self.groups.items()}}


class WeightedOptions(Options):
    """What any pixel loss has besides options of its own."""

    weight: float = Field(1.0, ge=0, allow_inf_nan=False, description="what its value is multiplied by")


@cache
def with_weight(options: type[Options]) -> type[WeightedOptions]:
    """The options of a pixel loss, and its weight among them."""

    def body(names: dict[str, Any]) -> None:
        names["__module__"] = options.__module__
        # It has no fields of its own; to look for their docstrings would take longer than all the rest.
        names["model_config"] = ConfigDict(use_attribute_docstrings=False)

    return cast(type[WeightedOptions], new_class(options.__name__, (WeightedOptions, options), exec_body=body))


@dataclass(frozen=True)
class PixelLossChoice(Choice):
    """A pixel loss by name, with its options.

    Attributes:
        weight: its factor in the sum; 1 of a loss with an option ``weight`` of its own.
    """

    weight: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values as a choice does, with the weight where it is not 1."""
        own = super().to_dict()
        return own if self.weight == 1 else {**own, "weight": self.weight}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run. Made by :func:`i2i.config.resolver.resolve`, kept in the run folder.

    Attributes:
        pixel_losses: whose weighted sum is the distance of two images.
        data_root: a folder, or ``sample:NAME``.
        metrics: what held-out images are measured by, besides the usual.
        observers: what watches the run.
        augmentations: what is done to images before a discriminator looks at them, in this order.
        readers: formats of image files that have options, or that a package brings and the data have.
    """

    method: Choice
    generator: Choice
    discriminators: tuple[Choice, ...]
    loss: Choice
    pixel_losses: tuple[PixelLossChoice, ...]
    buffer: Choice
    data_root: str
    data: Choice
    optimizer: OptimizerChoice
    schedule: ScheduleOptions
    training: TrainingOptions
    metrics: tuple[Choice, ...] = ()
    observers: tuple[Choice, ...] = ()
    augmentations: tuple[Choice, ...] = ()
    readers: tuple[Choice, ...] = ()

    @property
    def chosen(self) -> tuple[tuple[str, Choice], ...]:
        """Every component by kind, the method first; a kind may come several times."""
        return (
            ("method", self.method),
            ("generator", self.generator),
            *(("discriminator", choice) for choice in self.discriminators),
            ("loss", self.loss),
            *(("loss", choice) for choice in self.pixel_losses),
            ("buffer", self.buffer),
            ("dataset", self.data),
            ("optimizer", self.optimizer),
            *(("metric", choice) for choice in self.metrics),
            *(("observer", choice) for choice in self.observers),
            *(("augmentation", choice) for choice in self.augmentations),
            *(("reader", choice) for choice in self.readers),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, which :func:`~i2i.config.resolver.config_from_dict` reads back."""
        pixel_losses = [choice.to_dict() for choice in self.pixel_losses]
        return {
            "method": self.method.to_dict(),
            "generator": self.generator.to_dict(),
            "discriminator": [choice.to_dict() for choice in self.discriminators],
            "loss": self.loss.to_dict(),
            "pixel_loss": pixel_losses[0] if len(pixel_losses) == 1 else pixel_losses,
            "buffer": self.buffer.to_dict(),
            "data": {"root": self.data_root, **self.data.to_dict()},
            "optimizer": self.optimizer.to_dict(),
            "schedule": self.schedule.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "metrics": [choice.to_dict() for choice in self.metrics],
            "observers": [choice.to_dict() for choice in self.observers],
            "augmentations": [choice.to_dict() for choice in self.augmentations],
            "readers": [choice.to_dict() for choice in self.readers],
        }

    def to_yaml(self) -> str:
        """Return the configuration as YAML, fit for ``i2i run --config``."""
        return dump_yaml(self.to_dict())


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one level with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat
