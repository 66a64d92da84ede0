"""The exported graph pads, crops, scales and rounds as the translator does, by other means."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from i2i.exporting.image_to_image import ImageGraph, TensorGraph
from i2i.tensors.padding import crop, pad, padded_size
from i2i.tensors.pixels import to_uint8

from ..helpers.examples import examples

SIDES = st.integers(1, 70)
MULTIPLES = st.sampled_from([1, 2, 3, 4, 7, 16, 32, 64])


class Watched(nn.Module):
    """Keeps what it is given, and gives back something of the same shape that differs in every place."""

    def forward(self, images):
        self.given = images
        places = torch.arange(images.numel(), dtype=torch.float32).reshape(images.shape)
        return (images + places.sin()) / 2


@settings(max_examples=examples(150), deadline=None)
@given(height=SIDES, width=SIDES, multiple=MULTIPLES, smallest=st.sampled_from([1, 40, 64]))
def test_padding_and_cropping_are_the_translators(height, width, multiple, smallest):
    images = torch.rand(2, 3, height, width) * 2 - 1
    network = Watched()

    result = TensorGraph(network, multiple, smallest)(images)

    padded = pad(images, padded_size((height, width), multiple, smallest))
    assert torch.equal(network.given, padded)
    assert torch.equal(result, crop(Watched()(padded), (height, width)))


def test_every_level_comes_back_as_itself():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(ImageGraph(nn.Identity(), 4)(levels), levels)


@pytest.mark.parametrize("value", [-3.0, -1.0, -0.5 / 127.5, 0.0, 0.5 / 127.5, 0.3, 1.0, 5.0])
def test_values_are_rounded_and_cut_off_as_for_pictures(value):
    class Constant(nn.Module):
        def forward(self, images):
            return torch.full_like(images, value)

    result = ImageGraph(Constant(), 1)(torch.zeros(1, 2, 3, 3, dtype=torch.uint8))
    assert (result == to_uint8(torch.tensor(value))).all()
