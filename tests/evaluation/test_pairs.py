import math

import numpy as np
import pytest
import torch

from i2i.errors import DataError

from ..helpers.metrics import pair_metrics


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def eight_bits(tensor):
    """The pixels on the 0..255 scale, by NumPy."""
    return np.rint((tensor.double().numpy() + 1) * 127.5)


def gaussian_ssim(first, second):
    """Structural similarity of two [C, H, W] images on a 0..1 scale, window by window, as Wang et al. write it."""
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2
    values = []
    for x, y in zip(first, second, strict=True):
        x, y = (np.pad(channel, 5, mode="reflect") for channel in (x, y))
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                a, b = (channel[top : top + 11, left : left + 11] for channel in (x, y))
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                variance_a, variance_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
                covariance = (window * a * b).sum() - mean_a * mean_b
                luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
                structure = (2 * covariance + 0.03**2) / (variance_a + variance_b + 0.03**2)
                values.append(luminance * structure)
    return float(np.mean(values))


def measure(*batches):
    metrics = pair_metrics()
    for batch in batches:
        metrics.update(*batch)
    return metrics.compute()


def test_values_are_those_of_the_formulas():
    truth = images(3, 3, 13, 16)
    output = (truth + 0.2 * images(3, 3, 13, 16, seed=1)).clamp(-1, 1)
    inputs = images(3, 3, 13, 16, seed=2)

    result = measure((output, truth, inputs))

    for prefix, compared in (("", output), ("identity_", inputs)):
        seen, true = eight_bits(compared), eight_bits(truth)
        assert result[prefix + "l1"] == pytest.approx(np.abs(seen - true).mean(), rel=1e-6)
        errors = ((seen - true) ** 2).mean(axis=(1, 2, 3))
        assert result[prefix + "psnr"] == pytest.approx(np.mean(10 * np.log10(255**2 / errors)), rel=1e-5)
        ssim = [gaussian_ssim(a, b) for a, b in zip(seen / 255, true / 255, strict=True)]
        assert result[prefix + "ssim"] == pytest.approx(np.mean(ssim), rel=1e-4)
    assert result["images"] == 3


def test_a_known_difference_in_known_units():
    truth = torch.full((1, 3, 16, 16), 100 / 127.5 - 1)
    output = torch.full((1, 3, 16, 16), 110 / 127.5 - 1)
    result = measure((output, truth, truth))
    assert result["l1"] == pytest.approx(10)
    assert result["psnr"] == pytest.approx(20 * math.log10(255 / 10))
    assert (result["identity_l1"], result["identity_psnr"]) == (0, math.inf)
    assert result["identity_ssim"] == pytest.approx(1)


def test_the_split_into_batches_changes_nothing():
    batch = [images(5, 3, 16, 16, seed=seed) for seed in range(3)]
    together = measure(batch)
    apart = measure([part[:1] for part in batch], [part[1:4] for part in batch], [part[4:] for part in batch])
    assert together == pytest.approx(apart)


def test_another_number_of_channels_has_no_identity_baseline():
    result = measure((images(2, 3, 16, 16), images(2, 3, 16, 16, seed=1), images(2, 1, 16, 16)))
    assert set(result) == {"l1", "psnr", "ssim", "images"}


def test_images_smaller_than_the_window_have_no_ssim():
    large = [images(2, 3, 11, 11, seed=seed) for seed in range(3)]
    small = [images(2, 3, 11, 10, seed=seed) for seed in range(3)]
    assert "ssim" in measure(large)
    mixed = measure(large, small)
    assert set(mixed) == {"l1", "psnr", "identity_l1", "identity_psnr", "images"}
    assert mixed["images"] == 4


def test_a_mean_of_five_images_has_an_interval():
    batch = [images(5, 3, 8, 8, seed=seed) for seed in range(3)]
    result = measure(batch)
    assert result["l1_low"] < result["l1"] < result["l1_high"]
    assert not {"identity_l1_low", "ssim_low"} & result.keys()


def test_nothing_to_measure():
    assert measure() == {"images": 0}
    empty = torch.empty(0, 3, 16, 16)
    assert measure((empty, empty, empty)) == {"images": 0}


def test_shapes_that_do_not_belong_together_are_named():
    with pytest.raises(DataError, match=r"output of shape \(1, 3, 16, 15\)"):
        measure((images(1, 3, 16, 15), images(1, 3, 16, 16), images(1, 3, 16, 16)))
    with pytest.raises(DataError, match=r"input of shape \(1, 3, 8, 8\)"):
        measure((images(1, 3, 16, 16), images(1, 3, 16, 16), images(1, 3, 8, 8)))
