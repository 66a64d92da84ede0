"""How far two sets of images are from each other, where no single image has a true translation.

======  ==============================================================================================================
FID     Frechet distance between two normal distributions fitted to the features (Heusel et al., NeurIPS 2017). It falls
        as sets grow, so it compares only sets of equal counts, and says little below some thousand images.
KID     squared maximum mean discrepancy under the kernel (x.y / D + 1)^3 (Binkowski et al., ICLR 2018). Without bias:
        it may be below zero, and small sets only make it noisier. Mean and standard deviation over random subsets.
======  ==============================================================================================================

Both are computed by torchmetrics. With other features than those of Inception they are called by their mathematical
names, because their numbers do not compare with anybody's FID.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from i2i.tensors.inference import own_random_numbers

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
