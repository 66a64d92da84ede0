"""Images that a method forgets to augment are found, and others that its discriminators see are none of these."""

from __future__ import annotations

import itertools

import pytest
import torch

from i2i.plugins import MethodSpec
from i2i.testing import check_component

from .test_methods import GoodMethod


class Augmenting(GoodMethod):
    """Shows its discriminator augmented images alone, or, by what it leaves out, others as well."""

    leaves_out = ""

    def __init__(self, parts):
        super().__init__(parts)
        self.augment = parts.make_augmentation([parts.channels["B"]])
        self.times = itertools.count()

    def judge(self, image):
        time = ("generator", "real", "fake")[next(self.times) % 3]
        return super().judge(image if time in self.leaves_out else self.augment(image, torch.Generator()))


class AugmentingNoReals(Augmenting):
    leaves_out = "real"


class AugmentingLate(Augmenting):
    leaves_out = "generator"


class NeverAugmenting(Augmenting):
    leaves_out = "generator, real, fake"


class WrongChannels(Augmenting):
    def __init__(self, parts):
        super().__init__(parts)
        self.augment = parts.make_augmentation([1])


def augmentation_result(method):
    spec = MethodSpec(
        name="m", summary="s", build=lambda options, parts: method(parts), pairing=lambda options: "unpaired"
    )
    return next(result for result in check_component(spec) if result.name == "augmentation")


def test_a_method_that_augments_all_that_is_judged_passes_and_one_without_is_remarked_on():
    assert (augmentation_result(Augmenting).ok, augmentation_result(Augmenting).message) == (True, "")
    without = augmentation_result(GoodMethod)
    assert without.ok
    assert "runs with --augment are refused" in without.message


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (AugmentingNoReals, "discriminator D judges images that are not augmented"),
        (AugmentingLate, "discriminator D judges images that are not augmented"),
        (NeverAugmenting, "never calls it"),
        (WrongChannels, "made for 1 channels was given 3"),
    ],
)
def test_images_that_a_method_forgets_to_augment_are_found(method, message):
    result = augmentation_result(method)
    assert not result.ok
    assert message in result.message


class InOneBatch(Augmenting):
    """Judges reals and fakes together, as large GANs do."""

    def discriminators_loss(self, real, fake, random):
        both = self.discriminators["D"](self.augmented(torch.cat([real, fake]), random))
        real_logits, fake_logits = both.chunk(2)
        return self.parts.adversarial.discriminator(real_logits, fake_logits)

    def augmented(self, images, random):
        return self.augment(images, random)


class ForgettingInOneBatch(InOneBatch):
    def augmented(self, images, random):
        return images


class ComparingFeatures(Augmenting):
    """Lets the discriminator look at images as they are, besides, and does not judge by it."""

    def discriminators_loss(self, real, fake, random):
        self.discriminators["D"](real)
        return super().discriminators_loss(real, fake, random)


@pytest.mark.parametrize(
    ("method", "ok"), [(InOneBatch, True), (ForgettingInOneBatch, False), (ComparingFeatures, True)]
)
def test_what_is_judged_counts_however_it_is_passed(method, ok):
    assert augmentation_result(method).ok is ok
