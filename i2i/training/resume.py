"""Resuming a run in its own folder: what may change, and where it resumes. Imports torch on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from i2i.config.layers import Layer, Values, layer_from_mapping, merge, with_observers
from i2i.config.named_choices import names_of
from i2i.config.resolver import config_from_dict
from i2i.config.run_config import LIMITS, Choice, OptimizerChoice, RunConfig, TrainingOptions
from i2i.config.sections import BESIDE_TRAINING, NONE
from i2i.environment.packages import TRAINING, require
from i2i.errors import ConfigError
from i2i.models.recorded_components import (
    RecordedComponent,
    changed_components,
    components_from_json,
    missing_components,
    require_components,
)
from i2i.paths import named
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import NETWORK_GROUPS, SAMPLE_PREFIX
from i2i.progress import listening, working
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_result import RunResult, resume_command

RATE = "learning_rate"
"""The option of the optimiser that may change when a run resumes."""
RESUME_MAY_CHANGE = (*LIMITS, "device", "workers", "keep", "title")
"""Options of training that may change when a run resumes; so may the components of
:data:`i2i.config.sections.BESIDE_TRAINING`.
"""
DATA_MAY_CHANGE = ("root", "test_names", "skip_bad", "cache")
"""Settings of the data that may change: where something lies, for it may have moved, and the images are compared;
whether images that cannot be read are left out; and where resized ones are kept.
"""


def resume_run(manager: PluginManager, path: Path, given: Layer, *, progress: bool) -> RunResult:
    """Resume a run to its end.

    Args:
        manager: the plugins.
        path: the run folder.
        given: options of training and learning rates that change, and perhaps ``data.root``, where the same images are
            now.
        progress: draw progress on standard error.

    Raises:
        ConfigError: something else is given, or the run's configuration does not fit the installed components.
        RunFolderError: there is no run, or it cannot be written.
        CheckpointError: the checkpoint is damaged.
        PluginError: a component of the run is missing.
    """
    given = with_observers(given)
    require_changeable(given)
    record = components_from_json(RunFolder(path).components())
    values = layer_from_mapping(RunFolder(path).config_values(), "the run's config.yaml")
    values, recorded = without_unnamed(manager, values, record, given)
    require_components(manager, recorded, f"the run {path}", _without(manager, path, values, recorded))
    kept = config_from_dict(manager, values)
    with working("starting PyTorch"):
        require("training", *TRAINING)
    config = changed(manager, kept, given)
    # An earlier end that was asked for once is no reason to forget the planned one.
    keep_config = (config != kept or recorded != record) and not is_shorter(config.training, kept.training)

    from i2i.models.checkpoint import CheckpointFolder
    from i2i.training.launch import Launch

    with Launch(config.training, progress) as launch, listening(launch.reporter.watch):
        folder = launch.on_main(lambda: reopen(path, config.training.keep, launch.reporter.note))
        if differ := changed_components(manager, recorded):
            launch.reporter.note(f"components are not those that the run was trained with so far: {differ}")
        if rates := changed_rates(config.optimizer, kept.optimizer):
            launch.reporter.note(f"learning rate, before the schedule: {rates}")
        checkpoint = CheckpointFolder(folder.checkpoints, config.training.keep).latest()
        return launch.train(manager, config, folder, checkpoint=checkpoint, keep_config=keep_config)


def require_changeable(given: Layer) -> None:
    """Refuse what a resumed run may not be given, by name.

    Raises:
        ConfigError: there is any.
    """
    refused = [
        f"{section}.{key}"
        for section, values in given.items()
        for key in values
        if (section != "training" or key not in RESUME_MAY_CHANGE)
        and (section != "data" or key not in DATA_MAY_CHANGE)
        and not _is_rate(section, key, values[key])
        and section not in BESIDE_TRAINING.values()
    ]
    if refused:
        raise ConfigError(
            f"--resume keeps the run's configuration; it cannot change {', '.join(refused)} (it may change "
            f"{', '.join((*RESUME_MAY_CHANGE, *BESIDE_TRAINING.values()))}, {RATE} of the optimizer, data.skip_bad, "
            "data.cache, with --data where the same images are now, and data.test_names alike); start a new run for "
            "other settings"
        )


def _is_rate(section: str, key: str, value: Any) -> bool:
    """Whether a setting is the learning rate of the optimiser, or the one of a group of networks."""
    of_group = key in NETWORK_GROUPS and isinstance(value, Mapping) and value.keys() == {RATE}
    return section == "optimizer" and (key == RATE or of_group)


def changed(manager: PluginManager, kept: RunConfig, given: Layer) -> RunConfig:
    """The run's configuration with what a person changes."""
    training = {"training": {**kept.training.model_dump(), **given.get("training", {})}}
    data = {**kept.to_dict()["data"], **given.get("data", {})}
    named = {section: _changed_named(section, kept, given.get(section, {})) for section in BESIDE_TRAINING.values()}
    rates: Layer = {"optimizer": given["optimizer"]} if "optimizer" in given else {}
    if rates and kept.schedule.name == "plateau":
        raise ConfigError(
            f"--resume keeps the learning rate of schedule plateau, which stands where the losses took it; {RATE} may "
            "change with the other schedules: start a new run, or one from these weights (--init-from)"
        )
    config = config_from_dict(manager, {**kept.to_dict(), **merge(training), **named, "data": data}, rates)
    return replace(config, data_root=absolute_root(str(data["root"])))


def changed_rates(new: OptimizerChoice, old: OptimizerChoice) -> str:
    """Say in one line which learning rates changed; empty if none did."""
    changes = []
    for group in NETWORK_GROUPS:
        now, before = (getattr(choice.of(group).options, RATE, None) for choice in (new, old))
        if now != before:
            changes.append(f"{group}: {before:g} so far, {now:g} from here on")
    return "; ".join(changes)


def _changed_named(section: str, kept: RunConfig, given: Values) -> Values:
    """The run's observers or metrics, or those that are named now, with their options and over them what is given."""
    choices: Sequence[Choice] = getattr(kept, section)
    names = given.get("name", [choice.name for choice in choices])
    wanted = [*names_of(section, names)[0], kept.training.best]
    options: Values = {choice.name: choice.options.model_dump() for choice in choices if choice.name in wanted}
    for name, own in given.items():
        options[name] = {**options.get(name, {}), **own} if isinstance(own, Mapping) else own
    return {**options, "name": names}


def without_unnamed(
    manager: PluginManager, values: Layer, recorded: Sequence[RecordedComponent], given: Layer
) -> tuple[Layer, list[RecordedComponent]]:
    """Leave out of a run's record the observers and metrics that are missing and not among those that are named now.

    What the best checkpoint is chosen by stays: without it none could be compared with an earlier one.

    Args:
        manager: the plugins.
        values: the run's configuration.
        recorded: its components.
        given: what a person names now.

    Returns:
        The configuration and the components.
    """
    kept, values = list(recorded), dict(values)
    for component in missing_components(manager, recorded):
        section = BESIDE_TRAINING.get(component.kind, "")
        if "name" not in given.get(section, {}) or section not in values or component.name == _best(values):
            continue
        if component.name not in names_of(section, given[section]["name"])[0]:
            kept.remove(component)
            names = [name for name in names_of(section, values[section].get("name", []))[0] if name != component.name]
            options = {name: own for name, own in values[section].items() if name != component.name}
            values[section] = {**options, "name": names}
    return values, kept


def _without(manager: PluginManager, path: Path, values: Values, recorded: Sequence[RecordedComponent]) -> str:
    """How to resume without what is missing, where only that is missing which can be left out."""
    missing = missing_components(manager, recorded)
    if any(component.kind not in BESIDE_TRAINING or component.name == _best(values) for component in missing):
        return ""
    options = []
    for kind in dict.fromkeys(component.kind for component in missing):
        left = [
            each.name for each in recorded if each.kind == kind and each not in missing and each.name != _best(values)
        ]
        options += [f"--{kind} {name}" for name in left or [NONE]]
    unused = {each.file for each in missing} - {each.file for each in recorded if each not in missing}
    return f"or resume without: {' '.join([resume_command(path, without=unused), *options])}"


def _best(values: Values) -> str | None:
    """What the best checkpoint of a run is chosen by, if it says so."""
    best = values.get("training", {}).get("best")
    return None if best is None else str(best)


def reopen(path: Path, keep: int, note: Callable[[str], None]) -> RunFolder:
    """Lock the folder, remove what a killed run left half done, and drop the log of steps after the checkpoint.

    Args:
        path: the run folder.
        keep: newest checkpoints that are kept.
        note: called with where the run resumes, and what could not be read.
    """
    from i2i.models.checkpoint import CheckpointFolder

    folder = RunFolder.open(path)
    checkpoints = CheckpointFolder(folder.checkpoints, keep)
    checkpoints.clean()
    newest = checkpoints.latest()
    step, measured = (0, True) if newest is None else (newest.step, newest.images is not None)
    damaged = folder.forget_after(step, measured=measured)
    note(f"resuming from step {step} of {path}")
    if damaged:
        lines, were = ("1 line", "was") if damaged == 1 else (f"{damaged:,} lines", "were")
        note(f"{lines} of {folder.metrics_file} could not be read and {were} left out")
    return folder


def is_shorter(new: TrainingOptions, old: TrainingOptions) -> bool:
    """Whether a limit of the new budget is tighter than the old one's."""
    limits = [(getattr(new, name), getattr(old, name)) for name in LIMITS]
    return any(now is not None and before is not None and now < before for now, before in limits)


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The configuration with places that mean the same from everywhere."""
    models = tuple(absolute_root(model) for model in config.training.init_from)
    training = config.training.model_copy(update={"init_from": models})
    return replace(config, data_root=absolute_root(config.data_root), training=training)


def absolute_root(root: str) -> str:
    """A path that means the same from everywhere; anything that is not a path, such as ``sample:flat-3d``, stays."""
    path = named(root)
    return str(path.absolute()) if path.exists() and not root.startswith(SAMPLE_PREFIX) else root
