"""What the methods share: the mean over discriminators, freezing, and adding up micro-batches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import i2i
from i2i.plugins.terms import add_terms, discriminator_term, frozen, generator_term, mean_over_logits


def value(number):
    return torch.tensor([float(number)])


def test_one_tensor_is_judged_as_it_is():
    assert mean_over_logits(torch.mean, torch.tensor([1.0, 3.0])).item() == 2


def test_every_discriminator_weighs_the_same_however_many_scales_it_has():
    assert mean_over_logits(torch.mean, [value(1), [value(2), value(6)]]).item() == (1 + 4) / 2


def test_real_and_fake_stay_side_by_side():
    def difference(real, fake):
        return (real - fake).mean()

    logits = mean_over_logits(difference, [value(9), [value(5), value(7)]], [value(1), [value(1), value(1)]])

    assert logits.item() == (8 + (4 + 6) / 2) / 2


def test_lists_that_differ_in_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        mean_over_logits(lambda real, fake: real.mean(), [value(1), value(2)], [value(1)])


def test_terms_of_several_scales_are_the_mean_of_each():
    torch.manual_seed(0)
    network = i2i.create("discriminator", "multiscale", layers=1, scales=2, base_channels=2, init_gain=0.5)
    loss, real, fake = i2i.create("loss", "lsgan"), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)

    judged = discriminator_term(loss, network, real, fake, torch.Generator())
    fooled = generator_term(loss, network, fake)

    pairs = list(zip(network(real), network(fake), strict=True))
    expected = sum(loss.discriminator(*pair) for pair in pairs) / 2
    torch.testing.assert_close(judged, expected)
    torch.testing.assert_close(fooled, sum(loss.generator(on_fake) for _, on_fake in pairs) / 2)


def test_frozen_networks_pass_gradients_on_and_keep_none():
    network, image = nn.Conv2d(1, 1, 3), torch.rand(1, 1, 4, 4, requires_grad=True)

    with frozen([network]):
        network(image).sum().backward()

    assert image.grad is not None
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())


def test_what_was_frozen_before_stays_frozen_even_after_an_error():
    network = nn.Conv2d(1, 1, 3)
    network.bias.requires_grad_(False)

    with pytest.raises(RuntimeError, match="input to conv2d"), frozen([network]):
        network(torch.zeros(2, 2))

    assert network.weight.requires_grad
    assert not network.bias.requires_grad


def test_terms_add_up_by_their_share_and_may_come_late():
    totals = {}
    first = torch.tensor(4.0, requires_grad=True)

    add_terms(totals, {"G": first}, 0.5)
    add_terms(totals, {"G": torch.tensor(8.0), "paired": torch.tensor(2.0)}, 0.5)

    assert {name: total.item() for name, total in totals.items()} == {"G": 6.0, "paired": 1.0}
    assert not totals["G"].requires_grad
