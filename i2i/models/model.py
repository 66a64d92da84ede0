"""A trained generator on the disk: finding its checkpoint, building it, loading its weights, and saying what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from i2i._version import __version__
from i2i.config.components import build, size_multiple
from i2i.config.run_config import Choice
from i2i.errors import CheckpointError, ConfigError, PluginError
from i2i.files.regular_files import require_file
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.models.checkpoint import DESCRIPTION, POINTERS, Checkpoint, CheckpointFolder, open_checkpoint
from i2i.models.official import open_official
from i2i.models.shipped import is_shipped, shipped_folder
from i2i.paths import named
from i2i.plugins.component_options import parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import GeneratorSpec
from i2i.tensors.inference import own_random_numbers, torchs_own_settings
from i2i.tensors.weight_types import require_types

Inference = Literal["deterministic", "paper"]

VALUE_RANGE = (-1.0, 1.0)
DEFAULT_BACKGROUND = "#ffffff"
DEFAULT_DIRECTION = "AtoB"


@dataclass(frozen=True)
class TranslatorInfo:
    """What a translator is and where it comes from.

    Attributes:
        checkpoint: its folder, or its file.
        step: training steps done, or ``None`` where nobody knows, as for a converted file.
        method: the training method, or ``None`` where the checkpoint does not say.
        direction: ``"AtoB"`` or ``"BtoA"``, as the run named its domains.
        directions: all directions of the checkpoint.
        domains: readable names of the source and the target domain.
        generator: the generator's name.
        options: its options.
        package: the package and version that brought the generator when it was trained.
        versions: the versions that are installed now, of i2i, torch and the generator's package.
        moving_average: whether the weights are a moving average.
        in_channels: channels of the images that go in.
        out_channels: channels of the images that come out.
        value_range: least and greatest value of the network's images.
        size_multiple: what the network wants heights and widths to be multiples of; images are padded to it.
        background: the colour ``#rrggbb`` that transparent images are laid over.
        max_pixels: files with more pixels are refused.
        inference: ``"deterministic"``, or ``"paper"``: dropout stays on and batch norm takes the batch's statistics.
        metrics: the held-out metrics of this direction at this step, with their identity baselines.
        notes: what a person should know before relying on it.
        chosen: where a run folder was named: which of its checkpoints it is, the latest or the best, and how to have
            the other; else empty.
    """

    checkpoint: Path
    step: int | None
    method: str | None
    direction: str
    directions: tuple[str, ...]
    domains: tuple[str, str]
    generator: str
    options: Mapping[str, Any]
    package: str
    versions: Mapping[str, str]
    moving_average: bool
    in_channels: int
    out_channels: int
    value_range: tuple[float, float]
    size_multiple: int
    background: str
    max_pixels: int
    inference: Inference
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()
    chosen: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from, for messages: ``"step 1200 of runs/NAME/checkpoints/step-00001200 (the latest)"``."""
        place = str(self.checkpoint) if self.step is None else f"step {self.step} of {self.checkpoint}"
        return f"{place} ({self.chosen})" if self.chosen else place


def find_checkpoint(model: str | Path, which: str | None = None) -> Checkpoint:
    """Open a checkpoint folder, a checkpoint of a run folder, a translator that ships with i2i, or an official file.

    Args:
        model: either folder; ``sample:NAME``; or a ``.pth`` of the reference implementation of CycleGAN and pix2pix.
        which: of a run: ``"latest"`` (also without), ``"best"`` by the held-out score, or ``"step-N"``.

    Raises:
        CheckpointError: there is no such checkpoint, or a file is none that is known.
        ConfigError: ``which`` is wrong.
    """
    path = shipped_folder(model) if is_shipped(model) else named(model)
    place = path.absolute().parent
    if which is None and path.name in POINTERS and place.name == "checkpoints" and any(place.glob("step-*")):
        # Whatever stands there: a link, a copy of what it pointed at, a text, nothing.
        return _of_run(place.parent, path.name)
    if path.exists() and not path.is_dir():
        require_file(path)
    is_run = (path / "checkpoints").is_dir() or (path / "config.yaml").is_file()
    if (path / DESCRIPTION).is_file() or path.is_file():
        if which is not None:
            raise ConfigError(
                f"{model} is one checkpoint; --checkpoint {which} chooses among those of a run folder: leave it out, "
                "or name the run folder"
            )
        if path.is_dir():
            return open_checkpoint(path.resolve())
        if (path.parent / DESCRIPTION).is_file():
            raise CheckpointError(f"{model} is a file of a checkpoint; did you mean its folder {path.parent}?")
        return open_official(path)
    if is_run:
        return _of_run(path, which or "latest")
    raise CheckpointError(
        f"{model} is no trained model ({_found_instead(path)}); expected a run folder such as runs/NAME, a checkpoint "
        "folder such as runs/NAME/checkpoints/latest, a file of pytorch-CycleGAN-and-pix2pix such as "
        "latest_net_G_A.pth, or sample:flat-3d"
    )


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
        inference: see :class:`TranslatorInfo`; without, what the run was set to.
        max_pixels: see :class:`TranslatorInfo`; without, what the run was set to.

    Raises:
        ConfigError: the checkpoint has no such direction.
        PluginError: the generator's plugin is missing or broken.
        CheckpointError: the checkpoint is damaged, or was made by another version of the generator.
    """
    try:
        name, entry = _entry(checkpoint, direction)
        direction = str(entry["direction"])
        values = {key: value for key, value in entry["component"].items() if key != "name"}
        generator, package = str(entry["component"]["name"]), str(entry.get("package", "unknown"))
        in_channels, out_channels = int(entry["in_channels"]), int(entry["out_channels"])
        about = _about(checkpoint, direction, entry, inference)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path / DESCRIPTION} is damaged or incomplete ({type(error).__name__}: {error}); use another "
            "checkpoint of the run"
        ) from error

    installed = _installed(manager, checkpoint, generator, package)
    made_by_another = f"made with {package}, installed is {installed}: install the version that made it"
    options, problems = parse_options(manager.spec(GeneratorSpec, generator).options, values, where="generator")
    if options is None:
        raise CheckpointError(
            f"{checkpoint.path}: generator {generator!r} does not take the options it was made with "
            f"({'; '.join(map(str, problems))}); {made_by_another}"
        )
    choice = Choice(generator, options)
    with own_random_numbers():  # building draws initial weights
        network: nn.Module = build(manager, "generator", choice, in_channels=in_channels, out_channels=out_channels)
        if torch.get_default_dtype() != torch.float32:  # somebody changed what parameters are made of
            network = network.float()
    weights = checkpoint.generator_weights(name)
    require_types(weights, network.state_dict(), f"{checkpoint.path}: {name}")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint.path}: the weights of {name} do not fit generator {generator!r} ({_first_lines(error)}); "
            f"{made_by_another}"
        ) from error

    about["max_pixels"] = about["max_pixels"] if max_pixels is None else max_pixels
    info = TranslatorInfo(
        generator=generator,
        options=options.model_dump(mode="json"),
        package=package,
        versions={"i2i": __version__, "torch": torch.__version__, **_version_of(installed)},
        size_multiple=size_multiple(manager, choice),
        in_channels=in_channels,
        out_channels=out_channels,
        **about,
    )
    return network, info


def _found_instead(path: Path) -> str:
    if not path.is_dir():
        return "there is no such file or folder"
    official = sorted(file.name for file in path.glob("*_net_G*.pth"))
    if official:
        return f"a folder with {', '.join(official[:4])}: name one of these files"
    return f"no {DESCRIPTION} and no checkpoints/ in it"


def _of_run(path: Path, which: str) -> Checkpoint:
    folder = CheckpointFolder(path / "checkpoints", keep=1)
    steps = [checkpoint.step for checkpoint in folder.all()]
    if not steps:
        raise CheckpointError(
            f"{path} has no checkpoint yet; wait for its first, or go on with it: i2i run --resume {path}"
        )
    listed = ", ".join(f"step-{step}" for step in steps)
    latest = folder.all()[-1]
    scored = [checkpoint for checkpoint in folder.all() if checkpoint.score is not None]
    best = min(scored, key=lambda checkpoint: (checkpoint.score, checkpoint.step), default=None)
    if which == "latest":
        return replace(latest, chosen=_chosen("the latest", best, latest, "the best by the held-out score", "best"))
    if which == "best":
        if best is None:
            raise CheckpointError(
                f"{path}: no checkpoint has a held-out score, so none is the best; choose latest or one of {listed}"
            )
        return replace(best, chosen=_chosen("the best by the held-out score", latest, best, "the latest", "latest"))
    step = re.fullmatch(r"step-(\d+)", str(which))
    if step is None:
        raise ConfigError(f"--checkpoint must be latest, best or step-N; got {which!r} (there are {listed})")
    if int(step[1]) not in steps:
        raise CheckpointError(f"{path} has no checkpoint {which}; it has {listed}")
    return next(checkpoint for checkpoint in folder.all() if checkpoint.step == int(step[1]))


def _chosen(what: str, other: Checkpoint | None, taken: Checkpoint, what_other: str, name: str) -> str:
    """Say which checkpoint was taken, and which one might be wanted instead."""
    if other is None:
        return what
    if other.step == taken.step:
        return f"{what}, and {what_other}"
    return f"{what}; step {other.step} is {what_other}: --checkpoint {name}"


def _entry(checkpoint: Checkpoint, direction: str | None) -> tuple[str, Mapping[str, Any]]:
    generators = checkpoint.description["generators"]
    ways = {entry["direction"]: name for name, entry in generators.items() if entry.get("direction")}
    if direction is None:
        direction = next(iter(ways)) if len(ways) == 1 else DEFAULT_DIRECTION
    if direction not in ways:
        known = ", ".join(f"{way} ({' to '.join(_domains(checkpoint, way))})" for way in sorted(ways)) or "no direction"
        raise ConfigError(f"{checkpoint.path} translates {known}; got direction {direction!r}")
    return ways[direction], generators[ways[direction]]


def _about(
    checkpoint: Checkpoint, direction: str, entry: Mapping[str, Any], inference: Inference | None
) -> dict[str, Any]:
    description = checkpoint.description
    value_range = tuple(float(value) for value in description.get("value_range", VALUE_RANGE))
    if value_range != VALUE_RANGE:
        raise ValueError(f"value_range must be {list(VALUE_RANGE)}; got {list(value_range)}")
    inference = inference or description.get("inference", "deterministic")
    if inference not in ("deterministic", "paper"):
        raise ConfigError(f"inference must be 'deterministic' or 'paper'; got {inference!r}")
    preprocessing = description.get("preprocessing", {})
    directions = [other["direction"] for other in description["generators"].values() if other.get("direction")]
    return {
        "checkpoint": checkpoint.path,
        "step": description.get("step"),
        "method": description.get("config", {}).get("method", {}).get("name"),
        "direction": direction,
        "directions": tuple(sorted(directions)),
        "domains": _domains(checkpoint, direction),
        "moving_average": bool(entry.get("moving_average", False)),
        "value_range": value_range,
        "background": str(preprocessing.get("background", DEFAULT_BACKGROUND)),
        "max_pixels": int(preprocessing.get("max_pixels", DEFAULT_MAX_PIXELS)),
        "inference": inference,
        "metrics": dict((description.get("metrics") or {}).get(direction, {})),
        "notes": tuple(description.get("notes", ())),
        "chosen": checkpoint.chosen,
    }


def _domains(checkpoint: Checkpoint, direction: str) -> tuple[str, str]:
    names = checkpoint.description.get("domains", {})
    source, target = direction[0], direction[-1]
    return str(names.get(source, source)), str(names.get(target, target))


def _installed(manager: PluginManager, checkpoint: Checkpoint, generator: str, package: str) -> str:
    """The package and version that bring this generator here, such as ``"i2i 0.1.0"``."""
    try:
        plugin = manager.find("generator", generator).plugin
    except PluginError as error:
        name, _, number = package.partition(" ")
        raise PluginError(
            f"{checkpoint.path} was trained with generator {generator!r} of package {package}: {error}; install it: "
            f"pip install {name}=={number}"
        ) from error
    return f"{plugin.package} {plugin.version}"


def _version_of(installed: str) -> dict[str, str]:
    name, _, number = installed.partition(" ")
    return {name: number}


def _first_lines(error: Exception, most: int = 3) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:most]) + (f" ... and {len(lines) - most} more" if len(lines) > most else "")
