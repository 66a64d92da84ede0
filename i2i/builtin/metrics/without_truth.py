"""What translations are worth where no truth is known: do they look like the target domain, and is the input in them?

==================  ==================================================================================================
name                meaning
==================  ==================================================================================================
domain_probability  mean probability that a translation is of the target domain, asked of the domain classifier
domain_distance     kernel distance (as KID) to the images of the target domain, on the features of that classifier
edge_preservation   correlation of the edges of a translation with those of its input; 1 where they are the same. After
                    the edge preservation index (Sattar et al., "Image enhancement based on a nonlinear multiscale
                    method", IEEE TIP 1997), with the length of gradients in place of a Laplacian, so that an edge may
                    change its sign and colour, at three scales
==================  ==================================================================================================

The first two are won by a smear in the target's colours, the last by doing nothing: each alone says little.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.builtin.metrics.distances import kernel_distance
from i2i.builtin.metrics.domain_classifier import DomainClassifier
from i2i.plugins.directions import Direction

SCALES = (1, 2, 4)
_HALVES = 20


class _Judged:
    """Two sets of images as a domain classifier sees them.

    Args:
        classifier: what looks.
        direction: whose target the translations should look like.
    """

    def __init__(self, classifier: DomainClassifier, direction: Direction) -> None:
        self.classifier, self.direction = classifier, direction
        self._found: dict[bool, list[tuple[Tensor, Tensor]]] = {True: [], False: []}

    def update(self, images: Tensor, real: bool) -> None:
        """Add images ``[N, C, H, W]`` in [-1, 1]."""
        self._found[real].append(self.classifier.judge(images))

    def notes(self) -> list[str]:
        """How far the classifier is to be trusted."""
        return self.classifier.notes()

    def protocol(self) -> dict[str, Any]:
        """How it was learnt."""
        return {"domain_classifier": self.classifier.protocol()}

    def _features(self, *, real: bool) -> Tensor:
        return torch.cat([features for features, _ in self._found[real]])

    def _probability(self, *, real: bool) -> float:
        of_b = float(torch.cat([probability for _, probability in self._found[real]]).double().mean())
        return of_b if self.direction.target == "B" else 1 - of_b


class DomainProbability(_Judged):
    """How much translations look like the target domain."""

    def compute(self) -> float:
        """The mean probability, 0 to 1."""
        return self._probability(real=False)

    def of_targets(self) -> float:
        """The same of the images of the target domain."""
        return self._probability(real=True)


class DomainDistance(_Judged):
    """How far translations are from the target domain.

    Args:
        classifier: see :class:`_Judged`.
        direction: likewise.
        seed: chooses subsets and halves.
    """

    def __init__(self, classifier: DomainClassifier, direction: Direction, seed: int) -> None:
        super().__init__(classifier, direction)
        self.seed = seed
        self.deviation: float | None = None

    def compute(self) -> float:
        """See :func:`~i2i.builtin.metrics.distances.kernel_distance`."""
        mean, self.deviation = kernel_distance(self._features(real=False), self._features(real=True), self.seed)
        return mean

    def of_targets(self) -> float | None:
        """The mean distance of two halves of the target domain's images, which is about 0; None for fewer than four."""
        features, random = self._features(real=True), torch.Generator().manual_seed(self.seed)
        half = len(features) // 2
        if half < 2:
            return None
        orders = [torch.randperm(len(features), generator=random) for _ in range(_HALVES)]
        found = [kernel_distance(features[each[:half]], features[each[half:]], self.seed)[0] for each in orders]
        return sum(found) / len(found)


class EdgePreservation:
    """How much of the inputs' edges the translations have."""

    def __init__(self) -> None:
        self._images: Tensor | None = None
        self._values: list[Tensor] = []

    def update(self, images: Tensor, real: bool) -> None:
        """Take translations ``[N, C, H, W]``; the target domain's images have no part."""
        if not real:
            self._images = images

    def update_inputs(self, images: Tensor) -> None:
        """Compare the translations with what they were made of, ``[N, C', H, W]``."""
        assert self._images is not None
        self._values.append(edge_correlation(self._images, images))
        self._images = None

    def compute(self) -> float:
        """The mean over images."""
        return float(torch.cat(self._values).mean())


def edge_correlation(output: Tensor, original: Tensor) -> Tensor:
    """Correlation of the lengths of the gradients of two batches of equal size, meaned over the scales.

    Where one of the two has no edge at a scale it is 0, where neither has any it is 1.

    Args:
        output: ``[N, C, H, W]``.
        original: ``[N, C', H, W]``.

    Returns:
        float64 ``[N]`` on the CPU, in [-1, 1].
    """
    found = []
    for scale in SCALES:
        if min(output.shape[2:]) // scale >= 2:
            one, other = (_edges(images.cpu().double(), scale) for images in (output, original))
            one, other = one - one.mean(dim=1, keepdim=True), other - other.mean(dim=1, keepdim=True)
            lengths = torch.stack([one.norm(dim=1), other.norm(dim=1)])
            has_any = lengths > 1e-6
            correlation = (one * other).sum(dim=1) / lengths.prod(dim=0).clamp(min=1e-12)
            both_none = (~has_any).all(dim=0).double()
            found.append(torch.where(has_any.all(dim=0), correlation, both_none))
    return torch.stack(found).mean(dim=0)


def _edges(images: Tensor, scale: int) -> Tensor:
    """The length of the gradient at each pixel, over all channels, ``[N, h * w]``."""
    images = F.avg_pool2d(images, scale) if scale > 1 else images
    down, right = images[:, :, 1:, :-1] - images[:, :, :-1, :-1], images[:, :, :-1, 1:] - images[:, :, :-1, :-1]
    return (down.square() + right.square()).sum(dim=1).sqrt().flatten(1)
