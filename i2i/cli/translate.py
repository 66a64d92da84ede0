"""``i2i translate``: a trained translator on files, folders and patterns; a thin front of the engine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli.main import INTERRUPTED
from i2i.cli.output import tell_about_plugins

if TYPE_CHECKING:
    from rich.progress import Progress

    from i2i.engine.translate_files import Outcome

LINE_EVERY_SECONDS = 10.0
FORMATS = ("png", "jpeg", "webp", "bmp", "tiff")
POSITIVE = click.IntRange(min=1)


@click.command(
    epilog="Exit codes: 0 every image was translated, 1 some could not be (they are named) or nothing was begun, "
    f"2 wrong usage, {INTERRUPTED} interrupted."
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER|FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the translations; for one input file also a file name.",
)
@click.option(
    "--direction",
    type=click.Choice(["AtoB", "BtoA"]),
    help="AtoB is what the run was asked for; BtoA the way back, where the method trains it. Default: AtoB, or what an "
    "exported file holds.",
)
@click.option(
    "--checkpoint",
    metavar="latest|best|step-N",
    help="Which checkpoint of a run folder; best by the held-out score. Default: latest.",
)
@click.option(
    "--format", "format_name", type=click.Choice(FORMATS), help="Format of the translations. Default: each input's."
)
@click.option("--force", is_flag=True, help="Replace translations that exist. Default: refuse to begin.")
@click.option(
    "--inference",
    type=click.Choice(["deterministic", "paper"]),
    help="paper: dropout on, batch norm by the batch. Default: what the run was set to (deterministic).",
)
@click.option(
    "--batch-size", metavar="N", type=POSITIVE, default=1, show_default=True, help="Images computed at once, at most."
)
@click.option("--device", metavar="auto|cpu|cuda[:N]|mps", default="auto", show_default=True, help="Where to compute.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="bf16: autocast."
)
@click.option(
    "--workers", metavar="N", type=POSITIVE, help="Threads that read, and as many that write. Default: up to 4."
)
@click.option(
    "--max-pixels", metavar="N", type=POSITIVE, help="Refuse images with more pixels. Default: the run's limit."
)
def translate(
    model: Path,
    inputs: tuple[str, ...],
    out: Path,
    format_name: str | None,
    force: bool,
    batch_size: int,
    workers: int | None,
    **given: Any,
) -> None:
    """Translate images with MODEL, a run folder, a checkpoint folder or an exported file.

    INPUT is a file, a folder (with its sub-folders) or a quoted pattern such as "photos/**/*.jpg". Every image is
    translated and keeps its name, its place in the sub-folders, its size and its format. Nothing is begun when an
    output exists already; a file that cannot be read is named, and the rest goes on.
    """
    from i2i.engine.translation_plan import make_plan

    plan = make_plan(inputs, out, format_name=format_name and format_name.upper(), force=force)
    if plan.ignored:
        count = len(plan.ignored)
        click.echo(f"{count} files are no images by their suffix and are ignored, such as {plan.ignored[0]}", err=True)
    tell_about_plugins()

    from i2i.api import load
    from i2i.engine.translate_files import DEFAULT_WORKERS, translate_files

    translator = load(model, **given)
    source, target = translator.info.domains
    click.echo(
        f"{source} to {target}: {translator.info.generator}, {translator.info.origin}, on {translator.device}", err=True
    )
    for note in translator.info.notes:
        click.echo(f"Note: {note}", err=True)
    report = _Report(len(plan.jobs))
    outcomes = translate_files(
        translator, plan.jobs, batch_size=batch_size, workers=workers or DEFAULT_WORKERS, force=force
    )
    context = click.get_current_context()
    try:
        report.follow(outcomes)
    except KeyboardInterrupt:
        click.echo(f"Interrupted. {report.summary(out)} No half-written file is left.", err=True)
        context.exit(INTERRUPTED)
    click.echo(report.summary(out))
    if report.failed:
        context.exit(1)


class _Report:
    """Counts outcomes and tells of them on standard error: a bar on a terminal, else a line now and then.

    Args:
        total: how many there will be.
    """

    def __init__(self, total: int) -> None:
        from rich.console import Console

        self.total, self.translated, self.failed = total, 0, 0
        self._console = Console(stderr=True, soft_wrap=True)
        self._begin = self._last_line = time.monotonic()

    def follow(self, outcomes: Iterable[Outcome]) -> None:
        """Tell of each outcome as it comes."""
        bar = self._make_bar() if self._console.is_terminal else None
        shown: AbstractContextManager[object] = bar or nullcontext()
        with shown:
            for outcome in outcomes:
                self._count(outcome)
                if bar is not None:
                    bar.update(bar.task_ids[0], completed=self._done, description=self._pace())
                elif time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
                    self._last_line = time.monotonic()
                    self._say(f"{self._done}/{self.total}  {self._pace()}")

    def summary(self, out: Path) -> str:
        """One line for the end."""
        failed = f" {self.failed} could not be translated: they are named above." if self.failed else ""
        return f"{self.translated} of {self.total} images translated to {out} ({self._pace()}).{failed}"

    @property
    def _done(self) -> int:
        return self.translated + self.failed

    def _count(self, outcome: Outcome) -> None:
        if outcome.problem is None:
            self.translated += 1
        else:
            self.failed += 1
            self._say(f"Failed: {outcome.job.source}: {outcome.problem}")
        if outcome.note:
            self._say(f"Note: {outcome.job.source}: {outcome.note}")

    def _pace(self) -> str:
        return f"{self.translated / max(time.monotonic() - self._begin, 1e-9):.1f} images/s"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _make_bar(self) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
        )
        bar.add_task("", total=self.total)
        return bar
