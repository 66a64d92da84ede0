"""``i2i translate``: a trained translator on files, folders and patterns; a thin front of :func:`i2i.translate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import GroupedCommand
from i2i.cli.main import INTERRUPTED
from i2i.cli.output import plugin_manager, print_json, say
from i2i.cli.translation_report import TranslationReport

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
    metavar="NAME",
    help="Format of the translations: png, jpeg, webp, bmp, tiff, or a plugin's. Default: each input's.",
    group=OUTPUT,
)
@shared.force("translations that exist", group=OUTPUT)
@shared.as_json("what became of each file", group=OUTPUT)
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
def translate(model: str, inputs: tuple[str, ...], out: Path, as_json: bool, **given: Any) -> None:
    """Translate images and videos with MODEL.

    INPUT is a file, a folder (with its sub-folders) or a quoted pattern such as "photos/**/*.jpg". Every image is
    translated and keeps its name, its place in the sub-folders, its size and its format. Nothing is begun when an
    output exists already; a file that cannot be read is named, and the rest is translated. A video keeps its audio and
    its times. INPUT and FILE may be -, for one image on standard input or output.
    """
    if as_json and str(out) == "-":
        raise click.UsageError("--json prints on standard output, where --out - writes the image; leave one out")
    from i2i.api import translate as translate_files
    from i2i.terminal import watching

    report = TranslationReport(str(out))
    context = click.get_current_context()
    try:
        with report, watching():
            outcomes = translate_files(
                model,
                inputs,
                out,
                observer=report,
                manager=plugin_manager(),
                **shared.given(given),
            )
    except KeyboardInterrupt:
        if report.summary is None:
            raise
        say(f"Interrupted. {report.summary} No half-written file is left.", err=True)
        context.exit(INTERRUPTED)
    if as_json:
        print_json([outcome.to_dict() for outcome in outcomes])
    elif report.summary is not None:
        say(report.summary)
    if report.failed:
        context.exit(1)
