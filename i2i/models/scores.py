"""What a translator scores: what each metric is called, what is better, and how it is written. Imports no torch.

A number alone says little: where input and truth look alike, doing nothing scores well. So beside a metric stand its
:data:`BASELINES`, the same metric of what needs no network in place of the output, each under its name with a prefix.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from i2i.config.sections import AUTO, CYCLE, USUAL_METRICS
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import MetricSpec

Metrics = Mapping[str, Mapping[str, float]]
"""Metrics by direction and name."""


@dataclass(frozen=True)
class Baseline:
    """Something that needs no network, and what it scores beside one that does.

    Attributes:
        prefix: before the name of a metric.
        name: in a word or two.
        heading: of a column of its numbers.
        deed: what it does, after "better than".
    """

    prefix: str
    name: str
    heading: str
    deed: str


IDENTITY = Baseline("identity_", "identity", "input unchanged", "leaving the input unchanged")
CONSTANT = Baseline("constant_", "constant", "one colour", "one colour everywhere")
COLOUR_FIT = Baseline("colour_fit_", "colour fit", "colour fit", "fitting the colours alone")
BASELINES = (IDENTITY, CONSTANT, COLOUR_FIT)
"""Both of the last are fitted to training images; see :mod:`i2i.evaluation.baselines`."""
TARGET = Baseline("target_", "target's own images", "target images", "being one of the target domain's own images")
"""No baseline but a goal: what the held-out images of the target domain score, where a metric of sets tells it."""


INTERVAL = ("_low", "_high")
"""After the name of a metric: the ends of the 95 % interval of its mean."""
_BLIND_FROM = 0.5
_LEAST_DISTANCE = 0.1
"""Domain distances of small sets of one kind spread about that far."""


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
    """

    name: str
    better: int
    digits: int
    meaning: str = ""
    unit: str = ""
    scale: str = ""

    @classmethod
    def of(cls, spec: MetricSpec) -> Metric:
        """How a spec wants its metric written and read."""
        sign = +1 if spec.better == "higher" else -1
        return cls(spec.title or spec.name, sign, spec.digits, spec.summary, unit=spec.unit, scale=spec.scale)

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


STANDARD_SETS = ("fid", "kid")
"""Those of sets under the features that everybody uses."""
OTHER_SETS = ("frechet_distance", "kernel_distance")
"""The same under other features."""

WITHOUT_TRUTH = ("domain_probability", "domain_distance", "edge_preservation")
"""Those that say together what translations are worth without a truth; the first two learn from training images."""

BUILTIN_SETS = (*STANDARD_SETS, *OTHER_SETS, *WITHOUT_TRUTH)

_BOUNDED = frozenset({"l1", "ssim", CYCLE, *BUILTIN_SETS, "images"})
"""What can never be infinite. Of others JSON does not tell, so that null is taken for the infinity it was."""


def table_of(manager: PluginManager) -> dict[str, Metric]:
    """Every metric by the name under which it is stored, in the order in which they are shown."""
    specs = [component.spec for component in manager.components("metric")]
    found = {spec.name: spec for spec in specs if isinstance(spec, MetricSpec)}
    pairs = [name for name, spec in found.items() if spec.family == "pairs" and name not in USUAL_METRICS]
    sets = [name for name, spec in found.items() if spec.family == "sets" and name not in BUILTIN_SETS]
    table = {name: Metric.of(found[name]) for name in (*USUAL_METRICS, *pairs)}
    table[CYCLE] = Metric("Cycle L1", -1, 2, "input against input and back", scale="0 to 255")
    return table | {name: Metric.of(found[name]) for name in (*BUILTIN_SETS, *sets)}


def score_of(metrics: Metrics, best: str | None, table: Mapping[str, Metric]) -> float | None:
    """The number that ``best`` is judged by; lower wins.

    Args:
        metrics: held-out metrics by direction.
        best: the metric that counts, its mean over the directions; ``"auto"``: L1 where the truth is known, else
            :func:`score_without_truth`, and where that was not measured, as without: L1, else that of the cycle.
        table: which values are better; see :func:`table_of`.

    Returns:
        The mean, negative where higher is better; ``None`` where it was not measured.
    """
    if best == AUTO and not any("l1" in values for values in metrics.values()):
        scores = [score for values in metrics.values() if (score := score_without_truth(values)) is not None]
        if scores and len(scores) == len(metrics):
            return sum(scores) / len(scores)
    for name in ("l1", CYCLE) if best in (None, AUTO) else (best,):
        values = [values[name] for values in metrics.values() if name in values]
        if values:
            mean = -table[name].better * sum(values) / len(values)
            return min(max(mean, -sys.float_info.max), sys.float_info.max)  # JSON has no infinity
    return None


def score_without_truth(values: Mapping[str, float]) -> float | None:
    """What translations of one direction are worth where no truth is known; lower is better.

    ``d / d0 + (1 - e)``: the share of the way to the target domain that is left (the domain distance of the
    translations over that of the inputs), and the share of the input's edges that is lost. Doing nothing scores 1 by
    the first, a perfect image of the target domain that has nothing of the input 1 by the second; what is below 1 has
    gained more than it has lost. The distance counts, not the domain probability, which a smear satisfies as well as
    the truth; and no cycle, which a generator satisfies that hides its input (Chu et al. 2017).

    Returns:
        The score; ``None`` where it was not measured, or the inputs are no farther from the target domain than chance.
    """
    distance, edges = values.get("domain_distance"), values.get("edge_preservation")
    start = values.get(f"{IDENTITY.prefix}domain_distance")
    if distance is None or edges is None or start is None or start < _LEAST_DISTANCE:
        return None
    return max(distance, 0.0) / start + 1 - edges


def best_baseline(values: Mapping[str, float], name: str, metric: Metric) -> tuple[Baseline, float] | None:
    """The baseline that scores best by a metric, and what it scores; ``None`` where none was measured."""
    found = [(each, values[f"{each.prefix}{name}"]) for each in BASELINES if f"{each.prefix}{name}" in values]
    return max(found, key=lambda each: metric.better * each[1], default=None)


def interval_of(values: Mapping[str, float], name: str) -> tuple[float, float] | None:
    """Where the mean of a metric lies with 95 % confidence; ``None`` where that was not measured."""
    low, high = (values.get(f"{name}{end}") for end in INTERVAL)
    return None if low is None or high is None else (low, high)


def blindness(values: Mapping[str, float]) -> str | None:
    """What to say where SSIM hardly tells the images from one colour; ``None`` where it does."""
    grey = values.get(f"{CONSTANT.prefix}ssim", 0.0)
    if grey < _BLIND_FROM and grey < values.get("ssim", 1.0):
        return None
    return (
        f"SSIM says little here: one colour everywhere scores {grey:.4f} (it sees structure, hardly colour, and flat "
        "areas please it); judge by L1 and by the pictures"
    )


def measured_baselines(values: Mapping[str, float], table: Mapping[str, Metric]) -> list[Baseline]:
    """Those that were measured by at least one metric, and the goal likewise; the input's has its column always."""
    every = (*BASELINES, TARGET)
    return [each for each in every if each is IDENTITY or any(f"{each.prefix}{name}" in values for name in table)]


def without_prefix(name: str) -> str:
    """The metric of a name, which may be that of a baseline."""
    for each in (*BASELINES, TARGET):
        name = name.removeprefix(each.prefix)
    return name


def values_to_json(values: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics by name for JSON, which has no infinity: the PSNR of equal images becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def values_from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`values_to_json`; null where no infinity can be meant is left out."""
    return {
        name: math.inf if value is None else value
        for name, value in values.items()
        if value is not None or without_prefix(name) not in _BOUNDED
    }


def metrics_to_json(metrics: Metrics) -> dict[str, dict[str, float | None]]:
    """:func:`values_to_json` of each direction."""
    return {direction: values_to_json(values) for direction, values in metrics.items()}


def metrics_from_json(metrics: Mapping[str, Mapping[str, float | None]]) -> Metrics:
    """The inverse of :func:`metrics_to_json`."""
    return {direction: values_from_json(values) for direction, values in metrics.items()}
