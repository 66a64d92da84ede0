"""A configuration as a file: short forms, other forms, encodings, and what comes back from one that was written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2i.api import resolve
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

from ..helpers.examples import examples
from ..helpers.settings import problems

MANAGER = PluginManager({})


def test_short_forms_in_a_file(file):
    config = resolve(config=file("generator: resnet6\nloss: {name: hinge}\ndiscriminator: pixel\nmethod: cyclegan\n"))

    assert (config.generator.name, config.loss.name, config.discriminators[0].name) == ("resnet6", "hinge", "pixel")


def test_an_empty_file_changes_nothing(file):
    assert resolve(config=file("# nothing\n")) == resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "expected sections such as 'generator:'; got list"),
        ("just words", "expected sections such as 'generator:'; got str"),
        ("training:\n", "section 'training' must hold options; got None"),
        ("training: 5\n", "section 'training' must hold options; got 5"),
        ("generator: [resnet9]\n", r"section 'generator' must hold options; got \['resnet9'\]"),
        ("discriminator: [5]\n", "a discriminator must be a name or options; got 5"),
        ("a: b: c\n", "is not YAML"),
        ("generator: !!python/object/apply:os.getcwd []\n", "is not plain YAML"),
    ],
)
def test_files_of_another_form_are_refused(file, text, message):
    path = file(text)

    with pytest.raises(ConfigError, match=message) as caught:
        resolve(config=path)
    assert str(caught.value).startswith(f"--config {path}: ")


def test_a_wrong_section_in_a_file(file):
    (told,) = problems(config=file("optimiser: {beta1: 0.9}\n"))

    assert told.startswith("optimiser: there is no such section; did you mean 'optimizer'?")


choices = st.fixed_dictionaries(
    {},
    optional={
        "generator.name": st.sampled_from(["resnet6", "resnet9", "unet128", "unet256"]),
        "generator.base_channels": st.integers(1, 128),
        "generator.init_gain": st.floats(1e-9, 10),
        "generator.upsample": st.sampled_from(["deconv", "resize"]),
        "discriminator.name": st.lists(
            st.sampled_from(["patch70", "patch", "pixel", "multiscale"]), min_size=1, max_size=4
        ),
        "discriminator.copies": st.integers(1, 3),
        "discriminator.spectral_norm": st.booleans(),
        "discriminator.0.base_channels": st.integers(1, 128),
        "loss.name": st.sampled_from(["gan", "lsgan", "hinge", "wgan-gp"]),
        "pixel_loss.name": st.sampled_from(["l1", "l2", "huber"]),
        "buffer.name": st.sampled_from(["replay", "none"]),
        "optimizer.name": st.sampled_from(["adam", "adamw"]),
        "optimizer.learning_rate": st.floats(1e-12, 1),
        "optimizer.discriminators.learning_rate": st.floats(1e-12, 1),
        "schedule.name": st.sampled_from(["linear", "cosine", "step", "plateau", "constant"]),
        "schedule.flat_epochs": st.one_of(st.none(), st.integers(0, 300)),
        "training.epochs": st.one_of(st.none(), st.floats(0.001, 1e6)),
        "training.minutes": st.one_of(st.none(), st.integers(1, 1000)),
        "observers.name": st.lists(st.sampled_from(["tensorboard", "early-stopping"]), max_size=2, unique=True),
        "training.seed": st.integers(0, 2**32 - 1),
        "data.serial": st.booleans(),
        "data.background": st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    },
)


def test_a_moving_average_that_0_1_0_began_has_no_ramp_up():
    values = resolve().to_dict()
    assert config_from_dict(PluginManager(), values).training.ema_ramp_up == 0.05
    del values["training"]["ema_ramp_up"]
    assert config_from_dict(PluginManager(), values).training.ema_ramp_up == 0


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    data=st.sampled_from(["sample:flat-3d", "sample:line-3d", "photos", "Bilder/Bäume: neu", "007", "null"]),
    method=st.sampled_from(["cyclegan", "pix2pix"]),
    given=choices,
)
def test_a_configuration_comes_back_from_its_dictionary_and_from_yaml(data, method, given):
    config = resolve(data, method=method, settings=given)

    assert config_from_dict(MANAGER, config.to_dict()) == config
    assert config_from_dict(MANAGER, yaml.safe_load(config.to_yaml())) == config


@pytest.mark.parametrize("data", ["sample:flat-3d", "sample:line-3d", "photos"])
def test_a_printed_configuration_as_a_file_is_the_same_run(file, data):
    config = resolve(data, discriminator=["patch70", "pixel"], settings=["discriminator.copies=2"])

    path = file(config.to_yaml())

    assert resolve(config=path) == config
    assert resolve(config=path, seed=4).training.seed == 4


def test_a_run_whose_plugin_is_gone_says_so():
    values = resolve().to_dict()
    values["generator"]["name"] = "gone"

    with pytest.raises(ConfigError, match="generator: there is no generator called 'gone'"):
        config_from_dict(MANAGER, values)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_what_powershell_and_notepad_write_is_read(tmp_path, encoding):
    path = tmp_path / "mine.yaml"
    path.write_bytes(resolve("Bäume", steps=7).to_yaml().replace("\n", "\r\n").encode(encoding))

    assert resolve(config=path) == resolve("Bäume", steps=7)
