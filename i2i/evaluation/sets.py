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
from i2i.models.scores import COLOUR_FIT, IDENTITY
from i2i.plugins.calls import calling
from i2i.plugins.protocols import SetMetric

FEWEST = 2
"""Images of each set that a variance needs."""


class SetMetrics:
    """Distances of translations from the images of the target domain, beside those of the inputs and their colour fit.

    One colour everywhere is no set that can be compared.

    Args:
        metrics: those of sets, at least one; all measure on one device.
        baselines: those that were fitted; none where they could not be.
    """

    def __init__(self, metrics: Sequence[ChosenMetric], baselines: Baselines | None = None) -> None:
        self.metrics, self.baselines = metrics, baselines
        self.translations, self.targets = 0, 0
        prefixes = ["", IDENTITY.prefix, *([COLOUR_FIT.prefix] if baselines else [])]
        self._of: dict[str, list[SetMetric]] = {prefix: [metric.make() for metric in metrics] for prefix in prefixes}

    def add_translations(self, translations: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        """Add translations and what they were made of, each ``[1, C, H, W]`` in [-1, 1]."""
        self.translations += len(translations)
        self._update(translations, ("",), real=False)
        self._update(inputs, (IDENTITY.prefix,), real=False)
        if self.baselines:
            fits = [self.baselines.of(image)[COLOUR_FIT.prefix] for image in inputs]
            self._update(fits, (COLOUR_FIT.prefix,), real=False)

    def add_targets(self, images: Sequence[Tensor]) -> None:
        """Add images of the target domain, each ``[1, C, H, W]`` in [-1, 1]."""
        self.targets += len(images)
        self._update(images, tuple(self._of), real=True)

    def compute(self) -> dict[str, float]:
        """The distances by name, and their standard deviations under the name and ``_std`` where they have any.

        At least :data:`FEWEST` translations and targets are needed.

        Raises:
            PluginError: a metric fails.
        """
        distances: dict[str, float] = {}
        for prefix, built in self._of.items():
            for metric, own in zip(self.metrics, built, strict=True):
                name = f"{prefix}{metric.name}"
                with calling(metric.called, f"computing {metric.name}"):
                    distances[name] = float(own.compute())
                    deviation = getattr(own, "deviation", None)
                    if deviation is not None:
                        distances[f"{name}_std"] = float(deviation)
                if not math.isfinite(distances[name]):
                    raise PluginError(f"{metric.called} gave {distances[name]}; expected a finite number")
        return distances

    def notes(self) -> list[str]:
        """What a person should know before quoting a distance."""
        return list(dict.fromkeys(str(note) for found in self._told("notes") for note in found))

    def protocol(self) -> dict[str, Any]:
        """How the distances were measured."""
        return {key: value for found in self._told("protocol") for key, value in found.items()}

    def _told(self, member: str) -> Iterator[Any]:
        for metric, own in zip(self.metrics, self._of[""], strict=True):
            if hasattr(own, member):
                with calling(metric.called, f"asking {metric.name} for its {member}"):
                    yield getattr(own, member)()

    def _update(self, images: Sequence[Tensor], prefixes: Sequence[str], *, real: bool) -> None:
        """Neighbours of one size are handed over together, to all metrics as the same tensor: they may share work."""
        for _, group in groupby(images, key=lambda image: image.shape):
            batch = as_seen(torch.cat(list(group))).to(self.metrics[0].device)
            for prefix in prefixes:
                for metric, own in zip(self.metrics, self._of[prefix], strict=True):
                    if metric.fits(batch):
                        with calling(metric.called, f"measuring {metric.name}"):
                            own.update(batch, real=real)
