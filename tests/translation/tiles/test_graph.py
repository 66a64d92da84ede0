"""Layers that cannot be computed in tiles are named; nothing is computed to find them."""

import pytest
import torch
from torch import nn

import i2i
from i2i.translation.tiles.graph import CannotStreamError, trace


class Attention(nn.Module):
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).reshape(x.shape)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.mean() > 0 else -x


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, 3, 64, 64))

    def forward(self, x):
        return x + self.places


class Squeeze(nn.Module):
    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Attention(), "layer 1 (Attention)"),
        (nn.MaxPool2d(3, 1, 1), "layer 1 (MaxPool2d): operator max_pool2d"),
        (Positions(), "layer 1 (Positions): it has a value of its own for each pixel"),
        (Squeeze(), "layer 1 (Squeeze): operator mean"),
        (Branching(), "it cannot be traced"),
        (nn.Flatten(), "layer 1 (Flatten)"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_not_known_is_named(layer, why):
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), layer).eval()
    with pytest.raises(CannotStreamError) as caught:
        trace(network, 3, 64, 64)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"norm": "batch"}, "it takes the statistics of the batch"), ({"dropout": True, "norm": "none"}, "dropout is on")],
)
def test_what_is_random_or_of_the_batch_is_refused(options, why):
    network = i2i.create("generator", "resnet", blocks=1, base_channels=4, **options).train()
    with pytest.raises(CannotStreamError, match=why):
        trace(network, 3, 64, 64)


def test_the_size_of_the_image_costs_nothing():
    network = i2i.create("generator", "resnet", blocks=1, base_channels=64).eval()
    graph = trace(network, 3, 65536, 65536)
    assert graph.nodes[graph.output].extent == (3, 65536, 65536)
    assert graph.peak > 2 * 64 * 65536**2 * 4, "two tensors of the first layer at least"


def seen(network):
    """What a person can tell graphs apart by: the layers, what they do, and their sizes."""
    graph = trace(network.eval(), 3, 32, 48)
    return [(node.name, type(node.operation).__name__, node.inputs, node.extent) for node in graph.nodes], graph.peak


def test_an_activation_in_place_is_as_one_that_is_not():
    def network(in_place):
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(in_place), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1))

    assert seen(network(True)) == seen(network(False))


class WithUnused(nn.Module):
    """A side that the result does not need, and whose operator is not known."""

    def __init__(self):
        super().__init__()
        self.main, self.side = nn.Conv2d(3, 3, 3), nn.MaxPool2d(2)

    def forward(self, x):
        self.side(x)
        return self.main(x.to(torch.float32))


def test_what_the_result_does_not_need_is_left_out():
    ((_, _, _, image), (name, operation, inputs, _)), _ = seen(WithUnused())
    assert (image, name, operation, inputs) == ((3, 32, 48), "layer main (Conv2d)", "Convolution", (0,))
