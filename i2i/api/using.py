"""Using what was trained: translating, exporting, measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from i2i.api.arguments import (
    PluginFiles,
    Settings,
    height_and_width,
    manager_of,
    one_name,
    plain,
    plain_settings,
    positive_seconds,
    require_model,
    whole_number,
)
from i2i.environment.packages import MEASURING, require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.manager import PluginManager
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.evaluation.measurement import Evaluation
    from i2i.exporting.exporter import ExportReport
    from i2i.models.info import Inference, TranslatorInfo
    from i2i.translation.network_runner import Precision
    from i2i.translation.tiles.tile_settings import Statistics
    from i2i.translation.translator import Translator


def load(
    model: str | Path,
    *,
    direction: str | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    inference: Inference | None = None,
    max_pixels: int | None = None,
    tile: int | Literal["auto"] | None = None,
    tile_statistics: Statistics | None = None,
    tile_memory: float | None = None,
    tile_folder: str | Path | None = None,
    trust: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> Translator:
    """Load a trained translator; call the result on images.

    Args:
        model: a run folder; a checkpoint folder; a file from :func:`export`; a generator's file of
            pytorch-CycleGAN-and-pix2pix, such as ``latest_net_G_A.pth``; or ``sample:flat-3d``, which ships with i2i.
        direction: ``AtoB`` (also if not given) or ``BtoA``, in the run's naming: ``AtoB`` is what it was asked for.
            A model with one direction alone, such as a file, does not need it.
        checkpoint: of a run folder: ``latest`` (also if not given), ``best`` (lowest held-out score) or ``step-N``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``fp32``, or ``bf16`` for autocast; weights and results stay fp32.
        inference: ``deterministic``; or ``paper``: dropout stays on and batch norm takes the image's statistics, as in
            both papers' code. What the run was set to (``training.inference``) if not given.
        max_pixels: refuse files with more pixels than this; the run's ``data.max_pixels`` if not given.
        tile: divide images into tiles of this many pixels a side, or with ``"auto"`` those that are too large for the
            memory; see ``docs/large-images.md``.
        tile_statistics: ``exact`` (also if not given): the result is that of the whole image; or ``estimate``.
        tile_memory: GiB of activations between tiles that stay in memory; half of what is available if not given.
        tile_folder: where the others are kept meanwhile; the system's folder for temporary files if not given.
        trust: load a ``.pt2`` file that holds more than weights and PyTorch's own operators, although that can run code
            of whoever wrote it. No other model needs it: nothing that is loaded without it runs code.
        plugins: plugins that are a Python file each and no package, besides those that are installed; as on the command
            line, ``i2i --plugin FILE ...``.
        manager: the plugins to take generators from, instead of ``plugins`` and those that are installed.

    Raises:
        CheckpointError: there is no such checkpoint, or it is damaged or made by another version of the generator.
        PluginError: the package that brought the generator is missing; the message names it with its version.
        ConfigError: the direction or the device does not exist, or the generator cannot be divided into tiles.
    """
    from i2i.models.find import open_model
    from i2i.translation.model_loading import LoadingOptions, load_translator
    from i2i.translation.tiles.tile_settings import parse_tiles

    require_model(model)
    options = LoadingOptions(
        direction=direction,
        device=device,
        precision=precision,
        inference=inference,
        max_pixels=None if max_pixels is None else whole_number("max_pixels", max_pixels, 1),
        tiles=parse_tiles(plain(tile), tile_statistics, plain(tile_memory), tile_folder),
        trust=trust,
    )
    manager = manager_of(manager, plugins)
    return load_translator(manager, open_model(model, checkpoint, manager=manager), options)


def load_each_direction(
    model: str | Path, *, checkpoint: str | None = None, plugins: PluginFiles = (), **options: Any
) -> dict[str, Translator]:
    """Load every direction of a model; the one that :func:`load` takes by itself comes first.

    Args:
        model: see :func:`load`.
        checkpoint: see :func:`load`.
        plugins: see :func:`load`.
        options: of :class:`~i2i.translation.model_loading.LoadingOptions`; see :func:`load`.

    Raises:
        I2IError: what :func:`load` raises.
    """
    from i2i.models.find import open_model
    from i2i.translation.model_loading import LoadingOptions, load_directions

    require_model(model)
    manager = manager_of(None, plugins)
    return load_directions(manager, open_model(model, checkpoint, manager=manager), LoadingOptions(**options))


def convert(
    models: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    direction: str | None = None,
    domains: tuple[str, str] | None = None,
    part: str | None = None,
    dropout: bool | None = None,
    checkpoint: str | None = None,
    half: bool = False,
    force: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> tuple[TranslatorInfo, ...]:
    """Write what translates into a small folder that describes itself: from official files, or from a run.

    Args:
        models: a file of pytorch-CycleGAN-and-pix2pix, such as ``latest_net_G.pth``; two of them for both ways of one
            CycleGAN; or a run folder, a checkpoint folder or ``sample:NAME``.
        out: the folder, new or empty.
        direction: what to call the way that one file translates; by its name if not given: ``G_B`` is ``BtoA``, else
            ``AtoB``.
        domains: readable names of A and B.
        part: which network of a file that holds several.
        dropout: whether a U-Net was trained with dropout, which a file does not tell; with batch norm if not given.
        checkpoint: of a run folder: ``latest`` (also if not given), ``best`` or ``step-N``.
        half: store filters in float16.
        force: whether a converted folder that exists may be replaced.
        plugins: see :func:`load`.
        manager: see :func:`load`.

    Returns:
        What the folder holds, loaded from it: one record a direction.

    Raises:
        CheckpointError: a file holds no generator that is known; the message says what it holds and what is known.
        ConfigError: an option does not fit, or the folder is not empty.
    """
    from i2i.models.checkpoint import open_checkpoint
    from i2i.models.conversion import open_source, write_converted
    from i2i.models.generator import directions, load_generator
    from i2i.models.official import OfficialChoices

    manager = manager_of(manager, plugins)
    several = [models] if isinstance(models, str | Path) else list(models)
    official = OfficialChoices(part=part, direction=direction, dropout=dropout)
    sources = [open_source(model, len(several), checkpoint=checkpoint, official=official) for model in several]
    written = open_checkpoint(write_converted(sources, named(out), domains=domains, half=half, force=force).resolve())
    infos = [load_generator(manager, written, direction=way)[1] for way in directions(written)]
    return tuple(replace(info, chosen=sources[0].chosen) for info in infos)


def export(
    model: str | Path,
    out: str | Path | None = None,
    *,
    format: str | None = None,  # noqa: A002 - what the command line calls it
    raw: bool = False,
    size: tuple[int, int] | None = None,
    batch: int | None = None,
    timeout: float | None = None,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    direction: str | None = None,
    checkpoint: str | None = None,
    inference: Inference | None = None,
    force: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> ExportReport:
    """Write a trained translator as one file that runs without i2i, and keep it only if it gives the same images.

    Batch, height and width stay open, unless ``size`` and ``batch`` fix them; scaling, padding to what the network
    takes, rounding and cropping are in the file. It is run in a process of its own on images of several sizes and
    compared with the translator.

    Args:
        model: what :func:`load` takes, except an exported file.
        out: the file; by default the model's name with the format's suffix, in the current folder.
        format: ``onnx`` (``.onnx``, needs the extra ``export``), ``torch`` (``.pt2``) or a plugin's; by the suffix of
            ``out`` if not given.
        raw: float tensors ``[N, C, H, W]`` in [-1, 1] go in and come out; else images ``[N, H, W, C]`` of uint8.
        size: ``(height, width)`` of the images that the file is made for, for a network that cannot be traced for all
            sizes at once or a runtime that wants to know; any if not given.
        batch: how many images the file takes at once; any number if not given.
        timeout: seconds after which the export is given up; none if not given.
        set: options of the format's exporter, such as ``{"exporter.half": True}``, where it has any.
        direction: ``AtoB`` or ``BtoA``; ``AtoB``, or the only one there is, if not given.
        checkpoint: of a run folder: ``latest`` (also if not given), ``best`` or ``step-N``.
        inference: ``deterministic``; needed where the run was set to ``paper``, which cannot be exported.
        force: whether a file that exists may be replaced.
        plugins: see :func:`load`.
        manager: see :func:`load`.

    Returns:
        What was written, and how well it agrees with the model.

    Raises:
        ConfigError: an option is wrong, a package is missing, or the file exists.
        CheckpointError: there is no such model.
        ExportError: the generator cannot be exported, the file gives other images, or the time is over; none is kept.
    """
    from i2i.config.layers import layer_from_settings
    from i2i.exporting.exporter import export_model
    from i2i.exporting.formats import SECTION, choose_format
    from i2i.models.exported_record import FixedShape
    from i2i.models.find import open_model, require_checkpoint
    from i2i.models.generator import load_generator

    require_model(model)
    fixed = FixedShape(
        None if size is None else height_and_width("size", size),
        None if batch is None else whole_number("batch", batch, 1),
    )
    seconds = None if timeout is None else positive_seconds("timeout", timeout)
    path = None if out is None else named(out)
    options = layer_from_settings(plain_settings(set))
    if wrong := sorted(options.keys() - {SECTION}):
        raise ConfigError(f"export takes settings of the exporter, such as {SECTION}.OPTION; got {', '.join(wrong)}")
    manager = manager_of(manager, plugins)
    source = require_checkpoint(open_model(model, checkpoint, manager=manager))
    chosen = choose_format(manager, path, format, options.get(SECTION))
    network, info = load_generator(manager, source, direction=direction, inference=inference)
    path = path or Path(f"{Path(model).resolve().name.replace(':', '-')}{chosen.spec.suffix}")
    return export_model(manager, network, info, path, chosen, raw=raw, fixed=fixed, timeout=seconds, force=force)


def evaluate(
    model: str | Path,
    data: str | Path | None = None,
    *,
    split: Literal["test", "train"] = "test",
    metrics: Literal["auto", "pairs", "sets", "all"] = "auto",
    metric: str | Sequence[str] = (),
    features: str = "inception",
    direction: str | None = None,
    checkpoint: str | None = None,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    batch_size: int = 1,
    seed: int = 0,
    inference: Inference | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    trust: bool = False,
    per_image: str | Path | None = None,
    training_data: str | Path | None = None,
    progress: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
    settings: Settings | None = None,
) -> Evaluation:
    """Measure a translator, each number with its protocol and with what would score without a network.

    Args:
        model: what :func:`load` takes.
        data: a folder or ``sample:NAME``; what the run was trained on if not given. It is read as the run read it; for
            a model that does not say how, no image is resized.
        split: ``test``, or ``train``, which is read without mirroring.
        metrics: ``pairs``: L1, PSNR and SSIM against the truth; ``sets``: FID and KID; ``all``; ``auto``: pairs where
            there are any, else sets.
        metric: one or several further metrics by name, those of plugins too.
        features: of FID and KID: ``inception`` (extra ``metrics``), ``thumbnail``, ``module:function`` or a file; see
            ``docs/evaluating.md``.
        direction: see :func:`load`.
        checkpoint: see :func:`load`.
        set: how the data are read, over the run's settings, such as ``{"data.image_size": 128}``, and options of
            metrics, such as ``{"metrics.kid.seed": 3}``.
        batch_size: images computed at once, at most.
        seed: of KID's subsets, and of whatever the data set draws.
        inference: see :func:`load`.
        device: see :func:`load`.
        precision: see :func:`load`.
        trust: of the model, see :func:`load`; also of a file of features, where TorchScript files need it always.
        per_image: a new file for the values of each image, as CSV: its name, each metric, each baseline.
        training_data: a folder or ``sample:NAME`` whose training images a metric such as ``domain_probability`` learns
            from; those of the run if not given.
        progress: draw progress on standard error.
        plugins: see :func:`load`.
        manager: see :func:`load`; data sets are taken from them, too.
        settings: the earlier name of ``set``.

    Returns:
        The numbers; ``.to_dict()`` is fit for JSON, and ``.per_image`` holds the values of single images.

    Raises:
        ConfigError: an option is wrong, the file of ``per_image`` exists, a package is missing, or the feature network
            cannot be used.
        CheckpointError: there is no such model.
        DataError: the data cannot be used, there are no pairs although they were asked for, or the weights of
            Inception cannot be fetched.
        PluginError: there is no such metric, or it fails.
    """
    from i2i.terminal import watching

    with watching(progress), working("starting PyTorch"):
        require("evaluating", *MEASURING)
    from i2i.config.layers import layer_from_settings
    from i2i.config.sections import METRICS
    from i2i.evaluation.asked_metrics import ask_for
    from i2i.evaluation.evaluated_data import choose_data
    from i2i.evaluation.measurement import MeasuringOptions, measure
    from i2i.models.find import open_model
    from i2i.translation.model_loading import LoadingOptions, load_translator

    require_model(model)
    batch_size, seed = whole_number("batch_size", batch_size, 1), whole_number("seed", seed, 0)
    table = None if per_image is None else named(per_image)
    if table is not None and table.exists():
        raise ConfigError(f"per_image: {table} exists already; remove it, or name another file")
    given = layer_from_settings(plain_settings(one_name("set", set, "settings", settings)))
    if wrong := sorted(given.keys() - {"data", METRICS}):
        raise ConfigError(
            "evaluate takes settings of data and of metrics, such as data.image_size=128 or metrics.kid.seed=3; got "
            f"{', '.join(wrong)}"
        )
    manager = manager_of(manager, plugins)
    names = [metric] if isinstance(metric, str) else list(metric)
    asked, sets = ask_for(manager, names, given.get(METRICS, {}), features=features, trust=trust, seed=seed)
    opened = open_model(model, checkpoint, manager=manager)
    chosen = choose_data(manager, opened.data_settings, data, given.get("data", {}), split, opened.components)
    with watching(progress):
        with working("loading the model"):
            loading = LoadingOptions(
                direction=direction, device=device, precision=precision, inference=inference, trust=trust
            )
            translator = load_translator(manager, opened, loading)
        options = MeasuringOptions(
            sets=sets,
            which=metrics,
            asked=asked,
            batch_size=batch_size,
            seed=seed,
            per_image=table is not None,
            training_data=training_data,
        )
        evaluation = measure(manager, opened, translator, chosen, options)
    if table is not None:
        evaluation.per_image.write(table)
    return evaluation
