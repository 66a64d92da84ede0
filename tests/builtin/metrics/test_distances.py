"""Distances of sets: against their formulas, written down once more in float64."""

import numpy as np
import pytest
import torch

from i2i.builtin.metrics import distances
from i2i.builtin.metrics.distances import (
    FrechetDistance,
    KernelDistance,
    frechet_distance,
    kernel_distance,
    subset_size,
)
from i2i.evaluation.feature_networks import Features

CPU = torch.device("cpu")


def draw(count, dimensions=6, shift=0.0, seed=0):
    return torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed)) + shift


def frechet(first, second):
    """The formula, with the square root of the product through the symmetric root of one side."""
    first, second = first.double().numpy(), second.double().numpy()
    mean = ((first.mean(0) - second.mean(0)) ** 2).sum()
    a, b = np.cov(first.T), np.cov(second.T)
    values, vectors = np.linalg.eigh(a)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    return mean + np.trace(a + b) - 2 * np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()


def kernel(first, second):
    """The unbiased estimate over all images."""
    first, second = first.double().numpy(), second.double().numpy()

    def products(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def without_diagonal(x):
        values = products(x, x)
        return (values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))

    return without_diagonal(first) + without_diagonal(second) - 2 * products(first, second).mean()


def test_they_are_the_formulas():
    first, second = draw(40), draw(40, shift=0.4, seed=1) * 1.3
    assert frechet_distance(first, second) == pytest.approx(frechet(first, second), rel=1e-6)
    mean, deviation = kernel_distance(first, second, 0)
    assert mean == pytest.approx(kernel(first, second), rel=1e-9)
    assert deviation is None, "all images at once have no standard deviation"


def test_equal_sets_are_near():
    assert frechet_distance(draw(50), draw(50)) == pytest.approx(0, abs=1e-5)


def test_further_sets_are_further():
    near, far = (draw(50, shift=shift, seed=1) for shift in (0.1, 1))
    assert frechet_distance(draw(50), near) < frechet_distance(draw(50), far)
    assert kernel_distance(draw(50), near, 0) < kernel_distance(draw(50), far, 0)


def test_sets_of_two_sizes_are_drawn_from_with_the_seed_and_no_trace():
    first, second = draw(30), draw(50, shift=1, seed=1)
    before = torch.get_rng_state()
    results = [kernel_distance(first, second, seed) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert results[0] == results[1]
    assert results[0][0] != results[2][0]
    assert 0 < results[0][1] < results[0][0]
    assert results[0][0] == pytest.approx(kernel(first, second), rel=0.2)


def test_large_sets_are_compared_in_subsets(monkeypatch):
    monkeypatch.setattr(distances, "KID_SUBSET_SIZE", 20)
    assert subset_size(100, 50) == 20
    assert subset_size(100, 5) == 5
    assert kernel_distance(draw(40), draw(40, seed=1), 0)[1] is not None


def pictures(count, shift=0.0, seed=0, size=16):
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 3, size, size, generator=random) * 2 - 1 + shift).clamp(-1, 1)


def filled(metric, translations, targets):
    metric.update(translations, real=False)
    metric.update(targets, real=True)
    return metric


def test_they_say_how_they_measured_and_what_to_know():
    translations, targets = pictures(4), pictures(5, 0.2, 2)
    frechets = filled(FrechetDistance("thumbnail", CPU), translations, targets)
    kernels = filled(KernelDistance("thumbnail", CPU, seed=3), translations, targets)
    of = frechets.features.of_images
    assert frechets.compute() == frechet_distance(of(translations), of(targets))
    assert (kernels.compute(), kernels.deviation) == kernel_distance(of(translations), of(targets), 3)
    few, other = frechets.notes()
    assert few.startswith("4 images cannot fill 192 features: the Frechet distance")
    assert "do not compare with FID and KID" in other
    assert kernels.notes() == [other]
    assert kernels.protocol() == {
        "features": frechets.features.name,
        "features_resize": frechets.features.resize,
        "kid_subset_size": 4,
        "kid_subsets": 100,
    }


def test_the_features_of_a_batch_are_computed_once_for_all_that_measure_it(monkeypatch):
    computed, of = [], Features.of
    monkeypatch.setattr(Features, "of", lambda self, images: computed.append(len(images)) or of(self, images))
    batch = pictures(3)
    for metric in [FrechetDistance("thumbnail", CPU), KernelDistance("thumbnail", CPU)]:
        metric.update(batch, real=True)
    assert computed == [3]
