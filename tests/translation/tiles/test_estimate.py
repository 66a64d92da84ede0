"""The estimate: near the network's result, without seams, and with the norms put back."""

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import DataError
from i2i.translation.tiles.boxes import Extent
from i2i.translation.tiles.estimate import estimate

from .ends import Ends


def estimated(network, image, *, side, multiple=4):
    result = Ends(torch.full_like(image, torch.nan))
    run = torch.no_grad()(network)
    estimate(
        run, network, Extent(*image.shape[1:]), Ends(image), result, side=side, multiple=multiple, device=image.device
    )
    assert result.image.isfinite().all()
    return result.image


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return i2i.create("generator", "resnet", blocks=1, base_channels=16, init_gain=0.1).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def image():
    """A picture whose brightness and contrast differ from corner to corner."""
    random = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0.1, 1, 512)
    texture = torch.rand(1, 3, 512, 512, generator=random) * 2 - 1
    return (texture * ramp * ramp[:, None] + (ramp - 1) * 0.5).clamp(-1, 1)


def naive(network, image, side):
    rows = [torch.cat([network(tile) for tile in row.split(side, dim=3)], dim=3) for row in image.split(side, dim=2)]
    return torch.cat(rows, dim=2)


@torch.no_grad()
def test_is_several_times_nearer_than_tiles_that_normalise_themselves(network, image):
    whole = network(image)
    error = (estimated(network, image, side=128) - whole).abs().mean()
    assert error < (naive(network, image, 128) - whole).abs().mean() / 4


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 64), (256, 16), (16, 300), (100, 132)])
def test_small_and_narrow_images(network, image, size):
    part = image[:, :, -size[0] :, -size[1] :]
    whole = network(part)
    error = (estimated(network, part, side=64) - whole).abs().mean()
    assert error < 0.25 * whole.std()


@torch.no_grad()
def test_one_tile_is_the_network_itself(network, image):
    part = image[:, :, :64, :64]
    assert (estimated(network, part, side=64) - network(part)).abs().max() < 1e-4


def test_the_network_is_left_as_it_was(network, image):
    before = [getattr(module, "impl", None) for module in network.modules()]
    estimated(network, image[:, :, :64, :64], side=32)
    assert [getattr(module, "impl", None) for module in network.modules()] == before


@torch.no_grad()
def test_any_network_will_do():
    class Squeeze(nn.Module):
        def forward(self, x):
            return x * x.abs().mean((2, 3), keepdim=True)

    image = torch.rand(1, 3, 96, 96)
    network = nn.Sequential(nn.GroupNorm(3, 3, eps=1e-3), Squeeze())
    assert (estimated(network, image, side=32) - network(image)).abs().mean() < 0.05


@torch.no_grad()
def test_a_network_with_other_norms_for_each_tile_is_refused():
    class Moody(nn.Module):
        calls = 0

        def forward(self, x):
            Moody.calls += 1
            for _ in range(Moody.calls):
                x = nn.functional.instance_norm(x)
            return x

    with pytest.raises(DataError, match="without --tile"):
        estimated(Moody(), torch.rand(1, 3, 64, 64), side=32)
