"""``i2i bench``: a thin front of :func:`i2i.api.bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command, tell_new_spelling
from i2i.cli.output import new_table, print_json, print_table, say
from i2i.progress import listening

if TYPE_CHECKING:
    from i2i.benchmarking.report import BenchReport


class BenchCommand(Command):
    """``i2i bench``, which once took a file after ``--json`` and names with commas."""

    def todays_words(self, words: list[str]) -> list[str]:
        """The words with ``--report FILE`` and repeated ``--case`` in place of the earlier forms."""
        today: list[str] = []
        rest = iter(words)
        for word in rest:
            name, equals, value = word.partition("=")
            if name == "--cases":
                names = [case.strip() for case in (value if equals else next(rest, "")).split(",")]
                spelled = [part for case in names if case for part in ("--case", case)]
                tell_new_spelling("--cases NAME,NAME", "--case NAME --case NAME")
                today += spelled
            elif name == "--json" and equals:
                tell_new_spelling("--json FILE", "--report FILE")
                today += ["--report", value, "--force"]
            elif today and today[-1] == "--json" and not word.startswith("-"):
                tell_new_spelling("--json FILE", "--report FILE")
                today[-1:] = ["--report", word, "--force"]
            else:
                today.append(word)
        return super().todays_words(today)


@click.command(
    cls=BenchCommand,
    epilog="Exit codes: 0 measured, 1 a result was wrong (its case is not timed), 2 wrong usage. The rows of ONNX "
    'Runtime and OpenVINO need: pip install "i2i[bench]"',
)
@click.option("--quick", is_flag=True, help="The most telling cases, under a minute, without slow-starting rivals.")
@shared.option(
    "--case",
    metavar="NAME",
    multiple=True,
    help="Only this, such as block-64 or 'generator-*'; repeat for several. An unknown name lists all.",
)
@shared.device("cpu|cuda[:N]", "cpu")
@shared.option(
    "--threads", metavar="N", type=shared.POSITIVE, help="Threads on the CPU. Default: as many as PyTorch takes."
)
@shared.option("--repeat", metavar="N", type=shared.POSITIVE, help="Rounds of each case. Default: by time.")
@shared.option("--report", metavar="FILE", type=shared.FILE, help="Write everything that was found, as JSON.")
@shared.option("--plot", metavar="FILE.png", type=shared.FILE, help="Draw the ratios.")
@shared.force("files that exist")
@shared.as_json("everything that was found")
def bench(as_json: bool, **given: Any) -> None:
    """Check the fused kernels against float64, then time them beside PyTorch eager.

    A case whose results are wrong is not timed. All candidates of a case take turns, so that a busy moment slows all
    of them; numbers to keep come from an otherwise idle machine.
    """
    from i2i.api import bench as measure
    from i2i.terminal import Watch

    with listening(Watch(busy=lambda: True)):  # a line now and then: a bar would take time from what is measured
        report = measure(tell=lambda line: say(line, err=True, lines=True), **shared.given(given))
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    if report.failures:
        click.get_current_context().exit(1)


def _print(report: BenchReport) -> None:
    from i2i.benchmarking.report import (
        MEMORY_COLUMNS,
        TIMED_COLUMNS,
        circumstances,
        memory_rows,
        missing_lines,
        timed_rows,
    )

    values = report.to_dict()
    say(circumstances(values), lines=True)
    for columns, rows in ((TIMED_COLUMNS, list(timed_rows(values))), (MEMORY_COLUMNS, list(memory_rows(values)))):
        if rows:
            say()
            _print_table(columns, rows)
    for heading, lines in (
        ("Missing", missing_lines(values)),
        ("Warning", report.warnings),
        ("Failed", report.failures),
    ):
        for line in lines:
            say(f"{heading}: {line}", err=heading != "Missing", lines=True)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = new_table(*columns)
    for row in rows:
        table.add_row(*row)
    print_table(table)
