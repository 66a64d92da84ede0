"""A network computed in tiles gives what it gives for the whole image."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import i2i

from ...helpers.examples import examples
from .ends import in_tiles

NETWORKS = {
    "resnet": {"blocks": 2, "base_channels": 4},
    "resnet affine dropout": {"blocks": 2, "base_channels": 4, "affine": True, "dropout": True},
    "resnet resize": {"blocks": 1, "base_channels": 4, "upsample": "resize"},
    "resnet antialias": {"blocks": 1, "base_channels": 4, "upsample": "bilinear", "antialias": True},
    "resnet reference": {"blocks": 1, "base_channels": 16, "kernels": "reference"},
    "resnet batch dropout": {"blocks": 1, "base_channels": 4, "norm": "batch", "dropout": True},
    "resnet none": {"blocks": 1, "base_channels": 4, "norm": "none", "init": "xavier", "init_gain": 1.0},
    "resnet6": {"base_channels": 4},
    "resnet9": {"base_channels": 2},
    "unet": {"downs": 4, "base_channels": 4},
    "unet resize": {"downs": 4, "base_channels": 4, "upsample": "resize", "affine": True},
    "unet antialias": {"downs": 4, "base_channels": 4, "norm": "none", "antialias": True},
    "unet batch": {"downs": 4, "base_channels": 4, "norm": "batch"},
    "encoder-decoder": {"downs": 4, "base_channels": 4},
    "attention-unet": {"downs": 3, "base_channels": 4, "upsample": "resize"},
}


@cache
def make(name):
    options = {**({} if name == "attention-unet" else {"init_gain": 0.2}), **NETWORKS[name]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = i2i.create("generator", name.split()[0], in_channels=3, out_channels=3, **options)
        for module in network.modules():  # so that scale and shift do something
            if isinstance(module, nn.InstanceNorm2d | nn.BatchNorm2d) and module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return network.eval().requires_grad_(False)


def image_of(height, width, *, mean=0.0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1 + mean


def assert_same(network, image, tolerance=1e-4, **options):
    expected = network(image)
    assert expected.std() > 0.01, "the network does something"
    difference = (in_tiles(network, image, **options) - expected).abs().max()
    assert difference < tolerance


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(48, 160), (112, 32)])
def test_tiles_change_nothing(name, height, width):
    assert_same(make(name), image_of(height, width), side=32)


@settings(max_examples=examples(12), deadline=None)
@given(
    name=st.sampled_from(["resnet", "resnet resize", "unet"]),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    side=st.integers(16, 170),
    budget=st.sampled_from([0, 20_000, 100_000, 1 << 40]),
)
def test_any_size_any_tile_any_memory(name, height, width, side, budget):
    assert_same(make(name), image_of(16 * height, 16 * width), side=side, budget=budget)


def test_a_bright_image_loses_nothing():
    network = make("resnet")
    image = image_of(64, 96, mean=1e4)
    exact = deepcopy(network).double()(image.double()).float()
    whole = (network(image) - exact).abs().max()
    assert (in_tiles(network, image, side=32) - exact).abs().max() <= max(1e-4, 1.5 * whole)


def test_nan_reaches_all_that_it_reaches_in_the_whole_image():
    network, image = make("resnet"), image_of(64, 64)
    image[0, 0, 40, 8] = torch.nan
    assert torch.equal(in_tiles(network, image, side=32).isnan(), network(image).isnan())


def test_a_norm_of_groups_takes_the_whole_image_too():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 3, 5, padding=2))
    assert_same(network.eval().requires_grad_(False), image_of(61, 47), side=16)


def test_activations_in_place_change_what_others_read_as_in_the_network():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)

        def forward(self, images):
            features = self.first(images)
            return self.second(torch.cat([features, features.relu_()], dim=1))

    torch.manual_seed(0)
    assert_same(InPlace().eval().requires_grad_(False), image_of(40, 40), side=16)


def test_parametrised_weights_count():
    torch.manual_seed(0)
    convolution = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 3, 3, padding=1))
    assert_same(nn.Sequential(convolution, nn.Tanh()).eval().requires_grad_(False), image_of(40, 40), side=16)
