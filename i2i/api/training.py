"""Training, and the parts it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.api.arguments import one_name, plain
from i2i.config.run_config import LIMITS
from i2i.environment.packages import TRAINING, require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.calls import unmark
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import SAMPLE_PREFIX
from i2i.progress import listening, working
from i2i.training.records.run_result import RunResult

if TYPE_CHECKING:
    from i2i.config.layers import Layer
    from i2i.config.run_config import RunConfig, TrainingOptions

Settings = Iterable[str] | Mapping[str, Any]

_NO_SETTINGS = ("out", "resume", "config", "progress", "manager")
RESUME_MAY_CHANGE = (*LIMITS, "device", "workers", "keep", "trackers")


def run(
    data: str | Path | None = None,
    *,
    method: str | None = None,
    generator: str | None = None,
    discriminator: str | Sequence[str] | None = None,
    loss: str | None = None,
    pixel_loss: str | None = None,
    buffer: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    accumulate: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    workers: int | None = None,
    direction: str | None = None,
    keep: int | None = None,
    skip_bad: bool | None = None,
    tracker: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    progress: bool = False,
    manager: PluginManager | None = None,
    trackers: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> RunResult:
    """Train a translator, or go on with a run.

    Every option is the command line's of the same name; ``None`` leaves it to the file, the preset or the default.
    Seeds Python's, numpy's and torch's global random generators.

    Args:
        data: a folder (see ``docs/data.md`` for the layouts), or ``sample:flat-3d`` / ``sample:line-3d``.
        method: ``cyclegan``, ``pix2pix`` or a plugin's.
        generator: a generator by name.
        discriminator: one or several discriminators; the generator sees the mean of their judgements.
        loss: an adversarial loss by name.
        pixel_loss: a pixel loss by name.
        buffer: a buffer of earlier fakes by name.
        steps: stop after this many steps in all.
        epochs: stop after this many passes over the images.
        minutes: stop after this much training time in all.
        image_size: side of the crops, in pixels.
        batch_size: images of each domain a step, in each process.
        accumulate: batches whose gradients are added up before a step.
        seed: fixes every random choice.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``fp32`` or ``bf16``.
        workers: processes that load images.
        direction: ``AtoB`` or ``BtoA``.
        keep: newest checkpoints that are kept.
        skip_bad: leave out files that cannot be read instead of stopping.
        tracker: ``tensorboard``, ``wandb``, or both.
        out: the run folder, new or empty; by default a new one under ``runs/``.
        resume: a run folder to go on with; only budget, device, workers, keep and tracker may be given with
            it, and as ``data`` the place to which the same images were moved.
        config: a YAML file of settings.
        set: any option of any part, ``{"generator.base_channels": 32}`` or ``["generator.base_channels=32"]``.
        progress: draw progress on standard error.
        manager: the plugins to take parts from; those that are installed if not given.
        trackers: the earlier name of ``tracker``.
        settings: the earlier name of ``set``.

    Returns:
        Where everything is, and the held-out metrics.

    Raises:
        ConfigError: settings are wrong; all of them are named.
        DataError: the data cannot be used.
        RunFolderError: the run folder cannot be used.
        CheckpointError: the checkpoint to resume is damaged.
        DivergedError: a loss became NaN or infinite.
    """
    given = {name: value for name, value in locals().items() if name not in _NO_SETTINGS}
    manager = manager or PluginManager()
    if resume is not None:
        if out is not None or config is not None:
            raise ConfigError("--resume goes on in the run's own folder with its own config: leave out --out, --config")
        return _resume(manager, named(resume), _layer(**given), progress)
    resolved, notes = _resolve(manager, config, given)
    with working("starting PyTorch"):
        require("training", *TRAINING)

    from i2i.training.launch import Launch
    from i2i.training.records.run_folder import RunFolder

    resolved = replace(resolved, data_root=_absolute(resolved.data_root))  # a resume may start from anywhere

    with Launch(resolved.training, progress) as launch, listening(launch.reporter.watch):
        for note in notes:
            launch.reporter.note(note)
        folder = launch.on_main(lambda: RunFolder.create(out, resolved), RunFolder)
        return launch.train(manager, resolved, folder, checkpoint=None)


def resolve(
    data: str | Path | None = None,
    *,
    config: str | Path | None = None,
    manager: PluginManager | None = None,
    **options: Any,
) -> RunConfig:
    """Resolve the options of :func:`run` without training.

    Args:
        data: see :func:`run`.
        config: see :func:`run`.
        manager: see :func:`run`.
        options: the others of :func:`run`, but ``out``, ``resume`` and ``progress``.

    Returns:
        The configuration; ``.to_yaml()`` prints it.

    Raises:
        ConfigError: settings are wrong; all of them are named.
    """
    return _resolve(manager or PluginManager(), config, {"data": data, **options})[0]


def check_data(config: RunConfig, manager: PluginManager | None = None) -> list[str]:
    """Look at the data as :func:`run` does before its first step: every file is read once.

    Returns:
        Notes for the person.

    Raises:
        DataError: the data cannot be used.
        ConfigError: the networks do not take images of these sizes.
    """
    require("looking at the data", "torch")
    from i2i.config.components import open_splits

    return open_splits(manager or PluginManager(), config)[2]


def create(kind: str, name: str, *, manager: PluginManager | None = None, **arguments: Any) -> Any:
    """Build one component, such as ``create("generator", "resnet9", in_channels=3, out_channels=3, base_channels=64)``.

    Args:
        kind: ``generator``, ``discriminator``, ``loss``, ``buffer``, ``method`` or ``dataset``.
        name: its name.
        manager: the plugins to take it from; those that are installed if not given.
        arguments: its options, and what its kind needs to be built: ``in_channels`` and ``out_channels`` for a
            generator (3 unless given), ``in_channels`` for a discriminator (3 unless given), ``generator`` (a
            ``torch.Generator``) for a buffer, ``parts`` for a method, ``root``, ``split`` and ``seed`` for a data set.

    Raises:
        PluginError: there is no such component, or its plugin is broken.
        ConfigError: an option is wrong.
    """
    from i2i.config.components import create as create_component

    contexts: Mapping[str, Mapping[str, Any]] = {
        "generator": {"in_channels": 3, "out_channels": 3},
        "discriminator": {"in_channels": 3},
        "buffer": {"generator": None},
        "method": {"parts": None},
        "dataset": {"root": None, "split": "train", "seed": 0},
    }
    context = {key: arguments.pop(key, value) for key, value in contexts.get(kind, {}).items()}
    missing = [key for key, value in context.items() if value is None]
    if missing:
        raise ConfigError(f"create({kind!r}, {name!r}) needs {', '.join(missing)}")
    created = create_component(manager or PluginManager(), kind, name, context, arguments)
    unmark(created)
    return created


def _resume(manager: PluginManager, path: Path, given: Layer, progress: bool) -> RunResult:
    from i2i.config.layers import merge
    from i2i.config.resolver import config_from_dict
    from i2i.models.checkpoint import CheckpointFolder
    from i2i.training.launch import Launch
    from i2i.training.records.run_folder import RunFolder

    refused = [
        f"{section}.{key}"
        for section, values in given.items()
        for key in values
        if (section != "training" or key not in RESUME_MAY_CHANGE) and (section, key) != ("data", "root")
    ]
    if refused:
        raise ConfigError(
            f"--resume keeps the run's configuration; it cannot change {', '.join(refused)} (it may change "
            f"{', '.join(RESUME_MAY_CHANGE)}, and with --data where the same images are now); start a new run for "
            "other settings"
        )
    kept = config_from_dict(manager, RunFolder(path).config_values())
    with working("starting PyTorch"):
        require("training", *TRAINING)
    changed = {"training": {**kept.training.model_dump(), **given.get("training", {})}}
    root = _absolute(str(given.get("data", {}).get("root", kept.data_root)))
    resolved = replace(config_from_dict(manager, {**kept.to_dict(), **merge(changed)}), data_root=root)
    shorter = _is_shorter(resolved.training, kept.training)

    damaged = 0

    def reopen() -> RunFolder:
        nonlocal damaged
        folder = RunFolder.open(path)
        checkpoints = CheckpointFolder(folder.checkpoints, resolved.training.keep)
        checkpoints.clean()
        newest = checkpoints.latest()
        damaged = folder.forget_after(
            newest.step if newest else 0, measured=newest is None or newest.images is not None
        )
        return folder

    with Launch(resolved.training, progress) as launch, listening(launch.reporter.watch):
        folder = launch.on_main(reopen, RunFolder)
        checkpoint = CheckpointFolder(folder.checkpoints, resolved.training.keep).latest()
        launch.reporter.note(f"going on from step {checkpoint.step if checkpoint else 0} of {path}")
        if damaged:
            lines, were = ("1 line", "was") if damaged == 1 else (f"{damaged:,} lines", "were")
            launch.reporter.note(f"{lines} of {folder.metrics_file} could not be read and {were} left out")
        # An earlier end that was asked for once is no reason to forget the planned one.
        keep_config = resolved != kept and not shorter
        return launch.train(manager, resolved, folder, checkpoint=checkpoint, keep_config=keep_config)


def _absolute(root: str) -> str:
    """A path that means the same from everywhere; what is no path, such as ``sample:flat-3d``, stays as it is."""
    path = named(root)
    return str(path.absolute()) if path.exists() and not root.startswith(SAMPLE_PREFIX) else root


def _is_shorter(new: TrainingOptions, old: TrainingOptions) -> bool:
    """Whether a limit of the new budget is tighter than the old one's."""
    limits = [(getattr(new, name), getattr(old, name)) for name in LIMITS]
    return any(now is not None and before is not None and now < before for now, before in limits)


def _resolve(
    manager: PluginManager, config: str | Path | None, given: Mapping[str, Any]
) -> tuple[RunConfig, Sequence[str]]:
    from i2i.config.layers import layer_from_file
    from i2i.config.resolver import resolve

    layers = [] if config is None else [layer_from_file(config)]
    return resolve(manager, [*layers, _layer(**given)])


def plain_settings(settings: Settings) -> Settings:
    """Settings with numbers of other libraries as Python's."""
    values: Settings = plain(settings) if isinstance(settings, Mapping) else settings
    return values


def _layer(
    *,
    set: Settings = (),  # noqa: A002
    settings: Settings | None = None,
    tracker: str | Sequence[str] | None = None,
    trackers: Sequence[str] | None = None,
    **options: Any,
) -> Layer:
    """Sort the options of :func:`run` into sections; an option that ``set`` gives another value is refused."""
    from i2i.config.layers import layer_from_settings, merge_once

    sections: dict[str, tuple[str, str]] = {
        "data": ("data", "root"),
        "image_size": ("data", "image_size"),
        "direction": ("data", "direction"),
        "skip_bad": ("data", "skip_bad"),
        **{kind: (kind, "name") for kind in ("method", "generator", "discriminator", "loss", "pixel_loss", "buffer")},
    }
    tracker = one_name("tracker", tracker, "trackers", trackers)
    options["trackers"] = (tracker,) if isinstance(tracker, str) else tracker
    layer: Layer = {}
    for name, value in options.items():
        if value is None:
            continue
        value = plain(value)
        section, key = sections.get(name, ("training", name))
        layer.setdefault(section, {})[key] = str(value) if name == "data" else value
    return merge_once(layer_from_settings(plain_settings(one_name("set", set, "settings", settings))), layer)
