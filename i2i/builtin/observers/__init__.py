"""The built-in observers of a run: their options and specs. Imports no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from i2i.environment.packages import require
from i2i.plugins import ObserverSpec, Options


class EarlyStoppingOptions(Options):
    """Options of ``early-stopping``."""

    metric: str = Field("l1", description="the held-out metric that is watched, a mean over the directions")
    better: Literal["auto", "lower", "higher"] = Field(
        "auto", description="which values of it are better; auto: what the metric says"
    )
    patience: int = Field(5, gt=0, description="evaluations in a row that may be no better than the best before them")
    least_gain: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="by how much a value must be better, in the metric's unit"
    )


class WandbOptions(Options):
    """Options of ``wandb``."""

    project: str = Field("i2i", min_length=1, description="the project that the run is filed under")


def _build_early_stopping(options: EarlyStoppingOptions) -> Any:
    from i2i.builtin.observers.early_stopping import EarlyStopping

    return EarlyStopping(options)


def _build_tensorboard(_: Options) -> Any:
    require("observer tensorboard", "torch.utils.tensorboard")
    from i2i.builtin.observers.event_files import EventFiles

    return EventFiles()


def _build_wandb(options: WandbOptions) -> Any:
    require("observer wandb", "wandb")
    from i2i.builtin.observers.weights_and_biases import WeightsAndBiases

    return WeightsAndBiases(options.project)


SPECS: tuple[ObserverSpec, ...] = (
    ObserverSpec(
        name="early-stopping",
        summary="ends the run when a held-out metric no longer gets better",
        options=EarlyStoppingOptions,
        build=_build_early_stopping,
    ),
    ObserverSpec(
        name="tensorboard", summary="event files for TensorBoard, in the run's folder", build=_build_tensorboard
    ),
    ObserverSpec(
        name="wandb",
        summary="logs to Weights & Biases (needs the extra wandb)",
        options=WandbOptions,
        build=_build_wandb,
    ),
)
