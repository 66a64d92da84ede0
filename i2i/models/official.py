"""Files of the reference implementation of CycleGAN and pix2pix as checkpoints that describe themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i._version import __version__
from i2i.errors import CheckpointError, ConfigError
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.models.checkpoint import Checkpoint
from i2i.models.official_layout import KNOWN, OfficialGenerator, UnknownLayoutError, recognise
from i2i.models.weight_files import NetworkWeights, read_weights
from i2i.plugins.directions import Direction
from i2i.tensors.weight_types import require_types

BATCH_NORM_NOTE = (
    "its batch norm takes the statistics gathered in training and nothing is dropped; the code that it is from takes "
    "those of the image itself and drops at random, as --inference paper does"
)

_DISCRIMINATOR_IN_NAME = re.compile(r"(?<![A-Za-z])D(_?[AB])?$")
_WAY_IN_NAME = re.compile(r"G_?(A2B|AB|A|B2A|BA|B)$")


@dataclass(frozen=True)
class WeightFile(Checkpoint):
    """Weights outside a checkpoint folder: the file of another program, opened.

    Attributes:
        path: the file.
        description: what :mod:`i2i.training.description` would have written, as far as it can be known.
        weights: by generator, in i2i's keys.
    """

    weights: Mapping[str, Mapping[str, Tensor]]

    def generator_weights(self, name: str) -> dict[str, Tensor]:
        """Return the weights of one generator."""
        return dict(self.weights[name])


@dataclass(frozen=True)
class OfficialChoices:
    """What to take from an official file, and what it does not say about itself.

    Attributes:
        part: which of several networks in the file.
        direction: what to call the way it translates; without, ``G_B`` in the name of the file or the part means
            ``BtoA``, anything else ``AtoB``.
        dropout: whether a U-Net was trained with dropout, which its keys do not tell; see
            :class:`~i2i.models.official_layout.OfficialGenerator`.
    """

    part: str | None = None
    direction: str | None = None
    dropout: bool | None = None


def open_official(path: Path, choices: OfficialChoices) -> WeightFile:
    """Open a generator that the reference implementation saved, or both of a CycleGAN in one file.

    Args:
        path: such as ``latest_net_G_A.pth``; also ``.safetensors``.
        choices: what to take from it.

    Raises:
        CheckpointError: it holds no generator that is known, or several; the message says what was found.
        ConfigError: there is no such part or direction.
    """
    parts = read_weights(path)
    found = _generators(path, parts, choices.part)
    (only, *others) = found
    ways = {_way(name, "" if others else path.stem): name for name in found}
    if choices.direction is not None and not others:
        ways = {_direction(choices.direction): only}
    if len(ways) < len(found):
        raise CheckpointError(
            f"{path} holds {len(found)} generators: {_listed(found)}; choose one: i2i convert {path} --part {only} "
            "-o FOLDER"
        )
    entries, weights = {}, {}
    for way, name in sorted(ways.items()):
        generator, key = found[name], f"G_{way.source}"
        if choices.dropout is not None and generator.network == "unet":
            generator = replace(generator, dropout=choices.dropout)
        entries[key] = _entry(generator, key, way, f"{name} of {path.name}" if name else path.name)
        require_types(parts[name], generator.expected(), f"{path}: {name}" if name else str(path))
        weights[key] = generator.own_weights(parts[name])
    return WeightFile(path, _describe(entries, found.values()), weights)


def official_discriminators(path: Path) -> dict[str, dict[str, Tensor]]:
    """The discriminators that the reference implementation saved in a file, by the names that i2i gives them.

    They are known by the name of the part, or else of the file: ``latest_net_D_A.pth`` is ``D_A``, ``..._D.pth`` ``D``.
    The keys are i2i's own.

    Raises:
        CheckpointError: it holds no tensors by name.
    """
    found = {}
    for name, tensors in read_weights(path).items():
        match = _DISCRIMINATOR_IN_NAME.search(name) or (None if name else _DISCRIMINATOR_IN_NAME.search(path.stem))
        if match is not None:
            found["_".join(["D", *(match[1] or "").strip("_")])] = dict(tensors)
    return found


def _generators(path: Path, parts: NetworkWeights, wanted: str | None) -> dict[str, OfficialGenerator]:
    """The generators among the networks of a file, or the one that was asked for, by name."""
    if wanted is not None and wanted not in parts:
        raise ConfigError(f"{path} has no part {wanted!r}; it has {', '.join(map(repr, parts))}")
    found, reasons = {}, {}
    for name, tensors in parts.items():
        if wanted in (None, name):
            try:
                found[name] = recognise(tensors)
            except UnknownLayoutError as error:
                reasons[name] = str(error)
    if not found:
        said = "\n".join(f"  {name}: {reason}" if name else f"  {reason}" for name, reason in reasons.items())
        raise CheckpointError(
            f"{path} holds no generator that is known:\n{said}\n"
            f"Known are those of pytorch-CycleGAN-and-pix2pix: {KNOWN}."
        )
    return found


def _way(part: str, stem: str) -> Direction:
    match = _WAY_IN_NAME.search(part) or _WAY_IN_NAME.search(stem)
    return Direction.B_TO_A if match is not None and match[1].startswith("B") else Direction.A_TO_B


def _direction(name: str) -> Direction:
    try:
        return Direction(name)
    except ValueError as error:
        raise ConfigError(f"direction must be {' or '.join(Direction)}; got {name!r}") from error


def _listed(found: Mapping[str, OfficialGenerator]) -> str:
    return ", ".join(f"{name} ({generator.official_name})" for name, generator in found.items())


def _entry(generator: OfficialGenerator, key: str, way: Direction, source: str) -> dict[str, Any]:
    return {
        "file": f"{key}.safetensors",
        "direction": way,
        "component": generator.component,
        "in_channels": generator.in_channels,
        "out_channels": generator.out_channels,
        "package": f"i2i {__version__}",
        "moving_average": False,
        "converted_from": {"file": source, "layout": generator.official_name},
    }


def _describe(entries: Mapping[str, Any], generators: Iterable[OfficialGenerator]) -> dict[str, Any]:
    """Say what is known; that code scales images to [-1, 1] and knows no background."""
    return {
        "step": None,
        "world_size": 1,
        "score": None,
        "metrics": None,
        "images": None,
        "generators": entries,
        "domains": {"A": "A", "B": "B"},
        "value_range": [-1.0, 1.0],
        "preprocessing": {"background": "#ffffff", "max_pixels": DEFAULT_MAX_PIXELS},
        "inference": "deterministic",
        "notes": [BATCH_NORM_NOTE] if any(generator.norm == "batch" for generator in generators) else [],
        "versions": {"i2i": __version__, "torch": torch.__version__},
    }
