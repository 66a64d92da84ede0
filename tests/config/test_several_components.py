"""Several discriminators and several pixel losses: options for all of them, and for each by its number."""

from __future__ import annotations

import pytest

from i2i.api import resolve
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

from ..helpers.settings import problems

MANAGER = PluginManager({})


def pixel_losses(*arguments, **options):
    return resolve("photos", *arguments, **options).to_dict()["pixel_loss"]


def test_a_single_pixel_loss_is_recorded_as_it_always_was():
    assert pixel_losses() == {"name": "l1"}
    assert pixel_losses(pixel_loss="huber", settings=["pixel_loss.delta=0.5"]) == {"name": "huber", "delta": 0.5}
    assert pixel_losses(settings=["pixel_loss.weight=2"]) == {"name": "l1", "weight": 2.0}


def test_several_pixel_losses_have_weights_and_options_by_number(file):
    asked = {"pixel_loss": ["l1", "huber", "huber"], "settings": ["pixel_loss.1.weight=0.5", "pixel_loss.2.delta=1"]}
    expected = [
        {"name": "l1"},
        {"name": "huber", "delta": 0.1, "weight": 0.5},
        {"name": "huber", "delta": 1.0},
    ]
    assert pixel_losses(**asked) == expected
    path = file("pixel_loss: [l1, {name: huber, weight: 0.5}, {name: huber, delta: 1}]\n")
    assert pixel_losses(config=path) == expected
    assert pixel_losses(config=path, pixel_loss=["l2", "l1"]) == [{"name": "l2"}, {"name": "l1"}]
    config = resolve("photos", **asked)
    assert config_from_dict(PluginManager(), config.to_dict()) == config


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("pixel_loss.1.wieght=2", "pixel_loss.1 (huber).wieght: there is no such option; did you mean 'weight'?"),
        ("pixel_loss.1.weight=-1", "pixel_loss.1 (huber).weight: got -1: input should be greater than or equal to 0"),
        ("pixel_loss.1=5", "pixel_loss.1: must hold options, such as pixel_loss.1.weight=0.5; got 5"),
        ("pixel_loss.2.weight=1", "pixel_loss.2: there are 2 pixel losses, numbered from 0"),
    ],
)
def test_what_is_wrong_with_one_of_several_pixel_losses_is_said(setting, told):
    (problem,) = problems(pixel_loss=["l1", "huber"], settings=[setting])
    assert problem.startswith(told)


OWN_WEIGHT = """
from i2i.plugins import LossSpec, Options, hookimpl

class OakOptions(Options):
    weight: int = 3

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", summary="A tree.", family="pixel", options=OakOptions, build=lambda options: None)]
"""


def test_a_pixel_loss_with_a_weight_of_its_own_keeps_it(install):
    install("i2i-oak", OWN_WEIGHT)
    config = resolve("photos", pixel_loss=["l1", "oak"], settings=["pixel_loss.1.weight=4"])

    (_, oak) = config.pixel_losses
    assert (oak.options.weight, oak.weight) == (4, 1.0)


def names_and_widths(config):
    return [(choice.name, choice.options.base_channels) for choice in config.discriminators]


def test_several_discriminators_share_options_and_have_their_own():
    config = resolve(
        "photos",
        discriminator=["patch70", "pixel", "patch"],
        settings=["discriminator.base_channels=16", "discriminator.1.base_channels=8", "discriminator.2.layers=4"],
    )

    assert names_and_widths(config) == [("patch70", 16), ("pixel", 8), ("patch", 16)]
    assert config.discriminators[2].options.layers == 4


def test_copies():
    config = resolve("photos", discriminator=["patch70", "pixel"], settings=["discriminator.copies=2"])

    assert [name for name, _ in names_and_widths(config)] == ["patch70", "patch70", "pixel", "pixel"]


@pytest.mark.parametrize("copies", [0, -1, 17, "many", 1.5])
def test_copies_out_of_bounds(copies):
    (told,) = problems(settings={"discriminator.copies": copies})

    assert told == f"discriminator.copies: must be a whole number from 1 to 16; got {copies!r}"


@pytest.mark.parametrize("count", [1, 2])
def test_a_number_without_a_discriminator(count):
    (told,) = problems(discriminator=["pixel"] * count, settings=["discriminator.2.norm=none"])

    are = "is 1 discriminator" if count == 1 else "are 2 discriminators"
    assert told == f"discriminator.2: there {are}, numbered from 0"


def test_a_wrong_option_names_the_discriminator():
    (told,) = problems(discriminator=["patch", "pixel"], settings=["discriminator.1.layers=2"])

    assert told.startswith("discriminator.1 (pixel).layers: there is no such option")


def test_numbers_in_a_file_are_of_the_ones_that_it_names(file):
    path = file("discriminator: [{name: patch70, base_channels: 8}, {name: pixel, base_channels: 4}]\n")

    named_anew = resolve("photos", config=path, discriminator=["pixel", "patch70"])
    assert names_and_widths(named_anew) == [("pixel", 64), ("patch70", 64)]


@pytest.mark.parametrize("names", [[], 5, [5], {"a": 1}])
def test_names_of_another_kind(names):
    (told,) = problems(settings={"discriminator.name": names})

    assert told == f"discriminator.name: must be the name of a discriminator or a list of names; got {names!r}"


def test_a_number_that_holds_no_options():
    (told,) = problems(settings=["discriminator.0=pixel"])

    assert told == ("discriminator.0: must hold options, such as discriminator.0.base_channels=32; got 'pixel'")


def test_the_command_line_wins_over_a_list_in_the_file(file):
    path = file("discriminator: [{name: patch70, base_channels: 8}, {name: pixel, base_channels: 4}, patch]\n")

    assert names_and_widths(resolve("photos", config=path)) == [("patch70", 8), ("pixel", 4), ("patch", 64)]
    everywhere = resolve("photos", config=path, settings=["discriminator.base_channels=16"])
    assert [width for _, width in names_and_widths(everywhere)] == [16, 16, 16]
    one = resolve("photos", config=path, settings=["discriminator.1.base_channels=16"])
    assert [width for _, width in names_and_widths(one)] == [8, 16, 64]


def test_numbered_options_in_a_file(file):
    config = resolve(
        "photos", config=file("discriminator: {name: [pixel, pixel], base_channels: 8, 1: {base_channels: 4}}\n")
    )

    assert names_and_widths(config) == [("pixel", 8), ("pixel", 4)]


def test_a_pixel_loss_that_the_method_has_no_use_for_is_refused():
    with pytest.raises(ConfigError, match=r"method cut has no term for it, so l2 would do nothing; leave it out"):
        resolve(method="cut", pixel_loss="l2")
    with pytest.raises(ConfigError, match="so l1, l2 would do nothing"):
        resolve(method="fastcut", pixel_loss=["l1", "l2"])
    kept = resolve(method="cut")
    assert config_from_dict(MANAGER, kept.to_dict()) == kept


@pytest.mark.parametrize(
    ("method", "weights"),
    [("pix2pix", {"method.lambda_L1": 0}), ("cyclegan", {"method.lambda_A": 0, "method.lambda_B": 0})],
)
def test_a_pixel_loss_without_weight_is_refused_unless_a_run_began_with_it(method, weights):
    told = f"pixel_loss: method {method} gives it no weight with these options, so huber would do nothing; leave it out"
    assert problems("photos", method=method, pixel_loss="huber", set=weights) == [told]
    begun = resolve("photos", method=method, set=weights).to_dict() | {"pixel_loss": {"name": "huber"}}
    assert config_from_dict(MANAGER, begun).pixel_losses[0].name == "huber"
