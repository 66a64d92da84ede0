"""The built-in augmentations by name and option."""

from __future__ import annotations

import pytest
import torch

import i2i
from i2i.errors import ConfigError


def test_diffaugment_has_the_papers_settings():
    chosen = i2i.resolve("photos", augment="diffaugment").augmentations
    assert [choice.to_dict() for choice in chosen] == [
        {
            "name": "diffaugment",
            "color": 1.0,
            "translation": 0.125,
            "cutout": 0.5,
            "probability": None,
            "adapt": False,
            "target": 0.6,
            "span": 0.1,
        }
    ]


def test_adapting_is_an_option():
    fixed, adapting = (i2i.create("augmentation", "diffaugment", adapt=adapt) for adapt in (False, True))
    pictures = torch.ones(4, 3, 16, 16)
    assert not torch.equal(fixed(pictures, torch.Generator()), pictures)
    assert torch.equal(adapting(pictures, torch.Generator()), pictures), "it begins at 0"
    assert hasattr(adapting, "adapt")
    assert not hasattr(fixed, "adapt")


@pytest.mark.parametrize(
    ("option", "value"), [("color", 1.1), ("translation", 1), ("cutout", -0.1), ("probability", 2), ("span", 0)]
)
def test_what_makes_no_sense_is_refused_by_name(option, value):
    with pytest.raises(ConfigError, match=rf"augmentations\.diffaugment\.{option}: got {value}"):
        i2i.resolve("photos", augment="diffaugment", set={f"augmentations.diffaugment.{option}": value})


def test_options_of_one_that_is_not_chosen_name_the_option_that_chooses_it():
    with pytest.raises(ConfigError, match=r"this augmentation is not chosen; choose it with --augment diffaugment"):
        i2i.resolve("photos", set={"augmentations.diffaugment.color": 0.5})


def test_none_chooses_none_over_what_a_file_names(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("augmentations: [diffaugment]\n")
    assert i2i.resolve("photos", config=file).augmentations[0].name == "diffaugment"
    assert i2i.resolve("photos", config=file, augment="none").augmentations == ()


@pytest.mark.parametrize(("option", "value"), [("target", 0.5), ("span", 0.2)])
def test_what_only_adapting_looks_at_is_refused_without(option, value):
    with pytest.raises(
        ConfigError, match=f"{option} is for adapting, and would do nothing; got {value}; set adapt=true"
    ):
        i2i.create("augmentation", "diffaugment", **{option: value})
    assert i2i.create("augmentation", "diffaugment", **{option: value, "adapt": True})
