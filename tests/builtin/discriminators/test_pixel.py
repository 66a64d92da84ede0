"""A discriminator that judges each pixel by itself."""

import pytest
import torch

from .building import NORM_KEYS, build, smallest


def test_pixel_keys():
    assert list(build("pixel").state_dict()) == [f"net.{i}.{part}" for i in (0, 2, 5) for part in ("weight", "bias")]
    batch = set(build("pixel", norm="batch").state_dict())
    assert batch == {"net.0.weight", "net.0.bias", "net.2.weight", "net.5.weight"} | {f"net.3.{p}" for p in NORM_KEYS}


@pytest.mark.parametrize(("norm", "size"), [("instance", 2), ("batch", 2), ("none", 1)])
def test_the_smallest_pixel_size(norm, size):
    assert smallest("pixel", norm=norm) == size
    network = build("pixel", base_channels=4, norm=norm)
    assert network(torch.rand(1, 3, size, size)).shape == (1, 1, size, size)
    if norm != "none":
        with pytest.raises(ValueError, match="at least 2; got 1x5"):
            network(torch.rand(1, 3, 1, 5))


def test_a_pixel_is_judged_by_itself():
    network = build("pixel", base_channels=4, norm="none")
    images = torch.rand(1, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[0, 0, 1, 2], images)
    assert gradient[0].abs().sum(0).nonzero().tolist() == [[1, 2]]
