"""The picture of a report: how many times faster than PyTorch eager each candidate is, eager being the line at 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from i2i.benchmarking.report import circumstances
from i2i.errors import ConfigError

OURS = {"fused": "#1f5fa8", "fused avx2": "#17808a", "fused portable": "#7cbcc1", "fused bf16": "#7fb0e0"}
THEIRS = {
    "channels_last": "#8c8c8c",
    "torch.compile": "#d08a2e",
    "ONNX Runtime": "#2f9268",
    "OpenVINO": "#9467c9",
    "bf16 autocast": "#c9c9c9",
    "eager bf16": "#c9c9c9",
    "OpenVINO bf16": "#cdb8e6",
}
COLOURS = {**OURS, **THEIRS}
OTHER = "#a8a8a8"
LEGEND = {
    "fused": "i2i fused",
    "fused avx2": "i2i fused, AVX2 kernels",
    "fused portable": "i2i fused, portable kernels",
    "fused bf16": "i2i fused, bf16",
    "bf16 autocast": "eager, bf16 autocast",
    "channels_last": "eager, channels_last",
}
WIDTH = 9.0
"""Inches; with :data:`DOTS_PER_INCH` about twice as many pixels as a README is wide."""
DOTS_PER_INCH = 180
BAR, GAP = 0.2, 0.24
"""Inches that a bar takes, and that lie between two cases."""


def has_something_to_draw(report: Mapping[str, Any]) -> bool:
    """Whether a report, as ``BenchReport.to_dict`` gives it, holds times of more than the baseline."""
    return bool(_shown(report))


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw a report as a PNG on a light background.

    Each bar is a ratio of medians; its whisker joins the quartiles of the ratios round by round.

    Args:
        report: as ``BenchReport.to_dict`` gives it; its headline cases are drawn, or all if none is.
        path: the file.

    Raises:
        ValueError: there is nothing to draw.
        ConfigError: the file cannot be written.
    """
    cases = _shown(report)
    if not cases:
        raise ValueError("report must hold a case with times of more than the baseline; got none")
    bars = sum(len(case["results"]) - 1 for case in cases)
    height = 1.1 + BAR * bars + GAP * len(cases)
    with matplotlib.style.context(["default", {"font.size": 9.5}]):
        figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        drawn = _draw_bars(axes, cases)
        _style(axes)
        figure.legend(
            handles=[Patch(color=COLOURS.get(name, OTHER), label=LEGEND.get(name, name)) for name in drawn],
            loc="outside upper center",
            ncols=4,
            frameon=False,
        )
        figure.supxlabel(circumstances(report), fontsize=7.5, color="#666666")
        try:
            figure.savefig(path, format="png", metadata={"Software": None})
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with --plot") from error


def _shown(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cases = [case for case in report["timed"] if len(case["results"]) > 1]
    return [case for case in cases if case["headline"]] or cases


def _draw_bars(axes: Axes, cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Draw the cases from top to bottom and return the candidates that were drawn, in the legend's order."""
    drawn: dict[str, None] = {}
    place, ticks = 0.0, {}
    for case in cases:
        candidates = sorted(case["results"][1:], key=lambda result: _rank(result["name"]))
        top = place
        for result in candidates:
            name, ratio = result["name"], result["speedup"]
            drawn[name] = None
            whisker = [[max(ratio - result["ratio"]["lower"], 0.0)], [max(result["ratio"]["upper"] - ratio, 0.0)]]
            axes.barh(
                place,
                ratio,
                height=BAR * 0.86,
                color=COLOURS.get(name, OTHER),
                xerr=whisker,
                error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
            )
            axes.annotate(
                f"{ratio:.2f}",
                (max(ratio, result["ratio"]["upper"]), place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},  # the line at 1 may pass behind it
                fontweight="bold" if name in OURS else "normal",
            )
            place += BAR
        ticks[(top + place - BAR) / 2] = case["title"].replace(", ", "\n")
        place += GAP
    axes.set_yticks(list(ticks), labels=list(ticks.values()))
    axes.set_ylim(place - GAP + BAR * 0.5, -BAR)
    return sorted(drawn, key=_rank)


def _rank(name: str) -> int:
    return list(COLOURS).index(name) if name in COLOURS else len(COLOURS)


def _style(axes: Axes) -> None:
    axes.axvline(1.0, color="#222222", linewidth=1.1, linestyle=(0, (4, 3)))
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel("times as fast as PyTorch eager in fp32 (dashed line)")
    axes.grid(axis="x", color="#000000", alpha=0.1, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
