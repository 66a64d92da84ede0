"""Files and ``section.option=value`` become layers, and anything of another form is named with its place."""

from __future__ import annotations

import pytest

from i2i.config.layers import layer_from_file, layer_from_mapping, layer_from_settings, merge, merge_once
from i2i.errors import ConfigError


def test_a_file_is_read_by_sections(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("generator: resnet6\ntraining: {steps: 3}\ndiscriminator: [pixel, {name: patch, layers: 2}]\n")

    assert layer_from_file(path) == {
        "generator": {"name": "resnet6"},
        "training": {"steps": 3},
        "discriminator": {"name": ["pixel", "patch"], "0": {}, "1": {"layers": 2}},
    }


def test_a_discriminator_of_a_list_without_a_name_is_the_usual_one():
    layer = layer_from_mapping({"discriminator": [{"layers": 2}]}, "here")

    assert layer == {"discriminator": {"name": ["patch70"], "0": {"layers": 2}}}


def test_an_empty_file_is_an_empty_layer(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")

    assert layer_from_file(tmp_path / "empty.yaml") == {}


@pytest.mark.parametrize(
    "setting", ["generator.base_channels", "generator=resnet9", "base_channels=8", "=", "generator.=8"]
)
def test_settings_of_another_form_are_refused(setting):
    with pytest.raises(ConfigError, match=r"--set .*: expected section.option=value, such as generator.base_ch"):
        layer_from_settings([setting])


def test_a_setting_that_is_no_yaml_is_refused():
    with pytest.raises(ConfigError, match=r"--set generator.norm=\[: the value is not YAML"):
        layer_from_settings(["generator.norm=["])


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"--config .*nowhere.yaml: cannot be read: No such file"):
        layer_from_file(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        layer_from_file(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xff\x00\x81")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        layer_from_file(binary)


def test_a_layer_is_a_copy():
    values = {"discriminator": [{"name": "pixel", "base_channels": 4}], "generator": {"name": "resnet6"}}

    layer_from_mapping(values, "here")

    assert values == {"discriminator": [{"name": "pixel", "base_channels": 4}], "generator": {"name": "resnet6"}}


@pytest.mark.parametrize(
    ("value", "kept"), [("#000000", "#000000"), ("'#00ff00'", "#00ff00"), (" #0000ff ", "#0000ff"), ("1 # one", 1)]
)
def test_a_value_that_yaml_takes_for_a_comment_is_kept(value, kept):
    assert layer_from_settings([f"data.background={value}"]) == {"data": {"background": kept}}


def test_settings_go_to_their_sections_and_to_one_of_several_discriminators():
    settings = ["generator.norm=none", "training.steps=7", "discriminator.1.layers=2", "discriminator.layers=3"]

    assert layer_from_settings(settings) == {
        "generator": {"norm": "none"},
        "training": {"steps": 7},
        "discriminator": {"1": {"layers": 2}, "layers": 3},
    }
    assert layer_from_settings({"training.steps": 7}) == {"training": {"steps": 7}}


def test_settings_of_the_optimiser_go_to_a_group_of_networks():
    settings = [
        "optimizer.beta1=0.9",
        "optimizer.discriminators.learning_rate=1e-4",
        "optimizer.discriminators.beta1=0",
    ]

    assert layer_from_settings(settings) == {
        "optimizer": {"beta1": 0.9, "discriminators": {"learning_rate": 1e-4, "beta1": 0}}
    }
    with pytest.raises(ConfigError, match=r"optimizer\.generators is given twice: as a whole and as optimizer\.gen"):
        layer_from_settings(["optimizer.generators=3", "optimizer.generators.beta1=0"])


def test_a_setting_given_twice_is_refused():
    with pytest.raises(ConfigError, match=r"--set training\.steps is given twice, with 7 and 8; leave one out"):
        layer_from_settings(["training.steps=7", "training.steps=8"])


def test_later_layers_win_option_by_option():
    earlier, later = {"a": {"x": 1, "y": 1}}, {"a": {"y": 2}, "b": {"z": 3}}

    assert merge(earlier, later) == {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    assert earlier == {"a": {"x": 1, "y": 1}}


def test_one_option_given_in_two_ways_must_agree():
    assert merge_once({"training": {"steps": 7}}, {"training": {"steps": 7}}) == {"training": {"steps": 7}}
    assert merge_once({"generator": {"norm": "none"}}, {"training": {"steps": 7}}) == {
        "generator": {"norm": "none"},
        "training": {"steps": 7},
    }
    with pytest.raises(ConfigError, match=r"training\.steps is given twice, as an option of its own with 8 and with"):
        merge_once({"training": {"steps": 7}}, {"training": {"steps": 8}})
