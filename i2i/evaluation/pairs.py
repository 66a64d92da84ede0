"""How far translations are from the truth, beside how far what needs no network is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from i2i.errors import DataError
from i2i.evaluation.baselines import Baselines
from i2i.evaluation.chosen_metrics import ChosenMetric, as_seen
from i2i.evaluation.per_image import PerImage, interval
from i2i.models.scores import BASELINES, IDENTITY, INTERVAL


class PairMetrics:
    """Metrics of outputs against the truth, averaged over images, with their baselines.

    Protocol: output, truth and input are first rounded to 8 bits, as a person would see them. Each metric is computed
    per image, then averaged with equal weight per image, so the batch size changes nothing. Its values stand under its
    name, those of the input in place of the output under ``identity_`` and its name, those of what was fitted under
    ``constant_`` and ``colour_fit_``, and ``images`` is how many were compared. The 95 % interval of a mean stands
    under its name with ``_low`` and ``_high``; see :func:`~i2i.evaluation.per_image.interval`.

    Left out rather than invented: the ``identity_*`` values, once an input had another number of channels than its
    truth; a metric that nobody asked for by name, once an image was smaller than it can measure.

    Args:
        metrics: those of pairs.
        baselines: those that were fitted; none where they could not be.
    """

    def __init__(self, metrics: Sequence[ChosenMetric], baselines: Baselines | None = None) -> None:
        self.metrics, self.baselines = metrics, baselines
        self._values: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._images = 0
        self._names: list[str] = []

    def update(
        self,
        output: Tensor,
        truth: Tensor,
        input: Tensor,  # noqa: A002 - the domain's word
        names: Sequence[str] | None = None,
    ) -> None:
        """Add a batch.

        Args:
            output: the translations, ``[N, C, H, W]`` in [-1, 1].
            truth: the true translations, of the same shape.
            input: what was translated, ``[N, C', H, W]`` in [-1, 1].
            names: of the images; their places if not given.

        Raises:
            DataError: the shapes do not belong together.
            DivergedError: a value is NaN or infinite.
            ConfigError: the images are too small for a metric that somebody asked for.
            PluginError: a metric fails.
        """
        if output.ndim != 4 or output.shape != truth.shape:
            raise DataError(
                f"cannot compare an output of shape {tuple(output.shape)} with a truth of shape {tuple(truth.shape)}: "
                "expected two equal shapes [N, C, H, W]; check that the generator keeps the size of its input"
            )
        if input.ndim != 4 or input.shape[0] != truth.shape[0] or input.shape[2:] != truth.shape[2:]:
            raise DataError(
                f"cannot compare an input of shape {tuple(input.shape)} with a truth of shape {tuple(truth.shape)}: "
                "expected the same number of images of the same height and width"
            )
        count = truth.shape[0]
        self._names += [str(self._images + place) for place in range(count)] if names is None else names
        self._images += count
        true_pixels = as_seen(truth)
        self._add("", as_seen(output), true_pixels)
        if input.shape[1] == truth.shape[1]:
            self._add(IDENTITY.prefix, as_seen(input), true_pixels)
        for prefix, images in (self.baselines.of(input) if self.baselines else {}).items():
            self._add(prefix, as_seen(images), true_pixels)

    def compute(self) -> dict[str, float]:
        """Return the averages over all images so far; only ``{"images": 0}`` when there were none."""
        averages = {}
        for name, values in self._whole().items():
            averages[name] = values.mean().item()
            if not name.startswith(tuple(each.prefix for each in BASELINES)) and (ends := interval(values.tolist())):
                averages |= {f"{name}{suffix}": end for suffix, end in zip(INTERVAL, ends, strict=True)}
        return {**averages, "images": self._images}

    def per_image(self) -> PerImage:
        """The values of each image, of all that :meth:`compute` averages."""
        return PerImage(tuple(self._names), {name: values.tolist() for name, values in self._whole().items()})

    def _whole(self) -> dict[str, Tensor]:
        """The values by name, ``[images]``; a metric that some image could not have is left out."""
        found = {name: torch.cat(batches) for name, batches in self._values.items()}
        return {name: values for name, values in found.items() if values.numel() == self._images}

    def _add(self, prefix: str, images: Tensor, truth: Tensor) -> None:
        if not images.shape[0]:
            return
        for metric in self.metrics:
            if metric.fits(truth):
                self._values[prefix + metric.name].append(metric.measure(images, truth))
