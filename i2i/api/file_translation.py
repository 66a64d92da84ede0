"""Translating files: images, folders of them, videos and streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from i2i.api.arguments import PluginFiles, require_model, whole_number
from i2i.api.using import load
from i2i.errors import ConfigError, DataError
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.images.readers import Readers
    from i2i.models.info import Inference
    from i2i.plugins.manager import PluginManager
    from i2i.translation.network_runner import Precision
    from i2i.translation.observer import TranslationObserver
    from i2i.translation.plan import FileOutcome, Plan
    from i2i.translation.tiles.tile_settings import Statistics
    from i2i.translation.translator import Translator

_LOAD_DEFAULTS = {"device": "auto", "precision": "fp32", "trust": False, "plugins": ()}
"""What :func:`~i2i.api.using.load` takes that is not None where it is not given."""


def translate(
    model: str | Path | Translator,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - what the command line calls it
    force: bool = False,
    direction: str | None = None,
    checkpoint: str | None = None,
    inference: Inference | None = None,
    trust: bool = False,
    batch_size: int = 1,
    device: str = "auto",
    precision: Precision = "fp32",
    workers: int | None = None,
    max_pixels: int | None = None,
    tile: int | Literal["auto"] | None = None,
    tile_statistics: Statistics | None = None,
    tile_memory: float | None = None,
    tile_folder: str | Path | None = None,
    observer: TranslationObserver | None = None,
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> list[FileOutcome]:
    """Translate image files, folders of them and videos.

    Every image keeps its name, its place in the sub-folders, its size and its format; a video keeps its audio and its
    times. Nothing is begun when an output exists already. A file that cannot be used costs no other: its outcome says
    why. Each output is whole or not there, whatever happens.

    Args:
        model: what :func:`load` takes, or what it returned.
        inputs: one or several: a file, a folder (with its sub-folders), a pattern such as ``"photos/**/*.jpg"``, or
            ``"-"`` for one image on standard input.
        out: the folder of the translations; for one input file also a file name, or ``"-"`` for standard output.
        format: write images as ``png``, ``jpeg``, ``webp``, ``bmp``, ``tiff`` or what a plugin adds; each input's if
            not given.
        force: replace translations that exist.
        direction: see :func:`load`, as for the other options that it has; they are for a model that is not loaded yet.
        checkpoint: see :func:`load`.
        inference: see :func:`load`.
        trust: see :func:`load`.
        batch_size: images computed at once, at most.
        device: see :func:`load`.
        precision: see :func:`load`.
        workers: threads that read, and as many that write; up to 4 if not given.
        max_pixels: see :func:`load`.
        tile: see :func:`load`.
        tile_statistics: see :func:`load`.
        tile_memory: see :func:`load`.
        tile_folder: see :func:`load`.
        observer: called with what happens meanwhile.
        plugins: see :func:`load`.
        manager: see :func:`load`.

    Returns:
        What became of each file: images first, then videos, in the order of the inputs. One that could not be
        translated has a ``problem``.

    Raises:
        DataError: an input is missing, there is no image, an output exists or would be written twice, the model's
            images are not pictures; or the one image from or to a stream cannot be used or written.
        ConfigError: an option is wrong or does not fit the inputs, or a package is missing.
        CheckpointError: there is no such model, or it is damaged.
        DivergedError: the network gave NaN or infinity for an image from or to a stream.
        PluginError: the generator is broken, or the package that brought it is missing.
    """
    from i2i.translation.observer import TranslationObserver
    from i2i.translation.plan import plan_translation

    observer = observer or TranslationObserver()
    options = {
        "direction": direction,
        "checkpoint": checkpoint,
        "device": device,
        "precision": precision,
        "inference": inference,
        "max_pixels": max_pixels,
        "tile": tile,
        "tile_statistics": tile_statistics,
        "tile_memory": tile_memory,
        "tile_folder": tile_folder,
        "trust": trust,
        "plugins": plugins,
    }
    _require_usable(model, options)
    batch_size = whole_number("batch_size", batch_size, 1)
    workers = None if workers is None else whole_number("workers", workers, 1)
    several = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    readers = _readers(model, manager)
    format_name = _format_name(format, readers)
    plan = plan_translation([os.fspath(one) for one in several], out, readers, format_name=format_name, force=force)
    observer.planned(plan)
    if plan.videos:
        from i2i.images.video.frames import require_video_packages

        require_video_packages()
    with working("loading the model"):  # the first import of PyTorch is part of that
        from i2i.translation.image_files import require_held

        translator = load(model, **options, manager=manager) if isinstance(model, str | os.PathLike) else model  # type: ignore[arg-type]
    require_held(translator, plan.jobs)
    observer.loaded(translator)
    outcomes = []
    with closing(_translated(translator, plan, batch_size, workers, force, observer)) as translated:
        for outcome in translated:
            outcomes.append(outcome)
            observer.finished(outcome)
    return outcomes


def _require_usable(model: Any, options: dict[str, Any]) -> None:
    """Raise a ConfigError for anything that is not a model, and for options of loading where it is loaded already."""
    if isinstance(model, str | os.PathLike):
        return
    from i2i.translation.translator import Translator

    if not isinstance(model, Translator):
        require_model(model)
    given = [name for name, value in options.items() if value != _LOAD_DEFAULTS.get(name)]
    if given:
        raise ConfigError(f"{', '.join(given)}: the model is loaded already; hand options of loading to i2i.load")


def _readers(model: str | Path | Translator, manager: PluginManager | None) -> Readers:
    """The formats of images: those of a model that is loaded, else those that are installed."""
    from i2i.images.readers import Readers

    return Readers(manager) if isinstance(model, str | os.PathLike) else model.readers


def _format_name(asked: str | None, readers: Readers) -> str | None:
    """The name of a format, as the readers have it."""
    if asked is None:
        return None
    name = str(asked).upper()
    if name not in readers.formats:
        raise ConfigError(f"format must be one of {', '.join(readers.formats).lower()}; got {asked!r}")
    return name


def _translated(
    translator: Translator,
    plan: Plan,
    batch_size: int,
    workers: int | None,
    force: bool,
    observer: TranslationObserver,
) -> Generator[FileOutcome, None, None]:
    from functools import partial

    from i2i.translation.image_files import DEFAULT_WORKERS, translate_files
    from i2i.translation.image_stream import translate_stream
    from i2i.translation.videos import translate_video

    if plan.stream is not None:
        closed = [name for name in ("stdin", "stdout") if getattr(sys, name) is None]
        if closed:
            raise DataError(f"{' and '.join(closed)} of this process is closed; name a file instead of -")
        yield translate_stream(translator, plan.stream, sys.stdin.buffer, sys.stdout.buffer, force=force)
    yield from translate_files(
        translator,
        plan.jobs,
        batch_size=batch_size,
        workers=workers or DEFAULT_WORKERS,
        force=force,
        progress=observer.tiled,
    )
    for job in plan.videos:
        observer.began_video(job)
        progress = partial(observer.wrote_frames, job)
        yield translate_video(translator, job, batch_size=batch_size, force=force, progress=progress)
