"""Every option of a run is one setting, and is called the same wherever it is given."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import numpy as np
import pytest
import torch

import i2i
from i2i.api.run_options import SETTING_OF, RunOptions
from i2i.config.run_config import TrainingOptions
from i2i.config.sections import AUGMENTATIONS, COMPONENTS, METRICS, OBSERVERS, PLAIN
from i2i.errors import ConfigError

NAMES = [field.name for field in fields(RunOptions)]


def test_what_is_not_given_is_in_no_layer():
    assert RunOptions().to_layer() == {}


def test_every_option_is_a_setting_of_a_section():
    assert {*SETTING_OF, "set"} == {*NAMES}
    for section, option in SETTING_OF.values():
        assert section in (*COMPONENTS, METRICS, OBSERVERS, AUGMENTATIONS) or option in PLAIN[section].model_fields
        assert section != "training" or option in TrainingOptions.model_fields


@pytest.mark.parametrize("function", [i2i.run, i2i.resolve])
def test_functions_spell_every_option_out(function):
    keywords = inspect.signature(function).parameters
    assert [name for name in NAMES if name not in keywords] == []
    assert not [each for each in keywords.values() if each.kind is each.VAR_KEYWORD]


@pytest.mark.parametrize("function", [i2i.run, i2i.resolve])
@pytest.mark.parametrize("name", SETTING_OF)
def test_functions_hand_every_option_on(function, name):
    """Shown by what contradicts each."""
    setting = ".".join(SETTING_OF[name])
    with pytest.raises(ConfigError, match=f"{re.escape(setting)} is given twice"):
        function(**{name: "one"}, set={setting: "another"})


VALUES = {
    "data": ("photos", "photos"),
    "method": ("pix2pix", "pix2pix"),
    "generator": ("resnet6", "resnet6"),
    "loss": ("hinge", "hinge"),
    "buffer": ("none", "none"),
    "steps": (3, 3),
    "epochs": (0.5, 0.5),
    "minutes": (0.5, 0.5),
    "image_size": (64, 64),
    "batch_size": (np.int64(2), 2),
    "accumulate": (torch.tensor(2), 2),
    "seed": (7, 7),
    "device": (torch.device("cpu"), "cpu"),
    "precision": ("bf16", "bf16"),
    "workers": (0, 0),
    "direction": ("BtoA", "BtoA"),
    "keep": (5, 5),
    "skip_bad": (True, True),
}


@pytest.mark.parametrize("name", VALUES)
def test_an_option_reaches_its_setting_as_a_plain_value(name):
    given, plain = VALUES[name]
    section, option = SETTING_OF[name]

    layer = RunOptions(**{name: given}).to_layer()

    assert layer == {section: {option: plain}}
    assert type(layer[section][option]) is type(plain)
    values = i2i.resolve(**{name: given}).to_dict()
    assert values[section][option] == plain


def test_several_discriminators_and_observers():
    layer = RunOptions(discriminator=("patch70", "pixel"), observer=("tensorboard", "wandb")).to_layer()

    assert layer == {
        "discriminator": {"name": ["patch70", "pixel"]},
        "observers": {"name": ["tensorboard", "wandb"]},
    }


def test_models_and_patterns_are_lists(tmp_path):
    layer = RunOptions(init_from=tmp_path, freeze="G.*").to_layer()
    assert layer == RunOptions(init_from=[tmp_path], freeze=("G.*",)).to_layer()
    assert layer == {"training": {"init_from": [str(tmp_path)], "freeze": ["G.*"]}}


def test_settings_join_the_options_and_may_not_contradict_them():
    assert RunOptions(steps=3, set=["training.seed=7", "training.steps=3"]).to_layer() == {
        "training": {"seed": 7, "steps": 3}
    }
    with pytest.raises(ConfigError, match=r"training\.steps is given twice"):
        RunOptions(steps=3, set={"training.steps": 4}).to_layer()


def test_an_option_that_nobody_knows_is_a_type_error():
    with pytest.raises(TypeError, match="log_every"):
        i2i.resolve(log_every=3)
