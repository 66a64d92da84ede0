"""The check of augmentations lets good ones pass, and names what a bad one does."""

from __future__ import annotations

import pytest
import torch

from i2i.builtin.augmentations import DiffAugmentOptions
from i2i.builtin.augmentations.diffaugment import AdaptiveDiffAugment, DiffAugment
from i2i.plugins import AugmentationSpec
from i2i.plugins.manager import PluginManager
from i2i.testing import check_augmentation, check_component


def spec_of(build):
    return AugmentationSpec(
        name="mine", summary="for a test", options=DiffAugmentOptions, build=lambda _, *, channels: build(channels)
    )


@pytest.mark.parametrize("options", [{}, {"adapt": True}, {"probability": 0.5}, {"color": 0}], ids=str)
def test_the_built_in_one_passes(options):
    check_augmentation(PluginManager({}).find("augmentation", "diffaugment").spec, options)


OPTIONS = DiffAugmentOptions()


def mixed_colours(channels):
    return DiffAugment(OPTIONS, [sum(channels)])


def moved_apart(channels):
    each = [DiffAugment(OPTIONS, [count]) for count in channels]

    def augment(images, random):
        parts = images.split(channels, dim=1)
        return torch.cat([one(part, random) for one, part in zip(each, parts, strict=True)], dim=1)

    return augment


def of_the_whole_batch(_):
    return lambda images, random: images - images.mean()


def global_numbers(_):
    return lambda images, random: images + torch.rand(len(images), 1, 1, 1).to(images)


def in_place(_):
    return lambda images, random: images.mul_(0.5) if not images.requires_grad else images * 0.5


def cut_off(_):
    return lambda images, random: images.detach().clone()


def in_float(_):
    return lambda images, random: images.float()


def smaller(_):
    return lambda images, random: images[:, :, 1:]


class Forgetful(AdaptiveDiffAugment):
    def state_dict(self):
        return {**super().state_dict(), "probability": 0.0}


class Nameless(AdaptiveDiffAugment):
    def values(self):
        return {"probability": "high"}


@pytest.mark.parametrize(
    ("build", "name", "message"),
    [
        (mixed_colours, "stacked images coloured apart", r"images\.split\(channels, dim=1\)"),
        (moved_apart, "stacked images moved alike", "move all channels together"),
        (of_the_whole_batch, "images kept apart", "one image of a batch depends on another"),
        (global_numbers, "determinism", "draw every number from the generator"),
        (in_place, "input untouched", "must not change the images"),
        (cut_off, "gradients", "cut off from their gradient"),
        (in_float, "half precision", "bfloat16"),
        (smaller, "shapes", r"must return \[2, 3, 16, 16\]"),
        (lambda channels: Forgetful(OPTIONS, channels), "state round trip", "state_dict must hold all"),
        (lambda channels: Nameless(OPTIONS, channels), "values", "'probability' is 'high'"),
        (lambda _: None, "builds an augmentation", "got NoneType"),
    ],
)
def test_each_broken_promise_is_named(build, name, message):
    broken = {result.name: result.message for result in check_component(spec_of(build)) if not result.ok}
    assert name in broken
    with pytest.raises(AssertionError, match=message):
        check_augmentation(spec_of(build))
