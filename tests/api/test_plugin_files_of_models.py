"""A model whose generator is from a plugin file: used with the file, and without it told how to give it."""

import pytest
import torch

import i2i
from i2i.errors import ConfigError, PluginError
from i2i.serving.messages import ModelOptions
from i2i.serving.translating import load_model

from ..helpers.running import options

pytestmark = pytest.mark.usefixtures("no_page")

OAK = """
from i2i.plugins import GeneratorSpec, hookimpl

def build(options, *, in_channels, out_channels):
    from torch import nn

    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.Tanh())

@hookimpl
def i2i_generators():
    return [GeneratorSpec(name="oak", summary="A tree.", build=build)]
"""


@pytest.fixture(scope="module")
def oak(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugins") / "oak.py"
    path.write_text(OAK)
    return path


@pytest.fixture(scope="module")
def run(images, oak, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = {"generator.name": "oak", "data.mode": "none", "discriminator.name": "pixel"}
    i2i.run(**options(images, folder, settings=settings, steps=1, plugins=oak))
    return folder


def test_it_is_loaded_translated_served_and_resumed_with_the_file(run, oak):
    translator = i2i.load(run, plugins=[oak], device="cpu")
    assert translator(torch.zeros(3, 4, 5)).shape == (3, 4, 5)
    assert translator.info.package.startswith("oak.py sha256:")
    served = load_model(ModelOptions(run, {"device": "cpu"}, (str(oak),)))
    assert served["AtoB"].info.generator == "oak"
    resumed = i2i.run(resume=run, steps=2, plugins=[oak])
    assert resumed.step == 2
    assert f"--plugin {oak} run --resume" in resumed.resume_command


def test_without_the_file_it_says_where_it_was(run, oak):
    with pytest.raises(PluginError, match=rf"'oak' of file oak\.py \(sha256:\w+\): .* i2i --plugin {oak} \.\.\."):
        i2i.load(run)


def test_a_file_that_makes_another_network_is_named_with_both_hashes(run, tmp_path):
    other = tmp_path / "oak.py"
    other.write_text(OAK.replace("1), nn.Tanh", "3, padding=1), nn.Tanh"))
    with pytest.raises(i2i.CheckpointError, match=r"made with oak\.py sha256:\w+, here is oak\.py sha256:\w+: give"):
        i2i.load(run, plugins=[other])


def test_files_for_a_model_that_is_loaded_already_are_refused(run, oak, tmp_path):
    translator = i2i.load(run, plugins=[oak], device="cpu")
    with pytest.raises(ConfigError, match="plugins: the model is loaded already"):
        i2i.translate(translator, "a.png", tmp_path, plugins=[oak])
