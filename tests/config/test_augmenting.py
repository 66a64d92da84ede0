"""What discriminators see is augmented as chosen, and what adapts hears how sure they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import i2i
from i2i.config.augmenting import Augmenting, undecided_logit
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, PluginError
from i2i.plugins import AugmentationSpec, Options
from i2i.plugins.protocols import PenalisedLoss

from ..helpers.metrics import plugins_with

CPU = torch.device("cpu")


class Doubling:
    """Doubles, and counts."""

    def __init__(self, channels):
        self.channels, self.told, self.count = channels, [], 0

    def __call__(self, images, random):
        return images * 2

    def adapt(self, confidence, share):
        self.told.append((confidence, share))
        self.count += 1

    def values(self):
        return {"count": self.count}

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def spec(name, build):
    return AugmentationSpec(name=name, summary="for a test", build=build)


@pytest.fixture
def augmenting():
    manager = plugins_with(
        spec("doubling", lambda _, *, channels: Doubling(channels)),
        spec("shifting", lambda _, *, channels: lambda images, random: images + 1),
        spec("halving", lambda _, *, channels: lambda images, random: images[:, :, ::2]),
    )
    return lambda *names, **more: Augmenting(manager, [Choice(name, Options()) for name in names], **more)


def loss(name="lsgan", **options):
    return i2i.create("loss", name, **options)


def test_they_are_applied_in_the_order_in_which_they_were_named(augmenting):
    images = torch.ones(1, 3, 4, 4)
    assert augmenting("doubling", "shifting").make([3])(images, torch.Generator()).unique().tolist() == [3]
    assert augmenting("shifting", "doubling").make([3])(images, torch.Generator()).unique().tolist() == [4]


def test_without_any_images_stay_the_same_and_the_loss_is_not_touched(augmenting):
    none, images, given = augmenting(), torch.ones(1, 5, 4, 4), loss()
    assert none.make([3])(images, torch.Generator()) is images
    assert none.heard(given) is given
    none.require_used("cyclegan", Choice("lsgan", Options()), given, CPU)
    none.adapt(0.1)
    assert (none.state(), none.values()) == ([], {})


def test_each_discriminator_has_its_own_for_the_channels_that_it_sees(augmenting):
    several = augmenting("doubling")
    chains = [several.make([3]), several.make([1, 3])]
    assert [chain.augmentations[0].channels for chain in chains] == [(3,), (1, 3)]
    with pytest.raises(ValueError, match=r"made for images of 1 \+ 3 channels; got 3"):
        chains[1](torch.zeros(1, 3, 4, 4), torch.Generator())


def test_one_that_changes_the_shape_is_named(augmenting):
    with pytest.raises(
        TypeError, match=r"augmentation halving must return images like .*\[1, 3, 4, 4\].*\[1, 3, 2, 4\]"
    ):
        augmenting("halving").make([3])(torch.zeros(1, 3, 4, 4), torch.Generator())


def test_a_method_that_uses_none_is_refused(augmenting):
    with pytest.raises(ConfigError, match=r"method odd does not augment .*--augment shifting would do nothing"):
        augmenting("shifting").require_used("odd", Choice("lsgan", Options()), loss(), CPU)


@pytest.mark.parametrize(
    ("name", "options", "logit"),
    [
        ("gan", {}, 0),
        ("lsgan", {}, 0.5),
        ("hinge", {}, 0),
        ("lsgan", {"real_label": 0.9}, 0.45),
        ("gan", {"real_label": 0.9}, -0.2007),  # where sigmoid is the mean label
        ("wgan-gp", {}, None),
    ],
)
def test_the_logit_of_a_discriminator_that_cannot_tell(name, options, logit):
    found = undecided_logit(loss(name, **options), CPU)
    assert found == (None if logit is None else pytest.approx(logit, abs=0.006))


def test_a_loss_without_such_a_logit_is_refused_where_something_adapts(augmenting):
    chosen = augmenting("doubling")
    chosen.make([3])
    with pytest.raises(ConfigError, match=r"augmentation doubling adapts .*loss wgan-gp gives their logits no middle"):
        chosen.require_used("cyclegan", Choice("wgan-gp", Options()), loss("wgan-gp"), CPU)
    fixed = augmenting("shifting")
    fixed.make([3])
    fixed.require_used("cyclegan", Choice("wgan-gp", Options()), loss("wgan-gp"), CPU)


def test_what_adapts_hears_the_mean_sign_of_real_logits_over_discriminators_and_processes(augmenting):
    several = augmenting("doubling", "shifting", mean=lambda value: value / 2)
    chains = [several.make([3]), several.make([3])]
    heard, fake = several.heard(loss()), torch.zeros(1, 1, 2, 2)
    several.require_used("cyclegan", Choice("lsgan", Options()), loss(), CPU)
    several.begin_step()
    heard.discriminator(torch.tensor([0.9, 0.8, 0.6, 0.4]), fake)  # 3 of 4 above 0.5
    heard.discriminator(torch.full((1, 1, 2, 2), 0.7), fake)
    heard.generator(torch.zeros(1))
    several.adapt(0.25)
    assert [chain.augmentations[0].told for chain in chains] == [[(0.375, 0.25)]] * 2
    assert several.values() == {"doubling/count": 1}


def test_a_step_that_failed_is_forgotten(augmenting):
    chosen = augmenting("doubling")
    (doubling,), heard = chosen.make([3]).augmentations, chosen.heard(loss())
    chosen.require_used("cyclegan", Choice("lsgan", Options()), loss(), CPU)
    heard.discriminator(torch.zeros(1), torch.zeros(1))
    chosen.begin_step()
    heard.discriminator(torch.ones(1), torch.zeros(1))
    chosen.adapt(0.1)
    assert doubling.told == [(1.0, 0.1)]


def test_a_method_that_never_asks_the_loss_is_named_where_something_adapts(augmenting):
    chosen = augmenting("doubling")
    chosen.make([3])
    chosen.begin_step()
    with pytest.raises(PluginError, match=r"augmentation doubling adapts .*parts\.adversarial\.discriminator nothing"):
        chosen.adapt(0.1)


def test_the_loss_that_is_heard_is_the_loss(augmenting):
    real, fake = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    for name in ("gan", "wgan-gp"):
        given = loss(name)
        heard = augmenting("shifting").heard(given)
        assert isinstance(heard, PenalisedLoss) == isinstance(given, PenalisedLoss)
        assert heard.discriminator(real, fake) == given.discriminator(real, fake)
        assert heard.generator(fake) == given.generator(fake)
    images, network = torch.randn(2, 3, 4, 4), nn.Conv2d(3, 1, 3)
    terms = [each.penalty(network, images, -images, torch.Generator().manual_seed(0)) for each in (given, heard)]
    assert terms[0] == terms[1]


def test_what_adapted_is_saved_and_comes_back(augmenting):
    first, second = augmenting("doubling", "shifting"), augmenting("doubling", "shifting")
    for each in (first, second):
        each.make([3]), each.make([3])
    first.made[0].augmentations[0].count, first.made[1].augmentations[0].count = 3, 4
    second.restore(first.state())
    assert [chain.augmentations[0].count for chain in second.made] == [3, 4]
    with pytest.raises(ValueError, match="zip"):
        second.restore(first.state()[:1])
