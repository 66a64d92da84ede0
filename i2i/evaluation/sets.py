"""How far two sets of images are from each other, where no single image has a true translation.

======  ==============================================================================================================
FID     Frechet distance between two normal distributions fitted to the features (Heusel et al., NeurIPS 2017). It falls
        as sets grow, so it compares only sets of equal counts, and says little below some thousand images.
KID     squared maximum mean discrepancy under the kernel (x.y / D + 1)^3 (Binkowski et al., ICLR 2018). Unbiased:
        it may be below zero, and small sets only make it noisier. Mean and standard deviation over random subsets.
======  ==============================================================================================================

Both are computed by torchmetrics. With other features than those of Inception they are called by their mathematical
names, because their numbers do not compare with anybody's FID.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from i2i.evaluation.features import Features
from i2i.models.scores import BASELINE
from i2i.tensors.inference import own_random_numbers
from i2i.tensors.pixels import to_uint8

KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000
FEWEST = 2
"""Images of each set that a variance needs."""


class _Given(nn.Module):
    """Stands where torchmetrics expects a feature network, when features are handed over instead of images."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features = features

    def forward(self, features: Tensor) -> Tensor:
        return features


def kid_subset_size(translations: int, targets: int) -> int:
    """How many images of each set a subset has."""
    return min(KID_SUBSET_SIZE, translations, targets)


def set_distances(
    features: Tensor, targets: Tensor, *, standard: bool, seed: int, prefix: str = ""
) -> dict[str, float]:
    """The distances of two sets.

    Args:
        features: of the translations, ``[N, D]``.
        targets: of the images of the target domain, ``[M, D]``.
        standard: whether they are Inception's, so that the distances are FID and KID.
        seed: chooses KID's subsets. Global random state is left alone.
        prefix: of the names.

    Returns:
        ``fid``, ``kid`` and ``kid_std``; or ``frechet_distance``, ``kernel_distance`` and ``kernel_distance_std``.
        Without the standard deviation where each subset would be all there is.
    """
    frechet, kernel = ("fid", "kid") if standard else ("frechet_distance", "kernel_distance")
    size = kid_subset_size(len(features), len(targets))
    varies = size < max(len(features), len(targets))
    given = _Given(features.shape[1])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save all")
        kid = KernelInceptionDistance(given, subsets=KID_SUBSETS if varies else 1, subset_size=size)
    fid = FrechetInceptionDistance(given)
    for metric, kind in ((fid, torch.float64), (kid, torch.float64)):
        metric.update(targets.to(kind), real=True)
        metric.update(features.to(kind), real=False)
    with own_random_numbers(seed):
        mean, deviation = kid.compute()
    distances = {frechet: float(fid.compute()), kernel: float(mean)}
    if varies:
        distances[f"{kernel}_std"] = float(deviation)
    return {f"{prefix}{name}": value for name, value in distances.items()}


def features_of(features: Features, images: Sequence[Tensor]) -> Tensor:
    """The features ``[N, D]`` of images ``[1, C, H, W]`` in [-1, 1]; neighbours of one size are computed together."""
    groups = [torch.cat(list(group)) for _, group in groupby(images, key=lambda image: image.shape)]
    return torch.cat([features.of(to_uint8(group)) for group in groups])


class SetMetrics:
    """Distances of translations from the images of the target domain, with the same of the inputs as baseline.

    Args:
        features: what images are compared under.
        seed: chooses KID's subsets.
    """

    def __init__(self, features: Features, seed: int) -> None:
        self.features = features
        self.seed = seed
        self._translations: list[Tensor] = []
        self._inputs: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add_translations(self, translations: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        """Add translations and what they were made of, each ``[1, C, H, W]`` in [-1, 1]."""
        self._translations.append(features_of(self.features, translations))
        self._inputs.append(features_of(self.features, inputs))

    def add_targets(self, images: Sequence[Tensor]) -> None:
        """Add images of the target domain, each ``[1, C, H, W]`` in [-1, 1]."""
        self._targets.append(features_of(self.features, images))

    @property
    def translations(self) -> int:
        """How many translations there are."""
        return sum(map(len, self._translations))

    @property
    def targets(self) -> int:
        """How many images of the target domain there are."""
        return sum(map(len, self._targets))

    def compute(self) -> dict[str, float]:
        """See :func:`set_distances`; at least :data:`FEWEST` translations and targets are needed."""
        targets = torch.cat(self._targets)
        distances: dict[str, float] = {}
        for prefix, images in (("", self._translations), (BASELINE, self._inputs)):
            distances |= set_distances(
                torch.cat(images), targets, standard=self.features.standard, seed=self.seed, prefix=prefix
            )
        return distances

    def notes(self) -> list[str]:
        """What a person should know before quoting a distance."""
        notes = []
        fewest, dimensions = min(self.translations, self.targets), self._targets[0].shape[1]
        frechet = "FID" if self.features.standard else "the Frechet distance"
        if fewest <= dimensions:
            notes.append(
                f"{fewest} images cannot fill {dimensions} features: {frechet} is far above what more images would "
                "give, and only compares with the same counts; the kernel distance is without that bias"
            )
        if not self.features.standard:
            notes.append(
                f"distances under {self.features.name} do not compare with FID and KID, which stand on Inception v3"
            )
        return notes

    def protocol(self) -> dict[str, Any]:
        """How the distances were measured, as far as the seed does not tell."""
        size = kid_subset_size(self.translations, self.targets)
        return {
            "features": self.features.name,
            "features_resize": self.features.resize,
            "kid_subset_size": size,
            "kid_subsets": KID_SUBSETS if size < max(self.translations, self.targets) else 1,
        }
