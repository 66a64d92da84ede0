"""Building the generator of a checkpoint, with its weights, and saying what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from i2i._version import __version__
from i2i.config.components import build, size_multiple, smallest_size
from i2i.config.run_config import Choice
from i2i.errors import CheckpointError, ConfigError, PluginError
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.models.checkpoint import DESCRIPTION, Checkpoint
from i2i.models.info import Inference, TranslatorInfo
from i2i.models.recorded_components import components_from_json, cure
from i2i.plugins.component_options import parse_options
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.plugins.plugin_files import is_file, provider
from i2i.plugins.specs import GeneratorSpec
from i2i.tensors.inference import own_random_numbers, torchs_own_settings
from i2i.tensors.weight_types import require_types

VALUE_RANGE = (-1.0, 1.0)
DEFAULT_BACKGROUND = "#ffffff"


@dataclass(frozen=True)
class _Entry:
    """What ``checkpoint.json`` says of one generator.

    Attributes:
        key: its name there, and of its file of weights: ``"G_A"``.
        generator: the component's name.
        values: the component's options, as they were written.
        package: the package and version that brought it when it was trained.
        smallest_size: the least height and width that it took then; 1 where the checkpoint is of i2i 0.1.
    """

    key: str
    direction: Direction
    generator: str
    values: Mapping[str, Any]
    package: str
    in_channels: int
    out_channels: int
    smallest_size: int
    moving_average: bool


@torchs_own_settings()
def load_generator(
    manager: PluginManager,
    checkpoint: Checkpoint,
    *,
    direction: str | None = None,
    inference: Inference | None = None,
    max_pixels: int | None = None,
) -> tuple[nn.Module, TranslatorInfo]:
    """Build the generator of a direction, on the CPU, with the checkpoint's weights. Touches no global random state.

    Args:
        manager: the plugins.
        checkpoint: where the weights are.
        direction: ``"AtoB"`` or ``"BtoA"``; without, ``"AtoB"``, or the only one that the checkpoint has.
        inference: see :class:`~i2i.models.info.TranslatorInfo`; without, what the run was set to.
        max_pixels: likewise.

    Raises:
        ConfigError: the checkpoint has no such direction.
        PluginError: the generator's plugin is missing or broken.
        CheckpointError: the checkpoint is damaged, or was made by another version of the generator.
    """
    try:
        entry = _entry(checkpoint, direction)
        about = _about(checkpoint, entry, inference, max_pixels)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path / DESCRIPTION} is damaged or incomplete ({type(error).__name__}: {error}); use another "
            "checkpoint of the run"
        ) from error
    installed = _installed(manager, checkpoint, entry)
    choice = _choice(manager, checkpoint, entry, installed)
    network = _build(manager, choice, entry)
    _load_weights(network, checkpoint, entry, installed)
    name, _, number = installed.rpartition(" ")
    info = TranslatorInfo(
        generator=entry.generator,
        options=choice.options.model_dump(mode="json"),
        versions={"i2i": __version__, "torch": torch.__version__, name: number},
        size_multiple=size_multiple(manager, choice),
        smallest_size=max(entry.smallest_size, smallest_size(manager, choice)),
        **about,
    )
    return network, info


def directions(checkpoint: Checkpoint) -> tuple[Direction, ...]:
    """The directions in which a checkpoint translates, sorted."""
    return tuple(sorted(_keys(checkpoint)))


def _keys(checkpoint: Checkpoint) -> dict[Direction, str]:
    """The key of the generator by direction; one without is a helper of training, which nobody could ask for."""
    generators = checkpoint.description["generators"]
    return {Direction(entry["direction"]): key for key, entry in generators.items() if entry.get("direction")}


def _entry(checkpoint: Checkpoint, direction: str | None) -> _Entry:
    keys = _keys(checkpoint)
    if direction is None:
        direction = next(iter(keys)) if len(keys) == 1 else Direction.A_TO_B
    if direction not in keys:
        known = ", ".join(f"{way} ({' to '.join(_domains(checkpoint, way))})" for way in sorted(keys)) or "no direction"
        raise ConfigError(f"{checkpoint.path} translates {known}; got direction {direction!r}")
    way = Direction(direction)
    entry = checkpoint.description["generators"][keys[way]]
    return _Entry(
        key=keys[way],
        direction=way,
        generator=str(entry["component"]["name"]),
        values={key: value for key, value in entry["component"].items() if key != "name"},
        package=str(entry.get("package", "unknown")),
        in_channels=int(entry["in_channels"]),
        out_channels=int(entry["out_channels"]),
        smallest_size=int(entry.get("smallest_size") or 1),
        moving_average=bool(entry.get("moving_average", False)),
    )


def _about(
    checkpoint: Checkpoint, entry: _Entry, inference: Inference | None, max_pixels: int | None
) -> dict[str, Any]:
    """The part of the record that needs no plugin."""
    description = checkpoint.description
    value_range = tuple(float(value) for value in description.get("value_range", VALUE_RANGE))
    if value_range != VALUE_RANGE:
        raise ValueError(f"value_range must be {list(VALUE_RANGE)}; got {list(value_range)}")
    inference = inference or description.get("inference", "deterministic")
    if inference not in ("deterministic", "paper"):
        raise ConfigError(f"inference must be 'deterministic' or 'paper'; got {inference!r}")
    preprocessing = description.get("preprocessing", {})
    if max_pixels is None:
        max_pixels = int(preprocessing.get("max_pixels", DEFAULT_MAX_PIXELS))
    return {
        "checkpoint": checkpoint.path,
        "step": description.get("step"),
        "title": str((description.get("config", {}).get("training") or {}).get("title") or ""),
        "method": description.get("config", {}).get("method", {}).get("name"),
        "direction": entry.direction,
        "directions": directions(checkpoint),
        "domains": _domains(checkpoint, entry.direction),
        "package": entry.package,
        "moving_average": entry.moving_average,
        "in_channels": entry.in_channels,
        "out_channels": entry.out_channels,
        "value_range": value_range,
        "background": str(preprocessing.get("background", DEFAULT_BACKGROUND)),
        "color": preprocessing.get("color", "keep"),
        "max_pixels": max_pixels,
        "inference": inference,
        "metrics": checkpoint.metrics.get(entry.direction, {}),
        "notes": tuple(description.get("notes", ())),
        "chosen": checkpoint.chosen,
        **_values(description.get("values") or {}, entry.direction),
        "readers": tuple(description.get("config", {}).get("readers", ())),
    }


def _values(values: Mapping[str, Any], direction: Direction) -> dict[str, Any]:
    """What the values of files are that go in and come out; nothing for pictures, as before it was recorded."""
    source, target = values.get(direction.source), values.get(direction.target)
    found: dict[str, Any] = {}
    if source is not None:
        found |= {"in_range": _range(source), "in_opacity": bool(source.get("opacity", False))}
    if target is not None:
        found |= {"out_range": _range(target), "out_type": np.dtype(str(target["type"])).name}
        found["out_opacity"] = bool(target.get("opacity", False))
    return found


def _range(values: Mapping[str, Any]) -> tuple[float, float]:
    low, high = (float(number) for number in values["range"])
    if not low < high:
        raise ValueError(f"range must be two numbers, the lower first; got {low:g} and {high:g}")
    return low, high


def _domains(checkpoint: Checkpoint, direction: Direction) -> tuple[str, str]:
    names = checkpoint.description.get("domains", {})
    source, target = (str(names.get(domain, domain)) for domain in (direction.source, direction.target))
    return source, target


def _installed(manager: PluginManager, checkpoint: Checkpoint, entry: _Entry) -> str:
    """The package and version that bring this generator here, such as ``"i2i 0.1.0"``."""
    try:
        plugin = manager.find("generator", entry.generator).plugin
    except PluginError as error:
        name, _, number = entry.package.rpartition(" ")
        recorded = components_from_json(checkpoint.description.get("components"))
        file = next((each.file for each in recorded if each.owner == entry.package), "")
        raise PluginError(
            f"{checkpoint.path} was trained with generator {entry.generator!r} of {provider(entry.package)}: {error}; "
            f"{cure(name or entry.package, number, file)}"
        ) from error
    return f"{plugin.package} {plugin.version}"


def _choice(manager: PluginManager, checkpoint: Checkpoint, entry: _Entry, installed: str) -> Choice:
    spec = manager.spec(GeneratorSpec, entry.generator)
    options, problems = parse_options(spec.options, entry.values, where="generator")
    if options is None:
        raise CheckpointError(
            f"{checkpoint.path}: generator {entry.generator!r} does not take the options it was made with "
            f"({'; '.join(map(str, problems))}); {_made_by_another(entry, installed)}"
        )
    return Choice(entry.generator, options)


def _build(manager: PluginManager, choice: Choice, entry: _Entry) -> nn.Module:
    channels = {"in_channels": entry.in_channels, "out_channels": entry.out_channels}
    with own_random_numbers():  # building draws initial weights
        network: nn.Module = build(manager, "generator", choice, **channels)
        if torch.get_default_dtype() != torch.float32:  # somebody changed what parameters are made of
            network = network.float()
    return network


def _load_weights(network: nn.Module, checkpoint: Checkpoint, entry: _Entry, installed: str) -> None:
    weights = checkpoint.generator_weights(entry.key)
    require_types(weights, network.state_dict(), f"{checkpoint.path}: {entry.key}")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint.path}: the weights of {entry.key} do not fit generator {entry.generator!r} "
            f"({_first_lines(error)}); {_made_by_another(entry, installed)}"
        ) from error


def _made_by_another(entry: _Entry, installed: str) -> str:
    way = "give the file" if is_file(entry.package.rpartition(" ")[2]) else "install the version"
    return f"made with {entry.package}, here is {installed}: {way} that made it"


def _first_lines(error: Exception, most: int = 3) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:most]) + (f" ... and {len(lines) - most} more" if len(lines) > most else "")
