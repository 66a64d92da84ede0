"""Comparing what was trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from i2i.api.arguments import PluginFiles, Settings, manager_of, plain_settings, require_model, whole_number
from i2i.environment.packages import MEASURING, require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.manager import PluginManager
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.comparing.contenders import Contender
    from i2i.comparing.side_by_side import Comparison
    from i2i.models.info import Inference
    from i2i.translation.model_loading import LoadingOptions
    from i2i.translation.network_runner import Precision
    from i2i.translation.translator import Translator


def compare(
    models: Sequence[str | Path],
    data: str | Path | None = None,
    *,
    results: str | Path | Sequence[str | Path] = (),
    out: str | Path | None = None,
    force: bool = False,
    images: int = 8,
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
    progress: bool = False,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> Comparison:
    """Measure several trained models on the same images, which none of their runs trained on.

    Args:
        models: what :func:`load` takes, usually run folders. The others are compared with the first, which also says
            how images are read.
        data: a folder or ``sample:NAME``; what the first run was trained on if not given. Its held-out images count,
            but for those that another of the runs trained on.
        results: folders of translations made elsewhere, each picture named like the image that it translates.
        out: an HTML page to write: numbers, the same images side by side, curves, settings that differ.
        force: whether a page that exists may be replaced.
        images: how many images are shown side by side, at most.
        metrics: see :func:`evaluate`.
        metric: see :func:`evaluate`.
        features: see :func:`evaluate`.
        direction: of the first model, see :func:`load`; others go the same way by their domains' names.
        checkpoint: of every run folder, see :func:`load`.
        set: how the data are read, over the settings of the first run; see :func:`evaluate`.
        batch_size: images computed at once, at most.
        seed: see :func:`evaluate`.
        inference: see :func:`load`.
        device: see :func:`load`.
        precision: see :func:`load`.
        trust: see :func:`load`.
        progress: draw progress on standard error.
        plugins: see :func:`load`.
        manager: see :func:`load`; data sets are taken from them, too.

    Returns:
        The numbers of each, how far and how surely they differ, and the settings that do; ``.to_dict()`` is fit for
        JSON.

    Raises:
        ConfigError: an option is wrong, there is nothing to compare with, ``out`` exists, or the models do not
            translate images of one kind.
        CheckpointError: there is no such model.
        DataError: the data cannot be used, a result is missing or has another size than its image, or no image is left
            that no run trained on.
        PluginError: there is no such metric, or it fails.
    """
    from i2i.terminal import watching

    with watching(progress), working("starting PyTorch"):
        require("comparing", *MEASURING)
    from i2i.comparing.comparison_page import write_comparison_page
    from i2i.comparing.side_by_side import compare_contenders
    from i2i.config.layers import layer_from_settings
    from i2i.config.sections import METRICS
    from i2i.evaluation.asked_metrics import ask_for
    from i2i.evaluation.evaluated_data import choose_data, open_images
    from i2i.evaluation.measurement import MeasuringOptions
    from i2i.models.scores import table_of
    from i2i.translation.model_loading import LoadingOptions

    folders = [results] if isinstance(results, str | os.PathLike) else list(results)
    models = [models] if isinstance(models, str | os.PathLike) else list(models)
    if not models or len(models) + len(folders) < 2:
        raise ConfigError(
            "a comparison takes a model and at least one more, or a folder of results made elsewhere; got "
            f"{len(models)} and {len(folders)}"
        )
    for model in models:
        require_model(model)
    page = None if out is None else named(out)
    if page is not None and page.exists() and (page.is_dir() or not force):
        raise ConfigError(f"--out {page} exists already; name another file{', or give --force' * page.is_file()}")
    images, batch_size = whole_number("images", images, 0), whole_number("batch_size", batch_size, 1)
    seed = whole_number("seed", seed, 0)
    given = layer_from_settings(plain_settings(set))
    if wrong := sorted(given.keys() - {"data", METRICS}):
        raise ConfigError(
            "compare takes settings of data and of metrics, such as data.image_size=128 or metrics.kid.seed=3; got "
            f"{', '.join(wrong)}"
        )
    manager = manager_of(manager, plugins)
    names = [metric] if isinstance(metric, str) else list(metric)
    asked, sets = ask_for(manager, names, given.get(METRICS, {}), features=features, trust=trust, seed=seed)
    with watching(progress):
        loading = LoadingOptions(
            direction=direction, device=device, precision=precision, inference=inference, trust=trust
        )
        contenders, first = _open(manager, models, folders, checkpoint, loading)
        assert contenders[0].opened is not None
        opened = contenders[0].opened
        chosen = choose_data(manager, opened.data_settings, data, given.get("data", {}), "test", opened.components)
        options = MeasuringOptions(sets=sets, which=metrics, asked=asked, batch_size=batch_size, seed=seed)
        held_out = open_images(manager, chosen, first.readers, first.info.direction, seed)
        comparison = compare_contenders(manager, contenders, held_out, chosen, options, first.readers, images)
    if page is not None:
        comparison = replace(comparison, page=write_comparison_page(page, comparison, table_of(manager)))
    return comparison


def _open(
    manager: PluginManager,
    models: Sequence[str | Path],
    folders: Sequence[str | Path],
    checkpoint: str | None,
    loading: LoadingOptions,
) -> tuple[list[Contender], Translator]:
    """Everything that is compared, and the translator of the first."""
    from i2i.comparing.contenders import Contender, contender_of, labels_of
    from i2i.comparing.result_folders import open_folder
    from i2i.models.find import open_model

    labels = labels_of([str(each) for each in (*models, *folders)])
    contenders: list[Contender] = []
    first: Translator | None = None
    with working("loading the models"):
        for label, model in zip(labels, models, strict=False):
            opened = open_model(model, checkpoint, manager=manager)
            contender, translator = contender_of(manager, label, opened, loading, first.info if first else None)
            contenders.append(contender)
            first = first or translator
    assert first is not None
    for label, folder in zip(labels[len(models) :], folders, strict=True):
        found = open_folder(named(folder), first.readers, first.info, first.device)
        contenders.append(Contender(label, found))
    return contenders, first
