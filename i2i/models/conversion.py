"""Writing what translates, and nothing else, as a checkpoint folder that describes itself.

::

    FOLDER/
      checkpoint.json      which generators, with which options, for which images, and where they are from
      G_A.safetensors      one file a generator
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i.errors import CheckpointError, ConfigError
from i2i.files import atomic
from i2i.models.checkpoint import DESCRIPTION, FORMAT_VERSION, Checkpoint
from i2i.models.find import open_model, require_checkpoint
from i2i.models.official import OfficialChoices

TRAINING_ONLY = ("data", "samples", "seconds", "world_size")
"""What a checkpoint's description says only so that training can resume; ``data`` also names the images."""


def open_source(model: str | Path, count: int, *, checkpoint: str | None, official: OfficialChoices) -> Checkpoint:
    """Open one of ``count`` models to convert.

    Args:
        model: see :mod:`i2i.models.find`; not an exported file.
        count: how many go into one folder.
        checkpoint: see :func:`~i2i.models.find.open_model`.
        official: what to take from an official file.

    Raises:
        CheckpointError: it is not a trained model.
        ConfigError: an option does not fit it.
    """
    opened = open_model(model, checkpoint, official=official)
    source = require_checkpoint(opened)
    if opened.kind != "official":
        given = [option for option, value in vars(official).items() if value is not None]
        if given:
            raise ConfigError(
                f"--{given[0]} is for files of other programs; {model} says such things itself: leave it out"
            )
        if count > 1:
            raise ConfigError(f"{model} is not a file; several models in one folder are files, one for each direction")
    if count > 1 and official.direction is not None:
        raise ConfigError(
            f"--direction {official.direction} is for one FILE; the names of several tell: ..._G_A.pth, ..._G_B.pth"
        )
    return source


def write_converted(
    checkpoints: Sequence[Checkpoint],
    out: Path,
    *,
    domains: tuple[str, str] | None = None,
    half: bool = False,
    force: bool = False,
) -> Path:
    """Write the generators of checkpoints into one new folder.

    Args:
        checkpoints: one; or two files of the reference implementation that translate in opposite directions.
        out: the folder, new or empty.
        domains: readable names of A and B; without, those of the first checkpoint.
        half: store filters in float16, half as large; they are loaded as float32. Norms stay as they are.
        force: whether a folder that exists may be replaced, if it was converted, too.

    Returns:
        The folder.

    Raises:
        ConfigError: ``out`` is not empty, or two generators translate in the same direction.
        CheckpointError: a weight is too large for float16, or the folder cannot be written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        replaceable = _is_converted(out)
        if not (force and replaceable):
            way_on = ", or --force to replace what was converted before" if replaceable else ""
            raise ConfigError(f"-o {out} exists and is not empty; expected a new or empty folder{way_on}")
    generators, origins = _generators(checkpoints)
    description = {key: value for key, value in checkpoints[0].description.items() if key not in TRAINING_ONLY}
    description |= {"format": FORMAT_VERSION, "world_size": 1, "generators": generators}
    description["notes"] = list(dict.fromkeys(note for one in checkpoints for note in one.description.get("notes", ())))
    if isinstance(description.get("config"), Mapping):
        description["config"] = _without_place(description["config"])
    if isinstance(description.get("versions"), Mapping):
        description["versions"] = {key: value for key, value in description["versions"].items() if key != "system"}
    if domains is not None:
        description["domains"] = dict(zip("AB", domains, strict=True))
    try:
        with atomic.new_folder(out) as folder:
            for name, checkpoint in origins.items():
                weights = checkpoint.generator_weights(name)
                tensors = {key: _stored(key, value, half, checkpoint.path) for key, value in weights.items()}
                atomic.save_tensors(tensors, folder / f"{name}.safetensors")
            (folder / DESCRIPTION).write_text(json.dumps(description, indent=2, allow_nan=False) + "\n", "utf-8")
            if out.exists():
                shutil.rmtree(out)
    except OSError as error:
        raise CheckpointError(
            f"{out} cannot be written: {error.strerror or error}; make room or name another"
        ) from error
    return out


def _is_converted(folder: Path) -> bool:
    """Whether a folder holds what this module writes and nothing else: neither a run's checkpoint nor other files."""
    try:
        names = [path.name for path in folder.iterdir()]
        description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    ours = all(name == DESCRIPTION or name.endswith(".safetensors") for name in names)
    return ours and isinstance(description, dict) and not description.keys() & {"data", "samples", "seconds"}


def _generators(checkpoints: Sequence[Checkpoint]) -> tuple[dict[str, Any], dict[str, Checkpoint]]:
    """The description of each generator, and the checkpoint that it is from, by its name."""
    generators: dict[str, Any] = {}
    origins: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        for name, entry in checkpoint.description["generators"].items():
            if not entry.get("direction"):  # a helper of training, which nobody could ask for
                continue
            if name in generators:
                raise ConfigError(
                    f"{origins[name].path} and {checkpoint.path} both translate {entry['direction']}; convert one, or "
                    "rename them to ..._net_G_A.pth for AtoB and ..._net_G_B.pth for BtoA"
                )
            generators[name], origins[name] = entry, checkpoint
    return generators, origins


def _without_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out where the images were, and the models that it started from: paths of one machine."""
    data = {key: value for key, value in config.get("data", {}).items() if key != "root"}
    without = {**config, "data": data}
    if isinstance(config.get("training"), Mapping):
        without["training"] = {key: value for key, value in config["training"].items() if key != "init_from"}
    return without


def _stored(key: str, value: Tensor, half: bool, source: Path) -> Tensor:
    if not half or value.dim() < 2 or not value.is_floating_point():
        return value.contiguous()
    smaller = value.to(torch.float16)
    if not torch.isfinite(smaller).all():
        raise CheckpointError(f"{source}: {key} has values that float16 cannot hold; leave out --half")
    return smaller.contiguous()
