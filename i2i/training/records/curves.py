"""Loss and metric curves as SVG that sits inside a page: text and axes take the page's colour and font.

Drawn with matplotlib's object interface; nothing global is changed, no display is needed.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from i2i.config.sections import CYCLE
from i2i.models.scores import Metric, best_baseline
from i2i.training.records.run_log import RunLog

# Middle tones, at least 3 : 1 against both white and near-black.
COLOURS = ("#3b82c4", "#d9722e", "#2f9268", "#9467c9", "#d1495b", "#168f99", "#a98308", "#7d838c")

_INK = "#000000"
_DASHES = (0, (4, 3))
_MOST_POINTS = 400
_LOG_FROM_RATIO = 30.0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One entry of a panel's legend."""

    name: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One chart: the SVG holds axes and lines, the page writes title and legend around it.

    Attributes:
        key: unique among the panels of a page.
        description: what the chart shows in words, for those who do not see it.
        has_baseline: whether a dashed baseline is drawn.
        svg: an ``<svg>`` element without text from outside i2i, safe to put into a page.
    """

    key: str
    title: str
    description: str
    legend: tuple[Line, ...]
    has_baseline: bool
    svg: str


@dataclass(frozen=True)
class _Curve:
    line: Line
    steps: Values
    values: Values
    baseline: Values | None = None


def loss_panels(records: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Draw the generators' and the discriminators' loss terms, smoothed, with the raw values faint behind.

    Args:
        records: lines ``{"step": int, "losses": {term: float}}``, ordered by step. A term may be missing from some;
            values that are not finite leave a gap.

    Returns:
        One panel a side of the game that has terms. A term belongs to the discriminators when the first part of its
        name is ``D``, ``discriminator`` or ``penalty``.
    """
    names = list(dict.fromkeys(name for record in records for name in record["losses"]))
    panels = []
    for key, title, judges in (
        ("generators", "Generator losses", False),
        ("discriminators", "Discriminator losses", True),
    ):
        curves: list[_Curve] = []
        for name in names:
            if _is_discriminator_term(name) == judges:
                points = [(record["step"], record["losses"].get(name, math.nan)) for record in records]
                curves.append(_Curve(_line(name, len(curves)), *_arrays(points)))
        panel = _panel(key, title, curves, _draw_smoothed, width=5.0)
        if panel:
            panels.append(panel)
    return panels


def augmentation_panels(records: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Draw what augmentations adapted to, such as a probability: one panel, or none.

    Args:
        records: lines as for :func:`loss_panels`, some with ``"augmentations": {"diffaugment/probability": float}``.
    """
    found = [(record["step"], record.get("augmentations", {})) for record in records]
    names = dict.fromkeys(name for _, values in found for name in values)
    curves = [
        _Curve(_line(name, index), *_arrays([(step, values.get(name, math.nan)) for step, values in found]))
        for index, name in enumerate(names)
    ]
    panel = _panel("augmentations", "Augmentations", curves, _draw_binned, width=5.0)
    return [] if panel is None else [panel]


def metric_panels(records: Sequence[Mapping[str, Any]], metrics: Mapping[str, Metric]) -> list[Panel]:
    """Draw each held-out metric over the steps, one line a direction, with the best of its baselines dashed.

    Args:
        records: lines ``{"step": int, "directions": {direction: {metric: float}}}``, ordered by step.
        metrics: what they are called; see :func:`~i2i.models.scores.table_of`.

    Returns:
        One panel for each metric that was measured at least once, but for the cycle's, which is one of the losses.
    """
    directions = list(dict.fromkeys(name for record in records for name in record["directions"]))
    panels = []
    for name, metric in metrics.items():
        if name == CYCLE:
            continue
        title = f"{metric.heading}, {metric.direction} is better"
        curves = []
        for index, direction in enumerate(directions):
            measured = [(record["step"], record["directions"].get(direction, {})) for record in records]
            steps, values = _arrays([(step, values.get(name, math.nan)) for step, values in measured])
            best = [(step, best_baseline(values, name, metric)) for step, values in measured]
            _, baseline = _arrays([(step, math.nan if found is None else found[1]) for step, found in best])
            curves.append(_Curve(_line(direction, index), steps, values, baseline))
        panel = _panel(name, title, curves, _draw_measured, width=4.0)
        if panel:
            panels.append(panel)
    return panels


def panels_of_runs(
    logs: Mapping[str, RunLog], directions: Mapping[str, str], metrics: Mapping[str, Metric]
) -> tuple[list[Panel], list[Panel]]:
    """Draw the curves of several runs on one axis, one line a run.

    Args:
        logs: by what a run is called.
        directions: which direction of each run is drawn, of held-out metrics.
        metrics: what they are called; see :func:`~i2i.models.scores.table_of`.

    Returns:
        A panel for each held-out metric that two runs have measured, and one for each term of the losses that two have.
    """
    measured = []
    for name, metric in metrics.items():
        points = {
            label: [
                (record["step"], record["directions"].get(directions[label], {}).get(name, math.nan))
                for record in log.evaluations
            ]
            for label, log in logs.items()
        }
        title = f"{metric.heading}, {metric.direction} is better"
        measured.append(_panel_of_runs(f"runs-{name}", title, points, _draw_measured, width=4.0))
    terms = dict.fromkeys(name for log in logs.values() for record in log.train for name in record["losses"])
    losses: list[Panel | None] = []
    for name in terms:
        points = {
            label: [(record["step"], record["losses"].get(name, math.nan)) for record in log.train]
            for label, log in logs.items()
        }
        losses.append(_panel_of_runs(f"runs-loss-{len(losses)}", name, points, _draw_smoothed, width=4.0))
    return [panel for panel in measured if panel], [panel for panel in losses if panel]


def _panel_of_runs(
    key: str,
    title: str,
    points: Mapping[str, Sequence[tuple[float, float]]],
    draw: Callable[[Axes, _Curve], None],
    width: float,
) -> Panel | None:
    """A panel of the runs that have any; each keeps its colour in all panels."""
    curves = [_Curve(_line(label, index), *_arrays(found)) for index, (label, found) in enumerate(points.items())]
    shared = [curve for curve in curves if np.isfinite(curve.values).any()]
    return _panel(key, title, shared, draw, width) if len(shared) > 1 else None


def smooth(values: Values) -> Values:
    """Return an exponential moving average over about a thirtieth of the points, without a bias at the start.

    Args:
        values: ``[n]``; points that are not finite are passed over and stay NaN.
    """
    decay = 1 - 1 / max(1.0, len(values) / 30)
    smoothed = np.full(len(values), math.nan)
    total = weight = 0.0
    for index, value in enumerate(values):
        if math.isfinite(value):
            total = decay * total + value
            weight = decay * weight + 1
            smoothed[index] = total / weight
    return smoothed


def _is_discriminator_term(name: str) -> bool:
    return name.split("_")[0] in ("D", "discriminator", "penalty")


def _line(name: str, index: int) -> Line:
    return Line(name, COLOURS[index % len(COLOURS)], dashed=index // len(COLOURS) % 2 == 1)


def _arrays(points: Sequence[tuple[float, float]]) -> tuple[Values, Values]:
    """Steps and values; infinities become NaN, which matplotlib leaves out."""
    array = np.array(points, dtype=np.float64).reshape(-1, 2)
    return array[:, 0], np.where(np.isfinite(array[:, 1]), array[:, 1], math.nan)


def _panel(
    key: str, title: str, curves: Sequence[_Curve], draw: Callable[[Axes, _Curve], None], width: float
) -> Panel | None:
    curves = [curve for curve in curves if np.isfinite(curve.values).any()]
    if not curves:
        return None
    with matplotlib.style.context(["default", {"svg.fonttype": "none", "svg.hashsalt": key, "font.size": 10.5}]):
        figure = Figure(figsize=(width, 3), layout="constrained")
        axes = figure.add_subplot()
        for curve in curves:
            draw(axes, curve)
        if _spans_decades(curves):
            axes.set_yscale("log")
            title += ", logarithmic"
        _style(axes)
        drawn = io.StringIO()
        nameless = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(drawn, format="svg", transparent=True, metadata=nameless)
    return Panel(
        key=key,
        title=title,
        description=_describe(title, curves),
        legend=tuple(curve.line for curve in curves),
        has_baseline=any(curve.baseline is not None and np.isfinite(curve.baseline).any() for curve in curves),
        svg=_inline(drawn.getvalue()),
    )


def _draw_smoothed(axes: Axes, curve: _Curve) -> None:
    steps, values = _bins(curve.steps), _bins(curve.values)
    style, marker = "--" if curve.line.dashed else "-", _marker(values)
    colour = curve.line.colour
    axes.plot(steps, values, color=colour, linewidth=0.8, alpha=0.3)
    axes.plot(steps, smooth(values), color=colour, linewidth=1.6, linestyle=style, marker=marker, markersize=5)


def _draw_binned(axes: Axes, curve: _Curve) -> None:
    steps, values = _bins(curve.steps), _bins(curve.values)
    style = "--" if curve.line.dashed else "-"
    axes.plot(
        steps, values, color=curve.line.colour, linewidth=1.6, linestyle=style, marker=_marker(values), markersize=5
    )


def _draw_measured(axes: Axes, curve: _Curve) -> None:
    colour = curve.line.colour
    axes.plot(curve.steps, curve.values, color=colour, linewidth=1.6, marker="o", markersize=4)
    if curve.baseline is None:
        return
    known = np.isfinite(curve.baseline)
    if known.sum() == 1:  # one point draws no line of its own
        axes.axhline(curve.baseline[known][0], color=colour, linewidth=1.2, linestyle=_DASHES, alpha=0.8)
    else:
        axes.plot(curve.steps, curve.baseline, color=colour, linewidth=1.2, linestyle=_DASHES, alpha=0.8)


def _marker(values: Values) -> str:
    return "o" if np.isfinite(values).sum() == 1 else ""


def _bins(values: Values) -> Values:
    """Average runs of neighbours, so that a long training draws no more than :data:`_MOST_POINTS` points a line."""
    if len(values) <= _MOST_POINTS:
        return values
    return np.array([_mean(part) for part in np.array_split(values, _MOST_POINTS)])


def _mean(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


def _spans_decades(curves: Sequence[_Curve]) -> bool:
    """Whether the lines are all positive and too far apart for one linear axis."""
    levels = np.concatenate([smooth(_bins(curve.values)) for curve in curves])
    levels = levels[np.isfinite(levels)]
    raw = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves])
    return bool(raw.min() > 0 and levels.max() / levels.min() > _LOG_FROM_RATIO)


def _style(axes: Axes) -> None:
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_alpha(0.4)
    axes.tick_params(length=0, pad=5, which="both")
    axes.grid(axis="y", color=_INK, alpha=0.12, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    else:  # matplotlib's own labels are powers of ten in mathematical type
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("step")


def _describe(title: str, curves: Sequence[_Curve]) -> str:
    parts = []
    for curve in curves:
        finite = np.flatnonzero(np.isfinite(curve.values))
        first, last = curve.values[finite[0]], curve.values[finite[-1]]
        change = f"{last:.4g}" if len(finite) == 1 else f"from {first:.4g} to {last:.4g}"
        if curve.baseline is not None and math.isfinite(curve.baseline[finite[-1]]):
            change += f" (best without a network {curve.baseline[finite[-1]]:.4g})"
        parts.append(f"{curve.line.name} {change}")
    steps = np.concatenate([curve.steps for curve in curves])
    return f"{title}, steps {steps.min():,.0f} to {steps.max():,.0f}: {'; '.join(parts)}."


def _inline(document: str) -> str:
    """Turn matplotlib's SVG document into an element for HTML: no namespaces, no styles, the page's ink and font."""
    root = ElementTree.fromstring(document)
    wanted = set(re.findall(r"""(?:url\(#|href="#)([\w.-]+)""", document))
    for parent in list(root.iter()):
        parent.tag = parent.tag.rpartition("}")[2]
        for child in list(parent):
            if child.tag.endswith("}style"):
                parent.remove(child)
        for name, value in list(parent.attrib.items()):
            del parent.attrib[name]
            if name == "id" and value not in wanted:
                continue
            value = re.sub(r"font-family: [^;]*;?", "", value).replace(_INK, "currentColor")
            parent.set(name.rpartition("}")[2], value)
        if parent.tag == "text":
            parent.set("fill", "currentColor")
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("aria-hidden", "true")
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
