"""Each check of networks fails for one that breaks just that promise, and passes for one that keeps it."""

import itertools
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from i2i.plugins import DiscriminatorSpec
from i2i.testing import check_component, check_discriminator, check_generator

from .examples import GoodGenerator, failed_names, generator_spec


class WrongShape(GoodGenerator):
    def forward(self, image):
        return super().forward(image)[:, :, 1:]


class FixedChannels(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(3, 3)


class EvenSizesOnly(GoodGenerator):
    def forward(self, image):
        small = F.avg_pool2d(super().forward(image), 2)
        return F.interpolate(small, scale_factor=2.0)


class NoTanh(GoodGenerator):
    def forward(self, image):
        return self.last(torch.relu(self.first(image)))


class NotFinite(GoodGenerator):
    def forward(self, image):
        output = super().forward(image)
        return torch.where(output.abs() > 0.9999, torch.nan, output)


class UnusedLayer(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.unused = nn.Conv2d(4, 4, 3)


class CutOff(GoodGenerator):
    def forward(self, image):
        return torch.tanh(self.last(torch.relu(self.first(image)).detach()))


class HiddenState(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.shift = torch.rand(1)

    def forward(self, image):
        return super().forward(image) * self.shift


class AlwaysDropsOut(GoodGenerator):
    def forward(self, image):
        return F.dropout(super().forward(image), 0.5, training=True) * 0.5


class CountingInit(GoodGenerator):
    count = itertools.count()

    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        nn.init.constant_(self.last.bias, 0.1 * (next(self.count) % 7))


class MixesTheBatch(GoodGenerator):
    def forward(self, image):
        return super().forward(image - image.mean(dim=0, keepdim=True))


class RefusesBfloat16(GoodGenerator):
    def forward(self, image):
        features = self.first(image)
        if features.dtype != torch.float32:
            raise TypeError("float32 only")
        return torch.tanh(self.last(torch.relu(features)))


def test_good_generator_passes_every_check():
    check_generator(generator_spec(GoodGenerator))


class GeneratorOfThirtyTwo(GoodGenerator):
    def forward(self, image):
        if min(image.shape[-2:]) < 32:
            raise ValueError("too small")
        return super().forward(image)


def test_smallest_size_of_a_generator_is_tried_and_respected():
    assert failed_names(generator_spec(GeneratorOfThirtyTwo, smallest_size=lambda _: 16)) != []
    assert (
        failed_names(generator_spec(GeneratorOfThirtyTwo, smallest_size=lambda _: 30, size_multiple=lambda _: 4)) == []
    )
    assert "builds a module" in failed_names(generator_spec(GoodGenerator, smallest_size=lambda _: 0))


@pytest.mark.parametrize(
    ("network", "check"),
    [
        (lambda i, o: "no module", "builds a module"),
        (WrongShape, "output shape"),
        (FixedChannels, "other channels"),
        (EvenSizesOnly, "odd sizes"),
        (NoTanh, "value range"),
        (NotFinite, "value range"),
        (UnusedLayer, "gradients"),
        (CutOff, "gradients"),
        (HiddenState, "state-dict round trip"),
        (AlwaysDropsOut, "determinism"),
        (CountingInit, "determinism"),
        (MixesTheBatch, "batch independence"),
        (RefusesBfloat16, "half precision"),
    ],
)
def test_broken_generator_fails_its_check(network, check):
    assert check in failed_names(generator_spec(network))


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        ({"first": "frist"}, "GoodGenerator has no layer 'frist'"),
        ({"last": "last", "first": "first"}, "from shallow to deep; the layers run in the order first, last"),
        ({"both": "pooled"}, r"tap 'both' must give \[2, C, h, w\] for two images; got \[2, 3\]"),
    ],
)
def test_taps_that_are_none_fail_their_check(taps, message):
    class Pooling(GoodGenerator):
        def __init__(self, *channels):
            super().__init__(*channels)
            self.pooled = nn.Flatten()

        def forward(self, image):
            self.pooled(image.mean((2, 3)))
            return super().forward(image)

    Pooling.__name__ = "GoodGenerator"
    (result,) = [
        each for each in check_component(generator_spec(Pooling, taps=lambda options: taps)) if each.name == "taps"
    ]
    assert not result.ok
    assert re.search(message, result.message)


def test_good_taps_pass_their_check():
    spec = generator_spec(GoodGenerator, taps=lambda options: {"first": "first", "last": "last"})
    assert failed_names(spec) == []


def test_declared_size_multiple_is_respected():
    assert failed_names(generator_spec(EvenSizesOnly, size_multiple=lambda _: 2)) == []


def test_size_multiple_must_be_a_positive_number():
    assert failed_names(generator_spec(GoodGenerator, size_multiple=lambda _: 0)) == ["builds a module"]


def test_a_gate_that_starts_at_zero_is_allowed():
    class Gated(GoodGenerator):
        def __init__(self, in_channels, out_channels):
            super().__init__(in_channels, out_channels)
            self.extra = nn.Conv2d(4, 4, 1)
            self.gate = nn.Parameter(torch.zeros(1))

        def forward(self, image):
            features = torch.relu(self.first(image))
            return torch.tanh(self.last(features + self.gate * self.extra(features)))

    assert failed_names(generator_spec(Gated)) == []


class GoodDiscriminator(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 4, stride=2, padding=1)
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, image):
        return self.last(F.leaky_relu(self.first(image), 0.2))


class TwoScales(GoodDiscriminator):
    def forward(self, image):
        return [super().forward(image), super().forward(F.avg_pool2d(image, 2))]


class WithSigmoid(GoodDiscriminator):
    def forward(self, image):
        return torch.sigmoid(super().forward(image))


class FlatLogits(GoodDiscriminator):
    def forward(self, image):
        return super().forward(image).flatten(1)


class NeedsThirtyTwo(GoodDiscriminator):
    def forward(self, image):
        if min(image.shape[-2:]) < 32:
            raise ValueError("too small")
        return super().forward(image)


class DeafDiscriminator(GoodDiscriminator):
    def forward(self, image):
        return super().forward(image.detach())


def discriminator_spec(network, **more):
    return DiscriminatorSpec(
        name="example",
        summary="a discriminator",
        build=lambda options, *, in_channels: network(in_channels),
        smallest_size=more.pop("smallest_size", lambda _: 4),
        **more,
    )


@pytest.mark.parametrize("network", [GoodDiscriminator, TwoScales])
def test_good_discriminator_passes_every_check(network):
    check_discriminator(discriminator_spec(network))


@pytest.mark.parametrize(
    ("network", "check"),
    [
        (lambda i: None, "builds a module"),
        (FlatLogits, "logits shape"),
        (NeedsThirtyTwo, "smallest size"),
        (lambda i: GoodDiscriminator(3), "other channels"),
        (WithSigmoid, "no sigmoid"),
        (DeafDiscriminator, "gradients"),
    ],
)
def test_broken_discriminator_fails_its_check(network, check):
    assert check in failed_names(discriminator_spec(network))


def test_declared_smallest_size_is_respected():
    assert failed_names(discriminator_spec(NeedsThirtyTwo, smallest_size=lambda _: 32)) == []
