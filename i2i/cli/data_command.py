"""``i2i data``: what there is to know of data before training; a thin front of :func:`i2i.api.check_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import CONTEXT_SETTINGS, Command
from i2i.cli.output import plugin_manager, print_json, say
from i2i.errors import amount

if TYPE_CHECKING:
    from i2i.data_checks.data_report import DataReport
    from i2i.data_checks.findings import Finding

NAMED = 5
"""Pictures of a finding that are named."""
MARKS = {"error": "ERROR  ", "warning": "Warning", "note": "Note   "}


@click.group(context_settings=CONTEXT_SETTINGS)
def data() -> None:
    """Look at data before anything is trained on them."""


@data.command(
    cls=Command,
    epilog="Exit codes: 0 nothing spoils a result, 1 held-out numbers would mislead (--strict: or there is a warning), "
    "2 wrong usage.",
)
@click.argument("data", metavar="FOLDER|sample:NAME")
@shared.option("--method", metavar="NAME", help="Method of the run: pix2pix looks at pairs. Default: cyclegan.")
@shared.direction("AtoB")
@shared.option("--image-size", metavar="PIXELS", type=shared.POSITIVE, help="Side of the run's crops. Default: 256.")
@shared.option(
    "--set",
    metavar="data.OPTION=VALUE",
    multiple=True,
    help="Any option of the data, such as data.group='^(.+?)_'; repeat for several.",
)
@shared.out("FILE.html", "Write a page with pictures.", kind=shared.FILE)
@shared.force("a page that exists")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings as well.")
@shared.as_json("everything that was found")
def check(strict: bool, as_json: bool, **given: Any) -> None:
    """Look at every image of DATA, and say what would spoil a result.

    The same image, or nearly the same, in training and held out, also turned and mirrored; pairs that are shifted;
    what tells two domains apart without their content; blank, dark and blurred images; sizes, and what a run would
    say of them. Nothing is changed or removed.
    """
    from i2i.api import check_data
    from i2i.terminal import watching

    with watching(True):
        report = check_data(manager=plugin_manager(), **shared.given(given))
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
        if given["out"] is not None:
            say(f"\nThe page, with pictures: {given['out']}", lines=True)
    if report.spoils or (strict and report.warns):
        click.get_current_context().exit(1)


def _print(report: DataReport) -> None:
    counts = ", ".join(
        f"{sum(found.values())} {'to train on' if split == 'train' else 'held out'} ({found['A']} and {found['B']})"
        for split, found in report.counts.items()
    )
    say(f"{report.root}: {' and '.join(report.domains)}: {counts}")
    if report.held_out_by:
        say(f"Held out by {report.held_out_by}")
    measured = sum(pair.shift is not None for pair in report.shifts)
    if report.shifts:
        say(f"Shifts measured in {measured} of {amount(len(report.shifts), 'pair')}")
    for finding in report.findings:
        _print_finding(finding)
    say()
    if report.spoils:
        say("Held-out numbers of a run on these images would mislead.")
    elif report.warns:
        say("Nothing spoils the held-out numbers; see the warnings.")
    else:
        say("Nothing was found that would spoil a result.")


def _print_finding(finding: Finding) -> None:
    say(f"\n{MARKS[finding.weight]} {finding.text}", lines=True)
    for each in finding.shown[:NAMED]:
        say(f"          {each}")
    if len(finding.shown) > NAMED:
        say(f"          ... and {len(finding.shown) - NAMED} more")
    if finding.cure:
        say(f"        To do: {finding.cure}")
