"""``i2i translate``: a trained translator on files, folders and patterns; a thin front of the engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import GroupedCommand
from i2i.cli.main import INTERRUPTED
from i2i.cli.output import plugin_manager, say
from i2i.cli.translation_report import TranslationReport
from i2i.errors import DataError
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.translation.plan import FileJob, FileOutcome, Plan, StreamJob
    from i2i.translation.translator import Translator
    from i2i.translation.videos import Progress

FORMATS = ("png", "jpeg", "webp", "bmp", "tiff")
OUTPUT, MODEL, MACHINE, LARGE = "Output", "Model", "Machine", "Large images"


@click.command(
    cls=GroupedCommand,
    epilog="Exit codes: 0 every image was translated, 1 some could not be (they are named) or nothing was begun, "
    f"2 wrong usage, {INTERRUPTED} interrupted.",
)
@shared.model()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@shared.out(
    "FOLDER|FILE|-",
    "Folder of the translations; for one input file also a file name, or - for standard output.",
    required=True,
    group=OUTPUT,
)
@shared.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="Format of the translations. Default: each input's.",
    group=OUTPUT,
)
@shared.force("translations that exist", group=OUTPUT)
@shared.direction(group=MODEL)
@shared.checkpoint(group=MODEL)
@shared.inference(group=MODEL)
@shared.trust(group=MODEL)
@shared.batch_size(group=MACHINE)
@shared.device(group=MACHINE)
@shared.precision(group=MACHINE)
@shared.option(
    "--workers",
    metavar="N",
    type=shared.POSITIVE,
    help="Threads that read, and as many that write. Default: up to 4.",
    group=MACHINE,
)
@shared.option(
    "--max-pixels",
    metavar="N",
    type=shared.POSITIVE,
    help="Refuse images with more pixels. Default: the run's limit.",
    group=LARGE,
)
@shared.option(
    "--tile",
    metavar="auto|N",
    help="Divide images into tiles of N pixels a side; auto: those that are too large for the memory. The result is "
    "that of the whole image.",
    group=LARGE,
)
@shared.option(
    "--tile-statistics",
    type=click.Choice(["exact", "estimate"]),
    help="estimate: norms take the statistics of a sample and tiles are blended, for networks that exact does not "
    "know. Default: exact.",
    group=LARGE,
)
@shared.option(
    "--tile-memory",
    metavar="GIB",
    type=click.FloatRange(min=0),
    help="Activations kept in memory between tiles; the rest lies in temporary files. Default: half of what is "
    "available.",
    group=LARGE,
)
@shared.option(
    "--tile-folder",
    metavar="FOLDER",
    help="Where the temporary files are. Default: the system's folder.",
    group=LARGE,
)
def translate(
    model: str,
    inputs: tuple[str, ...],
    out: Path,
    format_name: str | None,
    force: bool,
    batch_size: int | None,
    workers: int | None,
    **given: Any,
) -> None:
    """Translate images and videos with MODEL.

    INPUT is a file, a folder (with its sub-folders) or a quoted pattern such as "photos/**/*.jpg". Every image is
    translated and keeps its name, its place in the sub-folders, its size and its format. Nothing is begun when an
    output exists already; a file that cannot be read is named, and the rest goes on. A video keeps its audio and its
    times. INPUT and FILE may be -, for one image on standard input or output.
    """
    from i2i.terminal import watching
    from i2i.translation.plan import make_plan, plan_stream

    image_format = format_name and format_name.upper()
    stream = plan_stream(inputs, out, format_name=image_format, force=force)
    with watching():
        plan = None if stream else make_plan(inputs, out, format_name=image_format, force=force)
    if plan is not None and plan.ignored:
        count = len(plan.ignored)
        say(f"{count} files are no images by their suffix and are ignored, such as {plan.ignored[0]}", err=True)
    for note in plan.notes if plan else ():
        say(f"Note: {note}", err=True, lines=True)
    if plan is not None and plan.videos:
        from i2i.images.video.frames import require_video_packages

        require_video_packages()
    translator = _load(model, {**given, "manager": plugin_manager()})
    if stream is not None:
        _translate_stream(translator, stream, force)
    else:
        assert plan is not None
        _translate_plan(translator, plan, str(out), batch_size or 1, workers, force)


def _load(model: str, options: dict[str, Any]) -> Translator:
    from i2i.terminal import watching

    with watching(), working("loading the model"):  # the first import of PyTorch is part of that
        from i2i.api import load

        translator = load(model, **shared.given(options))
    source, target = translator.info.domains
    say(
        f"{source} to {target}: {translator.info.generator}, {translator.info.origin}, on {translator.device}", err=True
    )
    for note in translator.info.notes:
        say(f"Note: {note}", err=True, lines=True)
    return translator


def _translate_stream(translator: Translator, stream: StreamJob, force: bool) -> None:
    from i2i.translation.image_stream import translate_stream

    closed = [name for name in ("stdin", "stdout") if getattr(sys, name) is None]
    if closed:
        raise DataError(f"{' and '.join(closed)} of this process is closed; name a file instead of -")
    note = translate_stream(translator, stream, sys.stdin.buffer, sys.stdout.buffer, force=force)
    if note:
        say(f"Note: {note}", err=True, lines=True)


def _translate_plan(
    translator: Translator, plan: Plan, out: str, batch_size: int, workers: int | None, force: bool
) -> None:
    from i2i.translation.image_files import DEFAULT_WORKERS, translate_files
    from i2i.translation.tiled_files import translate_large_files
    from i2i.translation.videos import translate_video

    def translate_one(job: FileJob, progress: Progress) -> FileOutcome:
        return translate_video(translator, job, batch_size=batch_size, force=force, progress=progress)

    workers = workers or DEFAULT_WORKERS
    report = TranslationReport(len(plan.jobs), len(plan.videos))
    context = click.get_current_context()
    try:
        if plan.jobs:
            if translator.tiling is None:
                outcomes = translate_files(translator, plan.jobs, batch_size=batch_size, workers=workers, force=force)
            else:
                outcomes = translate_large_files(
                    translator,
                    plan.jobs,
                    batch_size=batch_size,
                    workers=workers,
                    force=force,
                    progress=report.within,
                )
            report.follow_images(outcomes)
        for job in plan.videos:
            report.follow_video(job, translate_one)
    except KeyboardInterrupt:
        say(f"Interrupted. {report.summary(out)} No half-written file is left.", err=True)
        context.exit(INTERRUPTED)
    say(report.summary(out))
    if report.failed:
        context.exit(1)
