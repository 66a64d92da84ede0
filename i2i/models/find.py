"""What a person's MODEL is: the one place that decides it, for every command and function that takes one.

A MODEL is a run folder, a checkpoint folder (of a run, or from ``i2i convert``), ``sample:NAME``, a generator's file of
pytorch-CycleGAN-and-pix2pix, or a file from ``i2i export``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from i2i.errors import CheckpointError, ConfigError, PluginError
from i2i.files.regular_files import require_file
from i2i.models.checkpoint import DESCRIPTION, POINTERS, Checkpoint, CheckpointFolder, open_checkpoint
from i2i.models.official import OfficialChoices, open_official
from i2i.models.recorded_components import RecordedComponent, components_from_json
from i2i.models.shipped import is_shipped, shipped_folder
from i2i.paths import named
from i2i.plugins.manager import BUILTIN_MODULE, DISABLE_VARIABLE, Component, PluginManager
from i2i.plugins.specs import ExporterSpec

WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors")
"""What files of weights are called."""

_BEST, _LATEST = "the best by the held-out score", "the latest"


@dataclass(frozen=True)
class CheckpointModel:
    """A MODEL whose generators i2i builds itself, with the weights of a checkpoint.

    Attributes:
        checkpoint: it, open.
        kind: what was named: a run folder, a checkpoint folder, a translator that ships with i2i, or an official file.
    """

    checkpoint: Checkpoint
    kind: Literal["run", "checkpoint", "shipped", "official"]

    @property
    def data_settings(self) -> Mapping[str, Any] | None:
        """The section ``data`` of the run's configuration, or ``None`` where the model does not say."""
        return (self.checkpoint.description.get("config") or {}).get("data")

    @property
    def components(self) -> list[RecordedComponent]:
        """The components that the run was made with; none where the model does not say."""
        return components_from_json(self.checkpoint.description.get("components"))


@dataclass(frozen=True)
class ExportedModel:
    """A MODEL that was exported: a file that exists, called as i2i calls those. What is in it, its runtime reads.

    Attributes:
        path: the file.
        exporter: the name of what reads it.
    """

    path: Path
    exporter: str
    kind: Literal["exported"] = "exported"

    @property
    def data_settings(self) -> None:
        """An exported file does not say how images were read."""
        return

    @property
    def components(self) -> list[RecordedComponent]:
        """None: an exported file needs no plugin."""
        return []


Opened = CheckpointModel | ExportedModel


def open_model(
    model: str | Path,
    checkpoint: str | None = None,
    *,
    official: OfficialChoices | None = None,
    manager: PluginManager | None = None,
) -> Opened:
    """Find out what a MODEL is, and open it.

    Args:
        model: see the module.
        checkpoint: of a run folder: ``"latest"`` (also without), ``"best"`` by the held-out score, or ``"step-N"``.
        official: what to take from an official file; other models ignore it.
        manager: the plugins whose exported files are known; those that are installed if not given.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: ``checkpoint`` is wrong, or given for a single checkpoint.
    """
    path = shipped_folder(model) if is_shipped(model) else named(model)
    run = _run_of_pointer(path) if checkpoint is None else None
    if run is not None:
        return CheckpointModel(_of_run(run, path.name), "checkpoint")
    if path.exists() and not path.is_dir():
        require_file(path)
    is_checkpoint = (path / DESCRIPTION).is_file()
    if checkpoint is not None and (is_checkpoint or path.is_file()):
        raise ConfigError(
            f"{model} is one checkpoint; --checkpoint {checkpoint} chooses among those of a run folder: leave it out, "
            "or name the run folder"
        )
    if is_checkpoint:
        return CheckpointModel(open_checkpoint(path.resolve()), "shipped" if is_shipped(model) else "checkpoint")
    if (path / "checkpoints").is_dir() or (path / "config.yaml").is_file():
        return CheckpointModel(_of_run(path, checkpoint or "latest"), "run")
    if not path.is_file():
        raise CheckpointError(
            f"{model} is not a trained model ({_found_instead(path)}); expected a run folder such as runs/NAME, a "
            "checkpoint folder such as runs/NAME/checkpoints/latest, a file of pytorch-CycleGAN-and-pix2pix such as "
            "latest_net_G_A.pth, a file from i2i export, or sample:flat-3d"
        )
    manager = manager or PluginManager()
    exporter = exporter_of(manager, path.suffix)
    if exporter is not None:
        return ExportedModel(path, exporter.spec.name)
    if (path.parent / DESCRIPTION).is_file():
        raise CheckpointError(f"{model} is a file of a checkpoint; did you mean its folder {path.parent}?")
    try:
        return CheckpointModel(open_official(path, official or OfficialChoices()), "official")
    except CheckpointError as error:
        if path.suffix in WEIGHT_SUFFIXES:
            raise
        known = dict.fromkeys(spec.suffix for spec in exporters(manager))
        raise CheckpointError(
            f"{error}. Of exported files those that end in {', '.join(known)} are read here; others take the plugin "
            "that wrote them"
        ) from error


def exporters(manager: PluginManager) -> list[ExporterSpec]:
    """Every format of exported files, by name."""
    specs = [component.spec for component in manager.components(ExporterSpec.kind)]
    return [spec for spec in specs if isinstance(spec, ExporterSpec)]


def exporter_of(manager: PluginManager, suffix: str) -> Component | None:
    """The exporter whose files end so: i2i's own, or else the one of a plugin; ``None`` where there is none.

    Raises:
        PluginError: several plugins have the suffix.
    """
    all_of_them = manager.components(ExporterSpec.kind)
    found = [each for each in all_of_them if isinstance(each.spec, ExporterSpec) and each.spec.suffix == suffix]
    own = [each for each in found if each.plugin.module == BUILTIN_MODULE]
    if len(own or found) > 1:
        names = " and ".join(str(each.called) for each in found)
        raise PluginError(f"files that end in {suffix} are those of {names}; disable one of them ({DISABLE_VARIABLE})")
    return next(iter(own or found), None)


def require_checkpoint(opened: Opened) -> Checkpoint:
    """The checkpoint of a model.

    Raises:
        ConfigError: it is an exported file, which has none.
    """
    if isinstance(opened, ExportedModel):
        raise ConfigError(
            f"{opened.path} is an exported file already; name the run folder or the checkpoint that it is from"
        )
    return opened.checkpoint


def _run_of_pointer(path: Path) -> Path | None:
    """The run folder, where ``latest`` or ``best`` of its checkpoints is named.

    Whatever stands there: a link, a copy of what it pointed at, a text, nothing.
    """
    place = path.absolute().parent
    names_one = path.name in POINTERS and place.name == "checkpoints" and any(place.glob("step-*"))
    return place.parent if names_one else None


def _found_instead(path: Path) -> str:
    if not path.is_dir():
        return "there is no such file or folder"
    official = sorted(file.name for file in path.glob("*_net_G*.pth"))
    if official:
        return f"a folder with {', '.join(official[:4])}: name one of these files"
    return f"no {DESCRIPTION} and no checkpoints/ in it"


def _of_run(path: Path, which: str) -> Checkpoint:
    checkpoints = CheckpointFolder(path / "checkpoints", keep=1).all()
    if not checkpoints:
        raise CheckpointError(
            f"{path} has no checkpoint yet; wait for its first, or resume it: i2i run --resume {path}"
        )
    latest, best = checkpoints[-1], _best_of(checkpoints)
    listed = ", ".join(f"step-{checkpoint.step}" for checkpoint in checkpoints)
    if which == "latest":
        return replace(latest, chosen=_chosen(_LATEST, latest, _BEST, best, "best"))
    if which == "best":
        if best is None:
            raise CheckpointError(
                f"{path}: no checkpoint has a held-out score, so none is the best; choose latest or one of {listed}"
            )
        return replace(best, chosen=_chosen(_BEST, best, _LATEST, latest, "latest"))
    step = re.fullmatch(r"step-(\d+)", str(which))
    if step is None:
        raise ConfigError(f"--checkpoint must be latest, best or step-N; got {which!r} (there are {listed})")
    found = [checkpoint for checkpoint in checkpoints if checkpoint.step == int(step[1])]
    if not found:
        raise CheckpointError(f"{path} has no checkpoint {which}; it has {listed}")
    return found[0]


def _best_of(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    scored = [checkpoint for checkpoint in checkpoints if checkpoint.score is not None]
    return min(scored, key=lambda checkpoint: (checkpoint.score, checkpoint.step), default=None)


def _chosen(what: str, taken: Checkpoint, what_other: str, other: Checkpoint | None, name: str) -> str:
    """Say which checkpoint was taken, and which one might be wanted instead."""
    if other is None:
        return what
    if other.step == taken.step:
        return f"{what}, and {what_other}"
    return f"{what}; step {other.step} is {what_other}: --checkpoint {name}"
