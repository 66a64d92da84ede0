"""The losses against hand-written formulas, and the gradient penalty against cases solved by hand."""

from __future__ import annotations

import pytest
import torch

import i2i
from i2i.errors import ConfigError

pytestmark = pytest.mark.usefixtures("one_thread")


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def images(count=3, size=4, seed=0):
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(count, 2, size, size, generator=random, dtype=torch.float64) for _ in range(2)]


@pytest.mark.parametrize(
    ("name", "options", "formula"),
    [
        ("l1", {}, abs),
        ("l2", {}, lambda e: e * e),
        ("huber", {"delta": 0.5}, lambda e: e * e / 2 if abs(e) <= 0.5 else 0.5 * (abs(e) - 0.25)),
        ("huber", {}, lambda e: e * e / 2 if abs(e) <= 0.1 else 0.1 * (abs(e) - 0.05)),
    ],
)
def test_pixel_losses_equal_their_formula(name, options, formula):
    image, target = images()
    loss = i2i.create("loss", name, **options)

    expected = mean(formula(error) for error in (image - target).flatten().tolist())
    assert loss(image, target).item() == pytest.approx(expected, rel=1e-9)
    assert loss(target, target).item() == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lsgan", {"real_label": 2}),
        ("gan", {"fake_label": -1}),
        ("wgan-gp", {"penalty_weight": -1}),
        ("huber", {"delta": 0}),
    ],
)
def test_options_out_of_bounds_are_refused(name, options):
    (option,) = options
    with pytest.raises(ConfigError, match=rf"{name}.{option}: got {options[option]}"):
        i2i.create("loss", name, **options)
