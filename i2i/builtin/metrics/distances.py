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
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from i2i.evaluation.feature_networks import shared_features
from i2i.tensors.inference import own_random_numbers

KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


class _Given(nn.Module):
    """Stands where torchmetrics expects a feature network, when features are handed over instead of images."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features = features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(features: Tensor, targets: Tensor) -> float:
    """The Frechet distance of features ``[N, D]`` and ``[M, D]``."""
    metric = FrechetInceptionDistance(_Given(features.shape[1]))
    _hand_over(metric, features, targets)
    return float(metric.compute())


def kernel_distance(features: Tensor, targets: Tensor, seed: int) -> tuple[float, float | None]:
    """The kernel distance of features ``[N, D]`` and ``[M, D]``.

    Args:
        features: of the translations.
        targets: of the images of the target domain.
        seed: chooses the subsets. Global random state is left alone.

    Returns:
        Its mean over the subsets and its standard deviation: none where each subset would be all there is.
    """
    size = subset_size(len(features), len(targets))
    varies = size < max(len(features), len(targets))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save all")
        metric = KernelInceptionDistance(
            _Given(features.shape[1]), subsets=KID_SUBSETS if varies else 1, subset_size=size
        )
    _hand_over(metric, features, targets)
    with own_random_numbers(seed):
        mean, deviation = metric.compute()
    return float(mean), float(deviation) if varies else None


def subset_size(translations: int, targets: int) -> int:
    """How many images of each set a subset has."""
    return min(KID_SUBSET_SIZE, translations, targets)


def _hand_over(metric: Any, features: Tensor, targets: Tensor) -> None:
    metric.update(targets.to(torch.float64), real=True)
    metric.update(features.to(torch.float64), real=False)


class _Distance:
    """The features of two sets of images.

    Args:
        features: what images are compared under; see :mod:`i2i.evaluation.feature_networks`.
        device: where to compute.
        trust: load a file although that can run code of whoever wrote it.
    """

    def __init__(self, features: str, device: torch.device, *, trust: bool = False) -> None:
        self.features = shared_features(features, device, trust=trust)
        self._found: dict[bool, list[Tensor]] = {True: [], False: []}

    def update(self, images: Tensor, real: bool) -> None:
        """Add images ``[N, C, H, W]`` in [-1, 1]."""
        self._found[real].append(self.features.of_images(images))

    def sets(self) -> tuple[Tensor, Tensor]:
        """The features of translations ``[N, D]`` and of target images ``[M, D]``."""
        return torch.cat(self._found[False]), torch.cat(self._found[True])

    def notes(self) -> list[str]:
        """What a person should know before quoting the distance."""
        notes = []
        if not self.features.standard:
            notes.append(
                f"distances under {self.features.name} do not compare with FID and KID, which stand on Inception v3"
            )
        return notes

    def protocol(self) -> dict[str, Any]:
        """How it was measured."""
        return {"features": self.features.name, "features_resize": self.features.resize}


class FrechetDistance(_Distance):
    """FID and its like."""

    def compute(self) -> float:
        """See :func:`frechet_distance`."""
        return frechet_distance(*self.sets())

    def notes(self) -> list[str]:
        """What a person should know before quoting the distance."""
        translations, targets = self.sets()
        fewest, dimensions = min(len(translations), len(targets)), targets.shape[1]
        notes = super().notes()
        if fewest <= dimensions:
            called = "FID" if self.features.standard else "the Frechet distance"
            notes.insert(
                0,
                f"{fewest} images cannot fill {dimensions} features: {called} is far above what more images would "
                "give, and only compares with the same counts; the kernel distance is without that bias",
            )
        return notes


class KernelDistance(_Distance):
    """KID and its like; ``deviation`` is its standard deviation, once computed."""

    def __init__(self, features: str, device: torch.device, *, trust: bool = False, seed: int = 0) -> None:
        super().__init__(features, device, trust=trust)
        self.seed = seed
        self.deviation: float | None = None

    def compute(self) -> float:
        """See :func:`kernel_distance`."""
        mean, self.deviation = kernel_distance(*self.sets(), self.seed)
        return mean

    def protocol(self) -> dict[str, Any]:
        """How it was measured, as far as the seed does not tell."""
        counts = [len(found) for found in self.sets()]
        size = subset_size(*counts)
        return {
            **super().protocol(),
            "kid_subset_size": size,
            "kid_subsets": KID_SUBSETS if size < max(counts) else 1,
        }
