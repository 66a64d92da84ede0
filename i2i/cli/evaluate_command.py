"""``i2i evaluate``: how good a translator is, with how that was measured; a thin front of :func:`i2i.api.evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import new_table, plugin_manager, print_json, print_table, say
from i2i.models.scores import Metric, interval_of, measured_baselines, table_of

if TYPE_CHECKING:
    from i2i.evaluation.measurement import Evaluation


@click.command(cls=Command, epilog="Exit codes: 0 measured, 1 failed, 2 wrong usage.")
@shared.model()
@click.option("--data", metavar="FOLDER|sample:NAME", help="What to measure on. Default: what the run was trained on.")
@click.option(
    "--split",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="test: the held-out images; train: the others, without mirroring.",
)
@shared.metrics()
@shared.metric()
@shared.features()
@shared.direction()
@shared.checkpoint()
@shared.measuring_settings("Read the data another way")
@click.option(
    "--per-image",
    metavar="FILE.csv",
    help="Write what each image scores into a new table: its name, each metric, each baseline.",
)
@click.option(
    "--training-data",
    metavar="FOLDER|sample:NAME",
    help="Images that a metric such as domain_probability learns from. Default: those of the run.",
)
@shared.batch_size()
@shared.subset_seed()
@shared.inference()
@shared.device()
@shared.precision()
@shared.trust("TorchScript --features, or a .pt2 file")
@shared.as_json("everything that was found")
def evaluate(model: str, as_json: bool, **given: Any) -> None:
    """Measure MODEL on images it was not trained on.

    Beside each number stands what needs no network would score: the
    untouched input, one colour everywhere, and colours fitted to the
    run's training images; above them, how they were measured.
    """
    from i2i.api import evaluate as evaluate_model

    manager = plugin_manager()
    evaluation = evaluate_model(model, progress=not as_json, manager=manager, **shared.given(given))
    if as_json:
        print_json(evaluation.to_dict())
        return
    table = table_of(manager)
    _print_protocol(evaluation)
    for title, numbers in (
        (_title_of_pairs(evaluation), evaluation.pairs),
        (_title_of_sets(evaluation), evaluation.sets),
    ):
        if numbers:
            say(f"\n{title}", lines=True)
            _print_numbers(numbers, table)
    for note in evaluation.notes:
        say(f"Note: {note}", err=True, lines=True)


def _print_protocol(evaluation: Evaluation) -> None:
    model, data, protocol = evaluation.model, dict(evaluation.data), evaluation.protocol
    step = "" if model["step"] is None else f", step {model['step']}"
    source, target = model["domains"]
    chosen = f" ({model['chosen']})" if model["chosen"] else ""
    say(f"{source} to {target}: {model['generator']}{step}, {model['checkpoint']}{chosen}")
    root, split, name, rule = (data.pop(key) for key in ("root", "split", "name", "held_out_by"))
    sizes = sorted(evaluation.sizes.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{count} of {size}" for size, count in sizes[:3])
    more = f" and {len(sizes) - 3} other sizes" if len(sizes) > 3 else ""
    say(f"Data: {root}, split {split}: {evaluation.counts['sources']} images to translate ({shown}{more})")
    if rule:
        say(f"Held out by {rule}")
    options = ", ".join(f"{key} {value}" for key, value in data.items())
    say(f"Read by data set {name}: {options}")
    versions = ", ".join(f"{key} {value}" for key, value in protocol["versions"].items())
    say(
        f"Pixels: {protocol['pixels']}; {protocol['inference']} inference, {protocol['precision']} on "
        f"{protocol['device']}; {versions}"
    )


def _title_of_pairs(evaluation: Evaluation) -> str:
    interval = " (95 % interval of the mean)" if interval_of(evaluation.pairs, "l1") else ""
    return f"Against the truth: {evaluation.counts['pairs']} pairs, each image measured alone, then averaged{interval}"


def _title_of_sets(evaluation: Evaluation) -> str:
    counts, protocol = evaluation.counts, evaluation.protocol
    if "targets" not in counts:
        return ""
    domain = evaluation.model["domains"][1]
    title = f"As sets: {counts['sources']} translations against {counts['targets']} images of {domain}"
    if "features" not in protocol:
        return title
    title += f"\nFeatures: {protocol['features']}; {protocol['features_resize']}"
    if "kid_subsets" not in protocol:
        return title
    subsets = protocol["kid_subsets"]
    how = (
        f"{subsets} subsets of {protocol['kid_subset_size']} images, seed {protocol['seed']}"
        if subsets > 1
        else "all images"
    )
    return f"{title}; kernel distance from {how}"


def _print_numbers(values: Mapping[str, float], metrics: Mapping[str, Metric]) -> None:
    baselines = measured_baselines(values, metrics)
    table = new_table("", "translation", *(each.heading for each in baselines), "better")
    for name, metric in metrics.items():
        if name in values:
            cells = [
                _number(metric, values, f"{prefix}{name}") for prefix in ("", *(each.prefix for each in baselines))
            ]
            table.add_row(metric.heading, *cells, metric.direction)
    print_table(table)


def _number(metric: Metric, values: Mapping[str, float], name: str) -> str:
    if name not in values:
        return "-"
    if ends := interval_of(values, name):
        return f"{metric.number(values[name])} ({' to '.join(map(metric.number, ends))})"
    deviation = values.get(f"{name}_std")
    spread = "" if deviation is None else f" +- {metric.number(deviation)}"
    return f"{metric.number(values[name])}{spread}"
