"""Each check of losses fails for one that breaks just that promise, and passes for one that keeps it."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from i2i.plugins import LossSpec
from i2i.testing import check_loss

from .examples import failed_names


class LeastSquares:
    def discriminator(self, real, fake):
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def generator(self, fake):
        return (fake - 1).square().mean()


class NoGeneratorSide:
    discriminator = LeastSquares.discriminator


class NotAScalar(LeastSquares):
    def generator(self, fake):
        return (fake - 1).square()


class WrongWay(LeastSquares):
    def generator(self, fake):
        return fake.square().mean()


class BothTheSame(LeastSquares):
    def discriminator(self, real, fake):
        return (real - 1).square().mean() + (fake - 1).square().mean()


class CutLogits(LeastSquares):
    def generator(self, fake):
        return (fake.detach() - 1).square().mean()


class IgnoresFakes(LeastSquares):
    def discriminator(self, real, fake):
        return (real - 1).square().mean()


class RandomLabels(LeastSquares):
    def generator(self, fake):
        return (fake - 0.9 - 0.1 * torch.rand(())).square().mean()


class Float32Only(LeastSquares):
    def generator(self, fake):
        return F.linear(fake.flatten()[None], torch.ones(1, fake.numel())).square().mean()


class Penalised(LeastSquares):
    def penalty(self, discriminator, real, fake, generator):
        weight = torch.rand(len(real), 1, 1, 1, generator=generator)
        mixed = torch.lerp(real, fake, weight).requires_grad_()
        logits = discriminator(mixed)
        logits = [logits] if isinstance(logits, torch.Tensor) else logits
        total = torch.stack([one.sum() for one in logits]).sum()
        (gradient,) = torch.autograd.grad(total, mixed, create_graph=self.create_graph)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    create_graph = True


class FirstOrderPenalty(Penalised):
    create_graph = False


class GlobalRandomPenalty(Penalised):
    def penalty(self, discriminator, real, fake, generator):
        return super().penalty(discriminator, real, fake, torch.Generator().manual_seed(next(self.seeds)))

    seeds = itertools.count()


def loss_spec(build, family="adversarial", smallest=1):
    return LossSpec(
        name="example",
        family=family,
        summary="a loss",
        build=lambda options: build(),
        smallest_size=lambda options: smallest,
    )


@pytest.mark.parametrize("build", [LeastSquares, Penalised])
def test_good_adversarial_loss_passes_every_check(build):
    check_loss(loss_spec(build))


@pytest.mark.parametrize(
    ("build", "check"),
    [
        (NoGeneratorSide, "builds a loss"),
        (NotAScalar, "finite scalars"),
        (WrongWay, "direction"),
        (BothTheSame, "direction"),
        (CutLogits, "gradients"),
        (IgnoresFakes, "gradients"),
        (RandomLabels, "determinism"),
        (Float32Only, "half precision"),
        (FirstOrderPenalty, "penalty"),
        (GlobalRandomPenalty, "penalty"),
    ],
)
def test_broken_adversarial_loss_fails_its_check(build, check):
    assert check in failed_names(loss_spec(build))


def charbonnier(image, target):
    return ((image - target).square() + 1e-6).sqrt().mean()


@pytest.mark.parametrize("loss", [F.l1_loss, F.mse_loss, charbonnier])
def test_good_pixel_loss_passes_every_check(loss):
    check_loss(loss_spec(lambda: loss, "pixel"))


@pytest.mark.parametrize(
    ("loss", "check"),
    [
        ("not callable", "builds a loss"),
        (lambda image, target: F.l1_loss(image, target) - 1, "distance"),
        (lambda image, target: F.l1_loss(image, target) + 1, "distance"),
        (lambda image, target: (image - target).abs(), "distance"),
        (lambda image, target: (image - target).square().mean().sqrt(), "gradients"),
        (lambda image, target: F.l1_loss(image.detach(), target), "gradients"),
        (lambda image, target: 1 / (1 + F.l1_loss(image, target)), "direction"),
        (lambda image, target: F.l1_loss(image + torch.rand(()) * 1e-3, target), "determinism"),
        (
            lambda image, target: F.linear((image - target).flatten(), torch.ones(1, image.numel())).abs()[0],
            "half precision",
        ),
    ],
)
def test_broken_pixel_loss_fails_its_check(loss, check):
    assert check in failed_names(loss_spec(lambda: loss, "pixel"))


def at_least_forty(image, target):
    if min(image.shape[2:]) < 40:
        raise ValueError("too small")
    return F.l1_loss(image, target)


def test_a_pixel_loss_is_tried_at_its_smallest_size_and_no_smaller():
    check_loss(loss_spec(lambda: at_least_forty, "pixel", smallest=40))
    assert "smallest size" in failed_names(loss_spec(lambda: at_least_forty, "pixel", smallest=36))
    assert failed_names(loss_spec(lambda: F.l1_loss, "pixel", smallest=0)) == ["builds a loss"]


def test_a_penalty_gets_images_of_the_smallest_size():
    class OfLargeImages(Penalised):
        def penalty(self, discriminator, real, fake, generator):
            assert min(real.shape[2:]) >= 48
            return super().penalty(discriminator, real, fake, generator)

    check_loss(loss_spec(OfLargeImages, smallest=48))
