"""Every network of a MODEL that training may start from: generators by direction, and what helped to train them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from i2i.errors import CheckpointError
from i2i.models.checkpoint import Checkpoint
from i2i.models.find import WEIGHT_SUFFIXES, open_model, require_checkpoint
from i2i.models.official import official_discriminators
from i2i.paths import named
from i2i.plugins.directions import Direction

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator of a model.

    Attributes:
        name: its name there, such as ``"G_A"``.
        component: its name as a component, and its options.
        weights: by key; a moving average where the model has one.
    """

    name: str
    component: Mapping[str, Any]
    weights: Weights


@dataclass(frozen=True)
class TrainedNetworks:
    """The networks of a model.

    Attributes:
        source: the model, and its step where it says one.
        generators: by the direction in which they translate.
        others: discriminators, the helpers of a method, and generators that are such, by name.
        config: the configuration of its run; empty where the model does not say.
    """

    source: str
    generators: Mapping[Direction, TrainedGenerator]
    others: Mapping[str, Weights]
    config: Mapping[str, Any]


def trained_networks(model: str) -> TrainedNetworks:
    """Read the networks of a model.

    Args:
        model: see :mod:`i2i.models.find`; a file of pytorch-CycleGAN-and-pix2pix may also hold discriminators, alone
            or beside generators.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: it is an exported file.
    """
    try:
        opened = open_model(model)
    except CheckpointError:
        path = named(model)
        alone = official_discriminators(path) if path.is_file() and path.suffix in WEIGHT_SUFFIXES else {}
        if not alone:
            raise
        return TrainedNetworks(model, {}, alone, {})
    checkpoint = require_checkpoint(opened)
    official = opened.kind == "official"
    others: Mapping[str, Weights] = official_discriminators(checkpoint.path) if official else _others(checkpoint)
    step = checkpoint.description.get("step")
    return TrainedNetworks(
        model if step is None else f"{model}, step {step}",
        _generators(checkpoint),
        others,
        checkpoint.description.get("config") or {},
    )


def _generators(checkpoint: Checkpoint) -> dict[Direction, TrainedGenerator]:
    return {
        Direction(entry["direction"]): TrainedGenerator(name, entry["component"], checkpoint.generator_weights(name))
        for name, entry in checkpoint.description["generators"].items()
        if entry.get("direction")
    }


def _others(checkpoint: Checkpoint) -> dict[str, Weights]:
    """What a run's checkpoint keeps to train on with; one that was converted has no such thing."""
    entries = checkpoint.description["generators"]
    others: dict[str, Weights] = {
        name: checkpoint.generator_weights(name) for name, entry in entries.items() if not entry.get("direction")
    }
    if (checkpoint.path / "training.json").is_file():
        networks: Mapping[str, Weights] = checkpoint.training_state().get("networks", {})
        others |= {name: weights for name, weights in networks.items() if name not in entries}
    return others
