"""``i2i bench``: a thin front of :func:`i2i.benchmarking.runner.run_bench`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from i2i.cli.commands import Command
from i2i.cli.output import new_table, print_table, say
from i2i.environment.packages import require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.progress import listening

if TYPE_CHECKING:
    from i2i.benchmarking.report import Report

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    cls=Command,
    epilog="Exit codes: 0 measured, 1 a result was wrong (its case is not timed), 2 wrong usage. The rows of ONNX "
    'Runtime and OpenVINO need: pip install "i2i[bench]"',
)
@click.option("--quick", is_flag=True, help="The most telling cases, under a minute, without slow-starting rivals.")
@click.option(
    "--cases",
    metavar="NAME[,NAME]",
    default="",
    help="Only these, such as block-64 or 'generator-*'; an unknown name lists all.",
)
@click.option("--device", metavar="cpu|cuda[:N]", default="cpu", show_default=True, help="Where to measure.")
@click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Threads on the CPU. Default: PyTorch's.")
@click.option("--repeat", metavar="N", type=click.IntRange(min=1), help="Rounds of each case. Default: by time.")
@click.option("--json", "json_path", metavar="FILE", type=FILE, help="Write everything that was found.")
@click.option("--plot", "plot_path", metavar="FILE.png", type=FILE, help="Draw the ratios.")
def bench(
    quick: bool,
    cases: str,
    device: str,
    threads: int | None,
    repeat: int | None,
    json_path: Path | None,
    plot_path: Path | None,
) -> None:
    """Check the fused kernels against float64, then time them beside PyTorch eager.

    A case whose results are wrong is not timed. All contenders of a case take turns, so that a busy moment slows all
    of them; numbers to keep come from an otherwise idle machine.
    """
    json_path, plot_path = (path and named(path) for path in (json_path, plot_path))
    _require_writable(json_path, plot_path)
    if plot_path is not None:
        require("--plot", "matplotlib.figure")
    from i2i.benchmarking.report import write_json
    from i2i.benchmarking.runner import Options, run_bench
    from i2i.terminal import Watch

    names = tuple(name.strip() for name in cases.split(",") if name.strip())
    options = Options(cases=names, quick=quick, device=device, threads=threads, repeat=repeat)
    with listening(Watch(busy=lambda: True)):  # a line now and then: a bar would take time from what is measured
        report = run_bench(options, tell=lambda line: say(line, err=True, lines=True))
    _print(report)
    if json_path is not None:
        write_json(report, json_path)
    if plot_path is not None:
        _plot(report, plot_path)
    if report.failures:
        click.get_current_context().exit(1)


def _plot(report: Report, path: Path) -> None:
    from i2i.benchmarking.plot import draw, has_something_to_draw

    if has_something_to_draw(report.to_dict()):
        draw(report.to_dict(), path)
    else:
        say(f"Warning: {path} was not drawn, because nothing was timed beside eager", err=True)


def _require_writable(json_path: Path | None, plot_path: Path | None) -> None:
    """Find out before the run, which takes minutes, that its results have a place."""
    for option, path in (("--json", json_path), ("--plot", plot_path)):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError(f"{option} {path}: the folder {path.absolute().parent} does not exist; make it first")
    if plot_path is not None and plot_path.suffix != ".png":
        raise ConfigError(f"--plot must end in .png; got {plot_path}")


def _print(report: Report) -> None:
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
