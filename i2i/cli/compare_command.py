"""``i2i compare``: trained models side by side; a thin front of :func:`i2i.api.compare`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import new_table, plugin_manager, print_json, print_table, say
from i2i.models.scores import BASELINES, Metric, interval_of, table_of

if TYPE_CHECKING:
    from i2i.comparing.side_by_side import Comparison


@click.command(cls=Command, epilog="Exit codes: 0 compared, 1 failed, 2 wrong usage.")
@shared.model(nargs=-1, required=True, metavar="MODEL...")
@shared.option(
    "--results",
    metavar="FOLDER",
    multiple=True,
    help="Translations made elsewhere, each picture named like the image it translates; repeat for several.",
)
@click.option(
    "--data", metavar="FOLDER|sample:NAME", help="What to compare on. Default: what the first was trained on."
)
@shared.out("FILE.html", "Write a page: numbers, images, curves, settings.", kind=shared.FILE)
@shared.force("a page that exists")
@click.option(
    "--images",
    metavar="N",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Images shown side by side on the page, at most.",
)
@shared.metrics()
@shared.metric()
@shared.features()
@shared.direction(default="AtoB, or the only one there is; of the first MODEL, and others by their domains")
@shared.checkpoint()
@shared.measuring_settings("Read the data another way than the first MODEL")
@shared.batch_size()
@shared.subset_seed()
@shared.inference()
@shared.device()
@shared.precision()
@shared.trust()
@shared.as_json("everything that was found")
def compare(models: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Measure several MODELs on the same images, and say what tells them apart.

    Images that one of the runs trained on are left out. Beside each number
    stands what it differs by from the first MODEL, image by image, and
    whether that is more than chance.
    """
    from i2i.api import compare as compare_models

    manager = plugin_manager()
    comparison = compare_models(list(models), progress=not as_json, manager=manager, **shared.given(given))
    if as_json:
        print_json(comparison.to_dict())
        return
    _print(comparison, table_of(manager))


def _print(comparison: Comparison, table: Mapping[str, Metric]) -> None:
    from i2i.comparing.comparison_page import labels_and_values

    counts = comparison.compared[0].evaluation.counts
    left_out = f" ({comparison.left_out} left out: a run trained on them)" if comparison.left_out else ""
    say(f"{comparison.data.root}: {counts['sources']} images that no compared run trained on{left_out}")
    _print_numbers(comparison, table)
    labels = [each.contender.label for each in comparison.compared]
    if comparison.settings:
        say("\nSettings that differ", lines=True)
        settings = new_table("", *labels)
        for name, values in labels_and_values(comparison.settings):
            settings.add_row(name, *values)
        print_table(settings)
    for note in comparison.notes:
        say(f"Note: {note}", err=True, lines=True)
    if comparison.page is not None:
        say(f"\nPage: {Path(comparison.page)}", lines=True)


def _print_numbers(comparison: Comparison, table: Mapping[str, Metric]) -> None:
    from i2i.comparing.comparison_page import difference_in_words, measured, numbers_of

    first = numbers_of(comparison.compared[0])
    for name, metric in measured(comparison, table).items():
        say(f"\n{metric.heading}, {metric.direction} is better", lines=True)
        numbers = new_table("", "value", "95 % interval", f"from {comparison.compared[0].contender.label}")
        for each in comparison.compared:
            values = numbers_of(each)
            ends = interval_of(values, name)
            numbers.add_row(
                each.contender.label,
                metric.number(values[name]) if name in values else "-",
                " to ".join(map(metric.number, ends)) if ends else "",
                difference_in_words(each, name, metric),
            )
        for baseline in BASELINES:
            if (value := first.get(f"{baseline.prefix}{name}")) is not None:
                numbers.add_row(baseline.heading, metric.number(value), "", "")
        print_table(numbers)
