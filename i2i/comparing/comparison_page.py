"""The page of a comparison: one file that opens from disk, with its pictures inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2i.comparing.side_by_side import Compared, Comparison
from i2i.evaluation.sheets import render_sheet
from i2i.files.atomic import write_whole
from i2i.models.scores import Metric, interval_of, measured_baselines
from i2i.training.records.curves import panels_of_runs
from i2i.training.records.page import for_template, page_templates

_MINUS, _NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


@dataclass(frozen=True)
class _Cell:
    value: str = ""
    interval: str = ""
    difference: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class _Row:
    label: str
    note: str
    cells: list[_Cell]
    is_baseline: bool = False


def write_comparison_page(path: Path, comparison: Comparison, metrics: Mapping[str, Metric]) -> Path:
    """Write the page and return its path.

    Args:
        path: a file, which is replaced.
        comparison: what it shows.
        metrics: what they are called; see :func:`~i2i.models.scores.table_of`.

    Raises:
        RunFolderError: it cannot be written.
    """
    template = page_templates("i2i.comparing").get_template("comparison.html.jinja")
    return write_whole(path, template.render(_context(comparison, metrics)).encode())


def measured(comparison: Comparison, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """The metrics that any contender has, in the order in which they are shown."""
    names = {name for each in comparison.compared for name in numbers_of(each)}
    return {name: metric for name, metric in metrics.items() if name in names}


def numbers_of(compared: Compared) -> dict[str, float]:
    """All numbers of a contender."""
    return {**compared.evaluation.pairs, **compared.evaluation.sets}


def difference_in_words(compared: Compared, name: str, metric: Metric) -> str:
    """What a contender differs by from the first, with a verdict; empty for the first."""
    found = compared.differences.get(name)
    if found is None:
        return ""

    def signed(value: float) -> str:
        return f"{value:+.{metric.digits}f}".replace("-", _MINUS)

    if found.interval is None:
        return signed(found.value)
    verdict = "no clear difference"
    if found.is_clear:
        verdict = "better" if found.value * metric.better > 0 else "worse"
    return f"{signed(found.value)} ({' to '.join(map(signed, found.interval))}), {verdict}"


def _context(comparison: Comparison, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    shown = measured(comparison, metrics)
    labels = [each.contender.label for each in comparison.compared]
    rows = [*_rows(comparison, shown), *_baselines(comparison, shown)]
    with_runs = {each.contender.label: each.contender for each in comparison.compared if each.contender.log.last}
    panels = panels_of_runs(
        {label: each.log for label, each in with_runs.items()},
        {label: str(each.direction) for label, each in with_runs.items()},
        metrics,
    )
    return {
        "title": _listed(labels),
        "facts": _facts(comparison),
        "notes": comparison.notes,
        "first": labels[0],
        "labels": labels,
        "metrics": list(shown.values()),
        "rows": rows,
        "readings": _readings(comparison, shown),
        "has_baselines": any(row.is_baseline for row in rows),
        "sheet": _sheet(comparison),
        "chosen": _chosen(comparison),
        "panels": [[for_template(panel) for panel in row] for row in panels if row],
        "settings": labels_and_values(comparison.settings),
    }


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    counts = comparison.compared[0].evaluation.counts
    facts = [("data", comparison.data.root), ("images", f"{counts['sources']:,}")]
    if held_out_by := comparison.compared[0].evaluation.data.get("held_out_by"):
        facts.append(("held out by", held_out_by))
    if comparison.left_out:
        facts.append(("left out, as a run trained on them", f"{comparison.left_out:,}"))
    domains = comparison.compared[0].evaluation.model.get("domains")
    return [("direction", " → ".join(domains)), *facts] if domains else facts


def _rows(comparison: Comparison, metrics: Mapping[str, Metric]) -> list[_Row]:
    rows = []
    for each in comparison.compared:
        values = numbers_of(each)
        cells = []
        for name, metric in metrics.items():
            if name not in values:
                cells.append(_Cell())
                continue
            ends = interval_of(values, name)
            others = [numbers_of(other)[name] for other in comparison.compared if name in numbers_of(other)]
            cells.append(
                _Cell(
                    metric.number(values[name]).replace("inf", "∞"),
                    f"{metric.number(ends[0])} to {metric.number(ends[1])}" if ends else "",
                    difference_in_words(each, name, metric),
                    all((values[name] - other) * metric.better >= 0 for other in others),
                )
            )
        rows.append(_Row(each.contender.label, _about(each), cells))
    return rows


def _baselines(comparison: Comparison, metrics: Mapping[str, Metric]) -> list[_Row]:
    values = numbers_of(comparison.compared[0])
    found = []
    for baseline in measured_baselines(values, metrics):
        of = {name: values.get(f"{baseline.prefix}{name}") for name in metrics}
        cells = [_Cell("" if (value := of[name]) is None else metric.number(value)) for name, metric in metrics.items()]
        if any(value is not None for value in of.values()):
            found.append(_Row(baseline.heading, "", cells, is_baseline=True))
    return found


def _about(compared: Compared) -> str:
    about, log = compared.evaluation.model, compared.contender.log
    if "results" in about:
        return "results made elsewhere"
    step = "" if about["step"] is None else f", step {about['step']:,}"
    took = log.last.get("seconds") if log.last else None
    minutes = f", {took / 60:.1f} min" if isinstance(took, int | float) else ""
    return f"{about['generator']}{step}{minutes}"


def _readings(comparison: Comparison, metrics: Mapping[str, Metric]) -> list[str]:
    """A sentence for each contender but the first: in what it is clearly better or worse."""
    readings = []
    first = comparison.compared[0].contender.label
    for each in comparison.compared[1:]:
        clear = {name: found for name, found in each.differences.items() if found.is_clear and name in metrics}
        better = [metrics[name].name for name, found in clear.items() if found.value * metrics[name].better > 0]
        worse = [metrics[name].name for name, found in clear.items() if found.value * metrics[name].better < 0]
        parts = [
            f"clearly {verdict} than {first} by {_listed(names)}"
            for verdict, names in (("better", better), ("worse", worse))
            if names
        ]
        if not each.differences or not any(found.interval for found in each.differences.values()):
            continue
        readings.append(f"{each.contender.label}: {', '.join(parts) or f'no clear difference from {first}'}.")
    return readings


def _listed(names: Sequence[str]) -> str:
    """Such as ``"L1, PSNR and SSIM"``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _sheet(comparison: Comparison) -> dict[str, Any] | None:
    if not comparison.columns:
        return None
    picture, about = render_sheet(comparison.columns)
    (width, height), gap, titles = about["cell"], about["gap"], about["titles"]
    size = (len(titles) * (width + gap) - gap, about["rows"] * (height + gap) - gap)
    return {
        "titles": titles,
        "rows": about["rows"],
        "names": comparison.rows,
        "size": size,
        "gap_percent": 100 * gap / size[0],
        "source": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
    }


def _chosen(comparison: Comparison) -> str:
    if not comparison.names:
        return "Evenly spread over the held-out images, in their order."
    return "The upper half are evenly spread over the held-out images; on those below, what is compared differs most."


def _plain(value: Any) -> str:
    if value is None:
        return _NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def labels_and_values(settings: Mapping[str, Sequence[Any]]) -> list[tuple[str, list[str]]]:
    """Settings that differ, as texts."""
    return [(name, [_plain(value) for value in values]) for name, values in settings.items()]
