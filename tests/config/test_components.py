"""Building what was chosen, and saying whose fault it is when that fails."""

from __future__ import annotations

import dataclasses

import pytest
from torch import nn

from i2i.api import resolve
from i2i.config.components import build, create, size_multiple
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, PluginError
from i2i.plugins import Options

from ..helpers.specs import spec_of


def build_oak(manager, kind):
    return build(manager, kind, Choice("oak", Options()))


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
@pytest.mark.parametrize("returned", [None, 5, "resnet9", nn.Conv2d])
def test_a_network_that_is_no_module_names_the_package(manager, add, kind, returned):
    add(spec_of(kind, lambda _: returned))

    with pytest.raises(
        PluginError, match=rf"^{kind} 'oak' of package i2i-oak \S+: build must return a torch.nn.Module; got"
    ):
        build_oak(manager, kind)


@pytest.mark.parametrize("kind", ["loss", "buffer", "method", "dataset"])
def test_a_build_that_returns_nothing_names_the_package(manager, add, kind):
    add(spec_of(kind, lambda _: None))

    called = "data set" if kind == "dataset" else kind
    with pytest.raises(PluginError, match=rf"^{called} 'oak' of package i2i-oak \S+: build returned None$"):
        build_oak(manager, kind)


def test_a_build_that_raises_names_the_package_and_keeps_the_cause(manager, add):
    def fail(_):
        raise ZeroDivisionError("no leaves")

    add(spec_of("generator", fail))

    with pytest.raises(
        PluginError, match=r"generator 'oak' of package i2i-oak 1\.2\S* raised ZeroDivisionError: no leaves"
    ) as caught:
        build_oak(manager, "generator")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_build_with_other_arguments_names_the_package(manager, add):
    add(spec_of("generator", lambda: nn.Identity()))

    with pytest.raises(PluginError, match="raised TypeError"):
        build_oak(manager, "generator")


def test_an_explained_error_passes_through(manager, add):
    def refuse(_):
        raise ConfigError("oak needs rain")

    add(spec_of("method", refuse))

    with pytest.raises(ConfigError, match=r"^oak needs rain$"):
        build_oak(manager, "method")


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        (["first"], "taps must give a mapping of names to paths of layers; got"),
        ({"first": "0"}, "Identity has no layer '0', which is to be tap 'first'"),
    ],
)
def test_taps_that_are_none_are_named_with_the_package(manager, add, taps, message):
    def build(options, *, in_channels, out_channels):
        return nn.Identity()

    add(dataclasses.replace(spec_of("generator", build), taps=lambda options: taps))
    with pytest.raises(PluginError, match=message) as raised:
        create(manager, "generator", "oak", {"in_channels": 3, "out_channels": 3}, {})
    assert "generator 'oak' of package i2i-oak 1.2" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "settings", "multiple"),
    [("resnet9", {}, 4), ("unet256", {}, 256), ("unet", {"generator.downs": 5}, 32)],
)
def test_the_multiple_that_a_generator_asks_for(manager, name, settings, multiple):
    assert size_multiple(manager, resolve(generator=name, settings=settings).generator) == multiple
