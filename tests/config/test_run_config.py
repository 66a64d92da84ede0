"""The resolved configuration as plain values."""

from __future__ import annotations

import json

import pytest
import yaml

from i2i.api import resolve
from i2i.config.run_config import TrainingOptions, flatten
from i2i.config.sections import AUGMENTATIONS, COMPONENTS, METRICS, OBSERVERS, PLAIN, READERS
from i2i.plugins.component_options import describe_options


def test_the_dictionary_holds_every_section_and_plain_values_only():
    values = resolve(settings=["observers.name=[tensorboard]"]).to_dict()

    assert set(values) == {*COMPONENTS, *PLAIN, METRICS, OBSERVERS, AUGMENTATIONS, READERS}
    assert json.loads(json.dumps(values)) == values
    assert values["data"]["root"] == "sample:flat-3d"
    assert values["discriminator"][0]["name"] == "patch70"


def test_yaml_reads_from_top_to_bottom_and_keeps_letters():
    text = resolve("Bäume").to_yaml()

    assert text.startswith("method:\n  name: cyclegan\n  lambda_A: 10.0\n")
    assert "root: Bäume" in text
    assert "python" not in text
    assert yaml.safe_load(text) == resolve("Bäume").to_dict()


def test_a_configuration_cannot_be_changed():
    config = resolve()

    with pytest.raises(AttributeError):
        config.data_root = "elsewhere"
    with pytest.raises(ValueError, match="frozen"):
        config.training.steps = 5


def test_every_option_is_described():
    for options in PLAIN.values():
        for field in describe_options(options):
            assert field.description, f"{options.__name__}.{field.name}"


@pytest.mark.parametrize("name", ["batch_size", "accumulate", "log_every", "checkpoint_every", "keep", "sample_images"])
def test_counts_are_positive(name):
    with pytest.raises(ValueError, match="greater than 0"):
        TrainingOptions(**{name: 0})


def test_flat_names():
    assert flatten({"a": {"b": {"c": 1}, "d": [2, 3]}, "e": None}) == {"a.b.c": 1, "a.d": [2, 3], "e": None}
