"""How far the set of all translations is from the set of the target domain's images, for metrics of sets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from i2i.errors import PluginError
from i2i.evaluation.baselines import Baselines
from i2i.evaluation.chosen_metrics import ChosenMetric, as_seen
from i2i.models.scores import COLOUR_FIT, IDENTITY, TARGET
from i2i.plugins.calls import calling
from i2i.plugins.directions import Direction

FEWEST = 2
"""Images of each set that a variance needs."""


class SetMetrics:
    """Distances of translations from the images of the target domain, beside those of the inputs and their colour fit.

    One colour everywhere is no set that can be compared.

    Args:
        metrics: those of sets, at least one; all measure on one device.
        baselines: those that were fitted; none where they could not be.
        direction: whose translations these are.
    """

    def __init__(
        self,
        metrics: Sequence[ChosenMetric],
        baselines: Baselines | None = None,
        direction: Direction = Direction.A_TO_B,
    ) -> None:
        self.metrics, self.baselines = metrics, baselines
        self.translations, self.targets = 0, 0
        prefixes = ["", IDENTITY.prefix, *([COLOUR_FIT.prefix] if baselines else [])]
        self._of: dict[str, list[tuple[ChosenMetric, Any]]] = {
            prefix: [(metric, metric.make(direction)) for metric in metrics] for prefix in prefixes
        }
        for prefix in prefixes[1:]:  # the input has all of itself
            self._of[prefix] = [each for each in self._of[prefix] if not hasattr(each[1], "update_inputs")]

    def add_translations(self, translations: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        """Add translations and what they were made of, each ``[1, C, H, W]`` in [-1, 1]."""
        self.translations += len(translations)
        self._update(translations, ("",), inputs)
        self._update(inputs, (IDENTITY.prefix,), inputs)
        if self.baselines:
            fits = [self.baselines.of(image)[COLOUR_FIT.prefix] for image in inputs]
            self._update(fits, (COLOUR_FIT.prefix,), inputs)

    def add_targets(self, images: Sequence[Tensor]) -> None:
        """Add images of the target domain, each ``[1, C, H, W]`` in [-1, 1]."""
        self.targets += len(images)
        self._update(images, tuple(self._of))

    def compute(self) -> dict[str, float]:
        """The distances by name, and their standard deviations under the name and ``_std`` where they have any.

        What the images of the target domain themselves score has the prefix of
        :data:`~i2i.models.scores.TARGET`, for metrics that tell it.

        At least :data:`FEWEST` translations and targets are needed.

        Raises:
            PluginError: a metric fails.
        """
        distances: dict[str, float] = {}
        for prefix, built in self._of.items():
            for metric, own in built:
                name = f"{prefix}{metric.name}"
                with calling(metric.called, f"computing {metric.name}"):
                    distances[name] = float(own.compute())
                    deviation = getattr(own, "deviation", None)
                    if deviation is not None:
                        distances[f"{name}_std"] = float(deviation)
                _require_finite(metric, distances[name])
        for metric, own in self._of[""]:
            with calling(metric.called, f"computing {metric.name} of the target domain"):
                value = own.of_targets() if hasattr(own, "of_targets") else None
            if value is not None:
                _require_finite(metric, float(value))
                distances[f"{TARGET.prefix}{metric.name}"] = float(value)
        return distances

    def notes(self) -> list[str]:
        """What a person should know before quoting a distance."""
        return list(dict.fromkeys(str(note) for found in self._told("notes") for note in found))

    def protocol(self) -> dict[str, Any]:
        """How the distances were measured."""
        return {key: value for found in self._told("protocol") for key, value in found.items()}

    def _told(self, member: str) -> Iterator[Any]:
        for metric, own in self._of[""]:
            if hasattr(own, member):
                with calling(metric.called, f"asking {metric.name} for its {member}"):
                    yield getattr(own, member)()

    def _update(
        self, images: Sequence[Tensor], prefixes: Sequence[str], inputs: Sequence[Tensor] | None = None
    ) -> None:
        """Neighbours of one size are handed over together, to all metrics as the same tensor: they may share work.

        Those without ``inputs`` are of the target domain.
        """
        beside: Sequence[Tensor | None] = [None] * len(images) if inputs is None else inputs
        both = zip(images, beside, strict=True)
        for _, group in groupby(both, key=lambda pair: (pair[0].shape, None if pair[1] is None else pair[1].shape)):
            found = list(group)
            batch = self._as_seen([image for image, _ in found])
            made_of = [image for _, image in found if image is not None]
            originals = self._as_seen(made_of) if made_of else None
            for prefix in prefixes:
                for metric, own in self._of[prefix]:
                    if metric.fits(batch):
                        with calling(metric.called, f"measuring {metric.name}"):
                            own.update(batch, real=originals is None)
                            if originals is not None and hasattr(own, "update_inputs"):
                                own.update_inputs(originals)

    def _as_seen(self, images: Sequence[Tensor]) -> Tensor:
        return as_seen(torch.cat(list(images))).to(self.metrics[0].device)


def _require_finite(metric: ChosenMetric, value: float) -> None:
    if not math.isfinite(value):
        raise PluginError(f"{metric.called} gave {value}; expected a finite number")
