"""Distances of sets: against their formulas, written down once more in float64."""

import numpy as np
import pytest
import torch

from i2i.evaluation import sets
from i2i.evaluation.features import load_features
from i2i.evaluation.sets import SetMetrics, features_of, kid_subset_size, set_distances
from i2i.tensors.pixels import to_uint8


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
    distances = set_distances(first, second, standard=True, seed=0)
    assert distances.keys() == {"fid", "kid"}, "all images at once have no standard deviation"
    assert distances["fid"] == pytest.approx(frechet(first, second), rel=1e-6)
    assert distances["kid"] == pytest.approx(kernel(first, second), rel=1e-9)


def test_equal_sets_are_near():
    assert set_distances(draw(50), draw(50), standard=True, seed=0)["fid"] == pytest.approx(0, abs=1e-5)


def test_further_sets_are_further():
    near, far = (set_distances(draw(50), draw(50, shift=shift, seed=1), standard=True, seed=0) for shift in (0.1, 1))
    assert near["fid"] < far["fid"]
    assert near["kid"] < far["kid"]


def test_sets_of_two_sizes_are_drawn_from_with_the_seed_and_no_trace():
    first, second = draw(30), draw(50, shift=1, seed=1)
    before = torch.get_rng_state()
    results = [set_distances(first, second, standard=True, seed=seed) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert results[0] == results[1]
    assert results[0]["kid"] != results[2]["kid"]
    assert results[0]["fid"] == results[2]["fid"]
    assert 0 < results[0]["kid_std"] < results[0]["kid"]
    assert results[0]["kid"] == pytest.approx(kernel(first, second), rel=0.2)


def test_large_sets_are_compared_in_subsets(monkeypatch):
    monkeypatch.setattr(sets, "KID_SUBSET_SIZE", 20)
    assert kid_subset_size(100, 50) == 20
    assert kid_subset_size(100, 5) == 5
    assert "kid_std" in set_distances(draw(40), draw(40, seed=1), standard=True, seed=0)


def test_other_features_get_other_names():
    distances = set_distances(draw(9), draw(9, seed=1), standard=False, seed=0, prefix="identity_")
    assert distances.keys() == {"identity_frechet_distance", "identity_kernel_distance"}


def pictures(count, shift=0.0, seed=0, size=16):
    random = torch.Generator().manual_seed(seed)
    return [(torch.rand(1, 3, size, size, generator=random) * 2 - 1 + shift).clamp(-1, 1) for _ in range(count)]


def test_metrics_of_sets_are_the_distances_of_their_features_however_they_were_added():
    features = load_features("thumbnail", torch.device("cpu"))
    translations, inputs, targets = pictures(4), pictures(4, 0.5, 1), pictures(5, 0.2, 2)
    metrics = SetMetrics(features, seed=3)
    metrics.add_translations(translations[:1], inputs[:1])
    metrics.add_translations(translations[1:], inputs[1:])
    metrics.add_targets(targets)
    expected = {}
    of_targets = features.of(to_uint8(torch.cat(targets)))
    for prefix, images in (("", translations), ("identity_", inputs)):
        of_images = features.of(to_uint8(torch.cat(images)))
        expected |= set_distances(of_images, of_targets, standard=False, seed=3, prefix=prefix)
    assert metrics.compute() == expected
    assert (metrics.translations, metrics.targets) == (4, 5)
    assert metrics.protocol() == {
        "features": features.name,
        "features_resize": features.resize,
        "kid_subset_size": 4,
        "kid_subsets": 100,
    }
    few, other = metrics.notes()
    assert few.startswith("4 images cannot fill 192 features: the Frechet distance")
    assert "do not compare with FID and KID" in other


def test_images_of_several_sizes_keep_their_order():
    features = load_features("thumbnail", torch.device("cpu"))
    images = [*pictures(2), *pictures(1, size=24), *pictures(2, seed=1)]
    expected = torch.cat([features.of(to_uint8(image)) for image in images])
    assert torch.equal(features_of(features, images), expected)
