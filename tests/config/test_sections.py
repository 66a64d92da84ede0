"""Every section holds a component or options, and the names that it starts from are there."""

from __future__ import annotations

from dataclasses import fields as fields_of

import pytest

from i2i.config.run_config import RunConfig
from i2i.config.sections import (
    AUGMENTATIONS,
    COMPONENTS,
    DEFAULT_DISCRIMINATOR,
    DEFAULT_METHOD,
    DEFAULT_NAMES,
    METRICS,
    OBSERVERS,
    PLAIN,
    READERS,
    section_of,
)
from i2i.plugins.manager import PluginManager

STARTING = {"method": DEFAULT_METHOD, "discriminator": DEFAULT_DISCRIMINATOR, **DEFAULT_NAMES}


def test_each_section_is_a_field_of_the_configuration():
    fields = {
        {"discriminators": "discriminator", "pixel_losses": "pixel_loss"}.get(field.name, field.name)
        for field in fields_of(RunConfig)
    }

    assert {*COMPONENTS, *PLAIN, METRICS, OBSERVERS, AUGMENTATIONS, READERS, "data_root"} == fields
    assert not COMPONENTS.keys() & PLAIN.keys()


@pytest.mark.parametrize("section", COMPONENTS)
def test_the_component_that_a_section_starts_from_exists(section):
    spec = PluginManager({}).spec(COMPONENTS[section], STARTING[section])

    assert isinstance(spec, COMPONENTS[section])


@pytest.mark.parametrize(
    ("kind", "name", "section"),
    [
        ("generator", "resnet9", "generator"),
        ("loss", "lsgan", "loss"),
        ("loss", "huber", "pixel_loss"),
        ("dataset", "folder", "data"),
        ("optimizer", "adamw", "optimizer"),
        ("metric", "kid", "metrics.kid"),
        ("observer", "early-stopping", "observers.early-stopping"),
        ("augmentation", "diffaugment", "augmentations.diffaugment"),
    ],
)
def test_where_the_options_of_a_component_are_set(kind, name, section):
    assert section_of(PluginManager({}).find(kind, name).spec) == section
