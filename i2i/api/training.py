"""Training, and looking at what would be trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.api.arguments import PluginFiles, Settings, manager_of, one_name
from i2i.api.run_options import RunOptions
from i2i.environment.packages import TRAINING, require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.manager import PluginManager
from i2i.progress import listening, working
from i2i.training.records.run_result import RunResult

if TYPE_CHECKING:
    from i2i.config.run_config import RunConfig


def run(
    data: str | Path | None = None,
    *,
    method: str | None = None,
    generator: str | None = None,
    discriminator: str | Sequence[str] | None = None,
    loss: str | None = None,
    pixel_loss: str | Sequence[str] | None = None,
    buffer: str | None = None,
    optimizer: str | None = None,
    augment: str | Sequence[str] | None = None,
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
    title: str | None = None,
    keep: int | None = None,
    skip_bad: bool | None = None,
    metric: str | Sequence[str] | None = None,
    observer: str | Sequence[str] | None = None,
    init_from: str | Path | Sequence[str | Path] | None = None,
    freeze: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    progress: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
    tracker: str | Sequence[str] | None = None,
    trackers: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> RunResult:
    """Train a translator, or resume a run.

    Every option is the command line's of the same name; ``None`` leaves it to the file, the preset or the default.
    Seeds Python's, numpy's and torch's global random generators.

    Args:
        data: a folder (see ``docs/data.md`` for the layouts), or ``sample:flat-3d`` / ``sample:line-3d``.
        method: ``cyclegan``, ``pix2pix``, ``cut``, ``fastcut``, ``asp`` or a plugin's.
        generator: a generator by name.
        discriminator: one or several discriminators; the generator sees the mean of their judgements.
        loss: an adversarial loss by name.
        pixel_loss: one or several pixel losses by name; several count by their weighted sum.
        buffer: a buffer of earlier fakes by name.
        optimizer: an optimiser by name.
        augment: one or several augmentations by name, of what the discriminators see, in this order.
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
        title: what the page, the server and exported files call the run.
        keep: newest checkpoints that are kept.
        skip_bad: leave out files that cannot be read instead of stopping.
        metric: one or several metrics by name, measured on held-out images besides L1, PSNR and SSIM;
            ``none`` for no other.
        observer: what watches the run: ``tensorboard``, ``wandb``, ``early-stopping``, or several; ``none`` for
            nothing, whatever the file or the run that is resumed says.
        init_from: one or several models whose weights the networks start from, see ``docs/fine-tuning.md``.
        freeze: one or several patterns of the names of parameters that are not trained, such as ``"G_A.model.1.*"``.
        out: the run folder, new or empty; by default a new one under ``runs/``.
        resume: a run folder to resume; only budget, device, workers, keep, title, skip_bad, metric and observer may
            be given with it, learning rates of the optimiser, and as ``data`` the place to which the same images were
            moved.
        config: a YAML file of settings.
        set: any option of any part, ``{"generator.base_channels": 32}`` or ``["generator.base_channels=32"]``.
        progress: draw progress on standard error.
        plugins: plugins that are a Python file each and no package, besides those that are installed; as on the command
            line, ``i2i --plugin FILE ...``.
        manager: the plugins to take parts from, instead of ``plugins`` and those that are installed.
        tracker: an earlier name of ``observer``.
        trackers: the one before that.
        settings: the earlier name of ``set``.

    Returns:
        Where everything is, and the held-out metrics.

    Raises:
        ConfigError: settings are wrong; all of them are named.
        DataError: the data cannot be used.
        RunFolderError: the run folder cannot be used.
        CheckpointError: the checkpoint to resume is damaged.
        DivergedError: a loss became NaN or infinite.
        PluginError: a plugin file cannot be loaded, or a component is missing or fails.
    """
    options = RunOptions(
        data=data,
        method=method,
        generator=generator,
        discriminator=discriminator,
        loss=loss,
        pixel_loss=pixel_loss,
        buffer=buffer,
        optimizer=optimizer,
        augment=augment,
        steps=steps,
        epochs=epochs,
        minutes=minutes,
        image_size=image_size,
        batch_size=batch_size,
        accumulate=accumulate,
        seed=seed,
        device=device,
        precision=precision,
        workers=workers,
        direction=direction,
        title=title,
        keep=keep,
        skip_bad=skip_bad,
        metric=metric,
        observer=one_name("observer", one_name("observer", observer, "tracker", tracker), "trackers", trackers),
        init_from=init_from,
        freeze=freeze,
        set=one_name("set", set, "settings", settings),
    )
    manager = manager_of(manager, plugins)
    if resume is not None:
        if out is not None or config is not None:
            raise ConfigError(
                "--resume trains on in the run's own folder with its own config: leave out --out, --config"
            )
        from i2i.training.resume import resume_run

        return resume_run(manager, named(resume), options.to_layer(), progress=progress)
    resolved, notes = _resolve(manager, config, options)
    with working("starting PyTorch"):
        require("training", *TRAINING)

    from i2i.training.launch import Launch
    from i2i.training.records.run_folder import RunFolder
    from i2i.training.resume import with_absolute_paths

    resolved = with_absolute_paths(resolved)  # a resume may start from anywhere
    with Launch(resolved.training, progress) as launch, listening(launch.reporter.watch):
        for note in notes:
            launch.reporter.note(note)
        folder = launch.on_main(lambda: RunFolder.create(out, resolved))
        return launch.train(manager, resolved, folder, checkpoint=None)


def resolve(
    data: str | Path | None = None,
    *,
    method: str | None = None,
    generator: str | None = None,
    discriminator: str | Sequence[str] | None = None,
    loss: str | None = None,
    pixel_loss: str | Sequence[str] | None = None,
    buffer: str | None = None,
    optimizer: str | None = None,
    augment: str | Sequence[str] | None = None,
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
    title: str | None = None,
    keep: int | None = None,
    skip_bad: bool | None = None,
    metric: str | Sequence[str] | None = None,
    observer: str | Sequence[str] | None = None,
    init_from: str | Path | Sequence[str | Path] | None = None,
    freeze: str | Sequence[str] | None = None,
    config: str | Path | None = None,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
    tracker: str | Sequence[str] | None = None,
    trackers: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> RunConfig:
    """Resolve the options of :func:`run` without training; each is that function's of the same name.

    Returns:
        The configuration; ``.to_yaml()`` prints it.

    Raises:
        ConfigError: settings are wrong; all of them are named.
    """
    options = RunOptions(
        data=data,
        method=method,
        generator=generator,
        discriminator=discriminator,
        loss=loss,
        pixel_loss=pixel_loss,
        buffer=buffer,
        optimizer=optimizer,
        augment=augment,
        steps=steps,
        epochs=epochs,
        minutes=minutes,
        image_size=image_size,
        batch_size=batch_size,
        accumulate=accumulate,
        seed=seed,
        device=device,
        precision=precision,
        workers=workers,
        direction=direction,
        title=title,
        keep=keep,
        skip_bad=skip_bad,
        metric=metric,
        observer=one_name("observer", one_name("observer", observer, "tracker", tracker), "trackers", trackers),
        init_from=init_from,
        freeze=freeze,
        set=one_name("set", set, "settings", settings),
    )
    return _resolve(manager_of(manager, plugins), config, options)[0]


def check_run(config: RunConfig, manager: PluginManager | None = None) -> list[str]:
    """Look at data and parts as :func:`run` does before its first step: every file is read once, and all is built.

    Only metrics are not built, as one may download weights. Random numbers stay as they were.

    Returns:
        Notes for the person.

    Raises:
        DataError: the data cannot be used.
        ConfigError: the parts do not go together, or the networks do not take images of these sizes.
        PluginError: a component cannot be built.
    """
    require("looking at the data", "torch")
    import torch

    from i2i.config.dataset_opening import open_splits
    from i2i.config.method_building import build_method, build_optimizers
    from i2i.config.sizes import check_best
    from i2i.training.observing import build_observers

    manager = manager or PluginManager()
    train_set, test_set, notes = open_splits(manager, config)
    with torch.random.fork_rng(devices=[]):
        method = build_method(manager, config, train_set.channels, 0, torch.device("cpu"))
        build_optimizers(manager, config.optimizer, method)
    check_best(config, method.directions)
    build_observers(manager, config, method.directions, test_set, notes.append, is_main=True)
    return notes


def _resolve(manager: PluginManager, config: str | Path | None, options: RunOptions) -> tuple[RunConfig, Sequence[str]]:
    from i2i.config.layers import layer_from_file, merge
    from i2i.config.resolver import resolve

    layers = [*([] if config is None else [layer_from_file(config)]), options.to_layer()]
    if not merge(*layers).get("training", {}).get("init_from"):
        return resolve(manager, layers)
    require("starting from the weights of a model", *TRAINING)
    from i2i.training.initial_weights import with_settings_of_models

    of_models, told = with_settings_of_models(merge(*layers))
    resolved, notes = resolve(manager, [of_models, *layers])
    return resolved, [*told, *notes]
