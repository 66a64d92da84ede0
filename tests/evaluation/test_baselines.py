"""What needs no network is fitted to training images, always the same, and kept."""

import numpy as np
import pytest
import torch

from i2i.evaluation.baselines import (
    BASELINES_FILE,
    MOST_IMAGES,
    fit_baselines,
    read_baselines,
    write_baselines,
)
from i2i.plugins.directions import Direction
from i2i.tensors.pixels import to_uint8

A_TO_B, B_TO_A = Direction.A_TO_B, Direction.B_TO_A


class Pictures:
    """Training images: B is what ``recolour`` makes of A; with pairs, item by item."""

    def __init__(self, recolour, count=3, *, paired=True, channels=3, size=(20, 24)):
        self.recolour, self.count, self.paired, self.channels, self.size = recolour, count, paired, channels, size
        self.read = []

    def __len__(self):
        return self.count

    def image(self, index):
        random = torch.Generator().manual_seed(index)
        return torch.randint(0, 256, (self.channels, *self.size), generator=random).float() / 127.5 - 1

    def __getitem__(self, key):
        _, index = key
        self.read.append(index)
        sample = {"A": self.image(index), "B": self.recolour(self.image(index))}
        if self.paired:
            return {**sample, "A_has_partner": True}
        return {**sample, "B": self.recolour(self.image(self.count - 1 - index))}


def swapped(image):
    """Red and blue change places, and green is the product of both."""
    return torch.stack([image[2], image[0] * image[2], image[0]])


def levels(images):
    return to_uint8(images).long()


def test_of_pairs_the_colour_fit_finds_a_map_of_products():
    fitted = fit_baselines(Pictures(swapped), [A_TO_B])[A_TO_B]
    new = Pictures(swapped).image(99)
    guess = fitted.of(new[None])["colour_fit_"][0]
    assert (levels(guess) - levels(swapped(new))).abs().max() <= 1


def test_the_constant_is_the_median_of_the_target():
    dataset = Pictures(lambda image: image[:1] * 0.5 + 0.25)
    fitted = fit_baselines(dataset, [A_TO_B, B_TO_A])
    targets = torch.cat([levels(dataset[0, index]["B"]).flatten() for index in range(3)])
    (constant,) = fitted[A_TO_B].constant
    assert constant == targets.median().item()
    made = fitted[A_TO_B].of(torch.zeros(2, 3, 4, 5))["constant_"]
    assert made.shape == (2, 1, 4, 5)
    assert set(levels(made).flatten().tolist()) == {int(constant)}
    assert len(fitted[B_TO_A].constant) == 3


def test_without_pairs_histograms_are_transferred():
    darker = Pictures(lambda image: image * 0.25 - 0.5, count=6, paired=False)
    fitted = fit_baselines(darker, [A_TO_B, B_TO_A])
    new = darker.image(99)
    there = fitted[A_TO_B].of(new[None])["colour_fit_"][0]
    assert (levels(there) - levels(new * 0.25 - 0.5)).abs().max() <= 4
    back = fitted[B_TO_A].of((new * 0.25 - 0.5)[None])["colour_fit_"][0]
    assert (levels(back) - levels(new)).abs().double().mean() < 6


def test_without_pairs_grey_takes_the_tones_of_the_target():
    dataset = Pictures(lambda image: image.mean(dim=0, keepdim=True), paired=False)
    fitted = fit_baselines(dataset, [A_TO_B, B_TO_A])
    assert fitted[A_TO_B].of(torch.zeros(1, 3, 4, 5))["colour_fit_"].shape == (1, 1, 4, 5)
    assert fitted[B_TO_A].of(torch.zeros(1, 1, 4, 5))["colour_fit_"].shape == (1, 3, 4, 5)


def test_colours_that_never_vary_are_no_trouble():
    grey = Pictures(lambda image: image[:1].expand(3, -1, -1))
    dataset = Pictures(lambda image: torch.full_like(image, 0.2))
    dataset.image = lambda index: grey.image(index)[:1].expand(3, -1, -1)
    guess = fit_baselines(dataset, [A_TO_B])[A_TO_B].of(dataset.image(9)[None])["colour_fit_"]
    assert torch.allclose(guess, torch.tensor(0.2), atol=0.01)


def test_many_channels_are_fitted_without_products():
    dataset = Pictures(lambda image: image[10:11] * 0.5, channels=12)
    fitted = fit_baselines(dataset, [A_TO_B])[A_TO_B]
    assert len(fitted.numbers) == 13
    new = dataset.image(99)
    assert (levels(fitted.of(new[None])["colour_fit_"][0]) - levels(new[10:11] * 0.5)).abs().max() <= 1


def test_a_bounded_number_of_images_is_looked_at_evenly_spaced_and_always_the_same():
    dataset = Pictures(swapped, count=1000, size=(2, 2))
    first = fit_baselines(dataset, [A_TO_B])
    assert len(dataset.read) == MOST_IMAGES
    assert np.diff(dataset.read).min() >= 15
    assert fit_baselines(dataset, [A_TO_B]) == first


def test_no_training_image_no_baseline():
    assert fit_baselines(Pictures(swapped, count=0), [A_TO_B]) == {}


def test_a_run_keeps_them(tmp_path):
    fitted = fit_baselines(Pictures(swapped), [A_TO_B, B_TO_A])
    write_baselines(tmp_path, fitted)
    assert read_baselines(tmp_path) == fitted


@pytest.mark.parametrize(
    "text", ["", "[]", '{"AtoB": 3}', '{"AtoB": {"constant": [1], "kind": "x", "numbers": []}}', "{"]
)
def test_what_is_damaged_is_fitted_again(tmp_path, text):
    (tmp_path / BASELINES_FILE).write_text(text)
    assert read_baselines(tmp_path) == {}
