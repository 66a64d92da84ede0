"""The pyramid loss against a plain transcript of its authors' recipe, and what it is for."""

from __future__ import annotations

import pytest
import torch

import i2i
from i2i.errors import ConfigError

pytestmark = pytest.mark.usefixtures("one_thread")


def noise(seed, height=49, width=70):
    random = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, height, width, generator=random, dtype=torch.float64) * 2 - 1


def blurred(image):
    """Row by row, with literal weights and mirrored edges."""
    for dimension in (2, 3):
        image = image.transpose(dimension, 3)
        edges = image[..., [2, 1]], image[..., [-2, -3]]
        wide = torch.cat((edges[0], image, edges[1]), dim=3)
        size = image.shape[3]
        image = sum(part * wide[..., start : start + size] for start, part in enumerate((1, 4, 6, 4, 1))) / 16
        image = image.transpose(dimension, 3)
    return image


def transcript(image, target, weights):
    """Each image by itself: six levels, each weighted; divided by six, as the authors do."""
    pyramids = []
    for current in (image, target):
        levels = []
        for _ in weights[:-1]:
            levels.append(blurred(current))
            current = levels[-1][:, :, ::2, ::2]
        pyramids.append([*levels, current])
    terms = [(one - other).abs().mean() * weight for one, other, weight in zip(*pyramids, weights, strict=True)]
    return sum(terms) / len(terms)


def test_it_equals_a_transcript_and_so_does_its_gradient():
    weights = [0.015625, 0.03125, 0.0625, 0.125, 0.25, 1.0]
    image, target = noise(1).requires_grad_(), noise(2)
    value = i2i.create("loss", "pyramid-l1")(image, target)
    expected = transcript(image, target, weights) * 6 / sum(weights)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    (ours,), (theirs,) = (torch.autograd.grad(each, image) for each in (value, expected))
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-18)


def test_a_shift_counts_less_than_by_l1_and_another_brightness_as_much():
    picture = torch.nn.functional.interpolate(noise(3, 5, 5), scale_factor=16, mode="nearest")
    pyramid, plain = i2i.create("loss", "pyramid-l1"), i2i.create("loss", "l1")
    shifted = picture.roll(2, 3)
    assert pyramid(shifted, picture) < 0.35 * plain(shifted, picture)
    assert pyramid(picture + 0.1, picture).item() == pytest.approx(0.1)


def test_images_too_small_or_of_another_shape_are_refused():
    loss = i2i.create("loss", "pyramid-l1", halvings=3)
    assert loss(noise(1, 9, 9), noise(2, 9, 9)) > 0
    with pytest.raises(ValueError, match="more than 8 to be halved 3 times; got 8x20"):
        loss(noise(1, 8, 20), noise(2, 8, 20))
    with pytest.raises(ValueError, match="must have one shape"):
        loss(noise(1, 16, 20), noise(2, 16, 21))
    with pytest.raises(ConfigError, match="halvings: got 0"):
        i2i.create("loss", "pyramid-l1", halvings=0)
