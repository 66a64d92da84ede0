"""The steps of ASP against a straight-line transcript of the paper's and its code's recipe."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import i2i
from i2i.builtin.methods.asp import evenness
from i2i.errors import ConfigError

from .stepping import (
    SMALL_DISCRIMINATOR,
    PlainUpdate,
    assert_same_gradients,
    assert_same_terms,
    assert_same_weights,
    copies_of,
    make_images,
    make_method,
)

pytestmark = pytest.mark.usefixtures("one_thread")

LAYERS = (0, 4, 7, 10)
SMALL = [
    "method.name=asp",
    "generator.name=resnet",
    "generator.blocks=1",
    "generator.base_channels=4",
    "method.patches=16",
    "method.projection_channels=32",
    *SMALL_DISCRIMINATOR,
]


class Transcript:
    """The recipe with literal numbers: D first, least squares, T 0.07, three losses of weight 10, Adam 2e-4."""

    def __init__(self, method, update):
        self.networks = n = copies_of(method)
        self.optimizers = {
            name: torch.optim.Adam(getattr(n, name).parameters(), lr=2e-4, betas=(0.5, 0.999)) for name in "DGF"
        }
        self.random = torch.Generator().set_state(update.random.get_state())

    def encode(self, images):
        features = []
        for number, layer in enumerate(self.networks.G.model[: LAYERS[-1] + 1]):
            images = layer(images)
            if number in LAYERS:
                features.append(images)
        return features

    def project(self, number, feature, places):
        first, _, second = self.networks.F.layers[number]
        rows = feature.permute(0, 2, 3, 1).flatten(1, 2)[0, places, :]
        rows = torch.relu(rows @ first.weight.T + first.bias) @ second.weight.T + second.bias
        return rows / (rows.norm(dim=1, keepdim=True) + 1e-7)

    def contrast(self, source, target, p=None):
        """Of one image; with ``p``, a place counts ``p`` and the rest by its similarity."""
        queries, keys, total = self.encode(target), self.encode(source), 0.0
        all_places = [torch.randperm(key.shape[2] * key.shape[3], generator=self.random)[:16] for key in keys]
        for number, places in enumerate(all_places):
            query = self.project(number, queries[number], places)
            key = self.project(number, keys[number], places).detach()
            similar = query @ key.T
            losses = nn.functional.cross_entropy(similar / 0.07, torch.arange(16), reduction="none")
            if p is not None:
                weight = p * 1.0 + (1 - p) * torch.relu(similar.diagonal().detach())
                losses = losses * (weight / weight.sum() * len(weight))
            total = total + losses.mean() * 10
        return total / len(LAYERS)

    def pyramid(self, one, other):
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=one.dtype)
        kernel = (row[:, None] * row[None, :] / 256).repeat(3, 1, 1, 1)
        terms = []
        for weight in (0.015625, 0.03125, 0.0625, 0.125, 0.25):
            one, other = (
                nn.functional.conv2d(nn.functional.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
                for x in (one, other)
            )
            terms.append((one - other).abs().mean() * weight)
            one, other = one[:, :, ::2, ::2], other[:, :, ::2, ::2]
        terms.append((one - other).abs().mean() * 1.0)
        return torch.stack(terms).mean() * 10

    def step(self, batch, p):
        n, a, b = self.networks, batch["A"], batch["B"]
        fake = n.G(a)
        self.optimizers["D"].zero_grad()
        terms = {"D": ((n.D(fake.detach()) ** 2).mean() + ((n.D(b) - 1) ** 2).mean()) * 0.5}
        terms["D"].backward()
        self.optimizers["D"].step()

        n.D.requires_grad_(False)
        self.optimizers["G"].zero_grad()
        self.optimizers["F"].zero_grad()
        terms["G"] = ((n.D(fake) - 1) ** 2).mean()
        terms["NCE"] = self.contrast(a, fake)
        terms["ASP"] = self.contrast(b, fake, p)
        terms["pixel"] = self.pyramid(fake, b)
        sum(value for name, value in terms.items() if name != "D").backward()
        self.optimizers["G"].step()
        self.optimizers["F"].step()
        n.D.requires_grad_(True)
        return terms


def test_steps_before_and_in_the_adaptive_part_equal_the_transcript():
    exactly = f"method.lambda_pixel={10 * 95 / 64 / 6}"  # the authors divide by six, the loss by its weights' sum
    method, config = make_method(*SMALL, "discriminator.spectral_norm=false", exactly)
    update = PlainUpdate(method, config)
    transcript = Transcript(method, update)
    for batch, fraction, p in zip(make_images(steps=3, size=36), (0.1, 0.8, 0.95), (1.0, 0.8, 0.2), strict=True):
        update.fraction = fraction
        assert_same_terms(method.step([batch], update), transcript.step(batch, p))
        for group, letter in (("generators", "G"), ("discriminators", "D"), ("helpers", "F")):
            expected = [each.grad for each in transcript.optimizers[letter].param_groups[0]["params"]]
            assert_same_gradients(update.gradients[group], expected)
    assert_same_weights(method, transcript.networks, noise=1e-8)


def test_places_count_evenly_until_the_rate_falls_in_the_paper_and_then_ever_less_so():
    assert [evenness(each, 0.75) for each in (0, 0.75, 0.875, 1)] == [1, 1, 0.5, 0]
    assert [evenness(each, 0.0) for each in (0, 0.25)] == [1, 0.75]
    assert evenness(1.0, 1.0) == 1


def test_its_networks_are_the_papers():
    config = i2i.resolve("photos", method="asp")
    judge = config.discriminators[0]
    assert (config.generator.name, judge.name, judge.options.layers) == ("resnet6", "patch", 5)
    assert (judge.options.base_channels, judge.options.spectral_norm) == (32, True)
    assert [choice.name for choice in config.pixel_losses] == ["pyramid-l1"]


def test_terms_without_weight_are_left_out_and_what_they_need_is_not_asked_for():
    method, config = make_method(*SMALL, "method.lambda_ASP=0", "method.lambda_pixel=0")
    update = PlainUpdate(method, config)
    update.fraction = 0.0
    assert set(method.step(make_images(steps=1), update)) == {"D", "G", "NCE"}  # of 32 px, too small for a pyramid
    with pytest.raises(ConfigError, match="method asp gives it no weight with these options, so l2 would do nothing"):
        i2i.resolve("photos", method="asp", pixel_loss="l2", set={"method.lambda_pixel": 0})
