"""What a translator scores: what each metric is called, what is better, and how it is written. Imports no torch.

A number alone says little: where input and truth look alike, doing nothing scores well. So a metric may have an
identity baseline, the same metric for the input in place of the output, under its name with :data:`BASELINE` before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Metrics = Mapping[str, Mapping[str, float]]
"""Metrics by direction and name."""

BASELINE = "identity_"


@dataclass(frozen=True)
class Metric:
    """How a metric is written and read.

    Attributes:
        name: what a person calls it.
        better: the sign of an improvement.
        digits: after the decimal point.
        meaning: in a few words.
        unit: behind each number; empty where it has none.
        scale: of a metric without a unit, the range of its values, where the name does not tell.
        unbounded: whether it may be infinite.
    """

    name: str
    better: int
    digits: int
    meaning: str = ""
    unit: str = ""
    scale: str = ""
    unbounded: bool = False

    @property
    def heading(self) -> str:
        """The name with what its numbers are in, such as ``"PSNR, dB"``."""
        return ", ".join(part for part in (self.name, self.unit or self.scale) if part)

    @property
    def direction(self) -> str:
        """Which values are better: ``"higher"`` or ``"lower"``."""
        return "higher" if self.better > 0 else "lower"

    def number(self, value: float) -> str:
        """A value without its unit, such as ``"17.25"``, or ``"inf"``."""
        return f"{value:.{self.digits}f}"

    def text(self, value: float) -> str:
        """A value with its unit, such as ``"17.25 dB"``."""
        return f"{self.number(value)} {self.unit}".rstrip()


METRICS = {
    "l1": Metric("L1", -1, 2, "mean absolute difference", scale="0 to 255"),
    "psnr": Metric("PSNR", +1, 2, "peak signal-to-noise ratio", unit="dB", unbounded=True),
    "ssim": Metric("SSIM", +1, 4, "structural similarity, up to 1"),
    "cycle_l1": Metric("Cycle L1", -1, 2, "input against input and back", scale="0 to 255"),
    "fid": Metric("FID", -1, 2),
    "kid": Metric("KID", -1, 5),
    "frechet_distance": Metric("Frechet distance", -1, 4),
    "kernel_distance": Metric("kernel distance", -1, 5),
}
"""Every metric by the name under which it is stored, in the order in which they are shown."""

AGAINST_TRUTH = ("l1", "psnr", "ssim")
"""Those that compare a translation with its true one; see :class:`~i2i.evaluation.pairs.PairMetrics`."""


def score_of(metrics: Metrics) -> float | None:
    """The number that ``best`` is judged by: held-out L1 where the truth is known, else L1 of the cycle; lower wins."""
    for name in ("l1", "cycle_l1"):
        values = [values[name] for values in metrics.values() if name in values]
        if values:
            return sum(values) / len(values)
    return None


def values_to_json(values: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics by name for JSON, which has no infinity: the PSNR of equal images becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def values_from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`values_to_json`; null where no infinity can be meant is left out."""
    return {
        name: math.inf if value is None else value
        for name, value in values.items()
        if value is not None or _is_unbounded(name)
    }


def metrics_to_json(metrics: Metrics) -> dict[str, dict[str, float | None]]:
    """:func:`values_to_json` of each direction."""
    return {direction: values_to_json(values) for direction, values in metrics.items()}


def metrics_from_json(metrics: Mapping[str, Mapping[str, float | None]]) -> Metrics:
    """The inverse of :func:`metrics_to_json`."""
    return {direction: values_from_json(values) for direction, values in metrics.items()}


def _is_unbounded(name: str) -> bool:
    metric = METRICS.get(name.removeprefix(BASELINE))
    return metric is not None and metric.unbounded
