"""Feature matching equals a plain transcript of pix2pixHD's, at its scales and over any discriminators."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import i2i
from i2i.builtin.methods.feature_matching import feature_distance, matched_layers
from i2i.errors import ConfigError

from .stepping import PlainUpdate, make_images, make_method

pytestmark = pytest.mark.usefixtures("one_thread")


def pictures(seed, size=48):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, size, size, generator=generator, dtype=torch.float64) * 2 - 1


def features_of(patch, images):
    """What a PatchGAN of three strided layers computes behind each activation, block by block, without the logits."""
    found = []
    for begin, end in ((0, 2), (2, 5), (5, 8), (8, 11)):
        for layer in patch.model[begin:end]:
            images = layer(images)
        found.append(images)
    return found


def test_it_is_the_term_of_pix2pixhd():
    """The code of the paper: for each of two scales 4 / (3 + 1) times the L1 of every layer, over two."""
    torch.manual_seed(0)
    network = i2i.create("discriminator", "multiscale", scales=2, base_channels=4, norm="none", init="kaiming").double()
    fake, real = pictures(0), pictures(1)

    expected, shown = 0.0, (fake, real)
    for patch in network.scales:
        of_fake, of_real = (features_of(patch, images) for images in shown)
        for one, other in zip(of_fake, of_real, strict=True):
            expected = expected + 4 / (3 + 1) * 1 / 2 * (one - other.detach()).abs().mean()
        shown = [F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False) for images in shown]

    found = feature_distance(matched_layers(network), fake, real)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_target_gets_no_gradient():
    network = i2i.create("discriminator", "pixel", base_channels=2).double()
    fake, real = pictures(0).requires_grad_(), pictures(1).requires_grad_()
    feature_distance(matched_layers(network), fake, real).backward()

    assert fake.grad.any()
    assert real.grad is None


SETTINGS = [
    "method.name=pix2pix",
    "generator.name=resnet",
    "generator.blocks=1",
    "generator.base_channels=2",
    "generator.norm=instance",
    "generator.dropout=false",
    "discriminator.base_channels=2",
]
PATCH = ["discriminator.name=patch", "discriminator.layers=1"]


def test_every_discriminator_weighs_the_same_however_many_scales_it_has():
    mixed = ["discriminator.name=[pixel, multiscale]", "discriminator.1.layers=1", "discriminator.norm=none"]
    method, _ = make_method(*SETTINGS, *mixed)
    several = method.discriminators["D"]
    fake, real = (torch.cat([pictures(seed), pictures(seed + 2)], dim=1) for seed in (0, 1))
    each = [feature_distance(matched_layers(one), fake, real) for one in several]

    found = feature_distance(matched_layers(several), fake, real)
    assert found.item() == pytest.approx(sum(each).item() / 2, rel=1e-12)


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_pix2pix_adds_it_with_its_weight(micro_batches):
    method, config = make_method(*SETTINGS, *PATCH, "method.feature_matching=10")
    plain, _ = make_method(*SETTINGS, *PATCH)
    batches = make_images(steps=micro_batches, size=16)
    expected = 0.0
    update, apply = PlainUpdate(method, config), PlainUpdate.apply

    def measure(group):
        nonlocal expected
        apply(update, group)
        if group == "discriminators":  # the generator learns against the discriminator that has just stepped
            for batch in batches:
                fake, real = method.generators["G"](batch["A"]), batch["B"]
                pairs = [torch.cat([batch["A"], images], dim=1) for images in (fake, real)]
                expected += 10 * feature_distance(method.layers, *pairs).item() / micro_batches

    update.apply = measure
    terms = method.step(batches, update)
    without = plain.step(batches, PlainUpdate(plain, config))

    assert terms["FM"].item() == pytest.approx(expected, rel=1e-9)
    assert set(terms) - set(without) == {"FM"}
    assert terms["L1"].item() == pytest.approx(without["L1"].item())
    assert not hasattr(plain, "layers")


def test_the_output_and_its_target_are_augmented_alike():
    """A generator that hits its target is at no distance, wherever the two are moved."""
    augmented = [*SETTINGS, *PATCH, "method.feature_matching=10", "augmentations.name=[diffaugment]"]
    method, config = make_method(*augmented)
    (batch,) = make_images(steps=1, size=16)
    weight = next(method.generators["G"].parameters())
    method.generators["G"].forward = lambda _: batch["B"] + 0 * weight.sum()
    shown = []
    method.discriminators["D"].register_forward_pre_hook(lambda _, images: shown.append(images[0].detach()))
    terms = method.step([batch], PlainUpdate(method, config))

    assert terms["FM"].item() == pytest.approx(0, abs=1e-9)
    real = torch.cat([batch["A"], batch["B"]], dim=1)
    assert not any(torch.equal(images, real) for images in shown), "they are augmented"


def test_a_discriminator_that_names_no_layers_is_refused():
    with pytest.raises(ConfigError, match="and the one that was chosen names none"):
        matched_layers(nn.Conv2d(3, 1, 1))
