"""The functions behind ``import i2i``. Whole runs are tested with the engine."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import i2i
from i2i import errors
from i2i.api import resolve
from i2i.errors import ConfigError, I2IError, PluginError, RunFolderError


def test_importing_i2i_imports_no_torch():
    code = "import sys, i2i; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_exported_name_is_there_and_type_checkers_see_the_same():
    tree = ast.parse(Path(i2i.__file__).read_text(encoding="utf-8"))
    (for_types, *_) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {(node.module, alias.name) for node in for_types.body for alias in node.names}

    assert {(home, name) for home, names in i2i._HOMES.items() for name in names.split()} == seen
    assert i2i.__all__ == sorted(i2i.__all__)
    assert [name for name in i2i.__all__ if not hasattr(i2i, name)] == []
    assert set(i2i.__all__) <= set(dir(i2i))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        i2i.nothing  # noqa: B018


def test_every_error_is_exported():
    raised = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, I2IError)}

    assert raised <= set(i2i.__all__)


def test_what_a_function_returns_is_exported():
    for name in i2i.__all__:
        function = getattr(i2i, name)
        if not inspect.isfunction(function):
            continue
        named = set(re.findall(r"[A-Za-z_]+", str(inspect.signature(function).return_annotation)))
        assert named <= {*i2i.__all__, "Any", "Iterator", "None", "list", "tuple"}, name


def test_options_and_settings_win_over_the_file_and_neither_over_the_other(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("training:\n  steps: 1\n  seed: 1\n  batch_size: 1\ngenerator: resnet6\n")
    config = resolve(config=file, settings={"training.seed": 2, "training.batch_size": 3}, batch_size=3)
    training = config.training
    assert (training.steps, training.seed, training.batch_size) == (1, 2, 3)
    assert config.generator.name == "resnet6"
    with pytest.raises(ConfigError, match=r"training\.batch_size is given twice, .* with 3 and .*=2; leave one out"):
        resolve(config=file, settings={"training.batch_size": 2}, batch_size=3)


def test_settings_come_as_strings_or_as_a_mapping():
    ours = resolve(settings=["generator.base_channels=8", "schedule.name=cosine"])
    assert ours == resolve(settings={"generator.base_channels": 8, "schedule.name": "cosine"})
    assert ours.generator.options.base_channels == 8


def test_a_resolved_configuration_resolves_to_itself(tmp_path):
    config = resolve("sample:line-3d", discriminator=["patch70", "pixel"], settings={"discriminator.1.norm": "batch"})
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert resolve(config=file) == config


def test_every_wrong_setting_is_reported_at_once():
    with pytest.raises(ConfigError) as raised:
        resolve(steps=-1, image_size=0, settings={"generator.base_chanels": 8})
    for part in ("training.steps", "data.image_size", "base_channels"):
        assert part in str(raised.value)


@pytest.mark.parametrize("option", [{"out": "elsewhere"}, {"config": "file.yaml"}])
def test_a_resume_takes_no_other_folder_and_no_file(tmp_path, option):
    with pytest.raises(ConfigError, match="leave out --out, --config"):
        i2i.run(resume=tmp_path, **option)


def test_a_missing_run_cannot_be_resumed(tmp_path):
    with pytest.raises(RunFolderError, match=r"nowhere: config\.yaml is missing; expected a run folder"):
        i2i.run(resume=tmp_path / "nowhere")


def test_an_unknown_device_leaves_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="--device must be"):
        i2i.run(out=tmp_path / "run", device="gpu")
    assert not (tmp_path / "run").exists()


def test_a_generator_and_a_discriminator_by_name():
    generator = i2i.create("generator", "resnet9", in_channels=1, out_channels=2, base_channels=4)
    assert generator(torch.zeros(1, 1, 16, 16)).shape == (1, 2, 16, 16)
    discriminator = i2i.create("discriminator", "patch", layers=1, base_channels=4)
    assert discriminator(torch.zeros(1, 3, 16, 16)).shape[:2] == (1, 1)


def test_a_loss_a_buffer_and_a_data_set_by_name():
    loss = i2i.create("loss", "lsgan")
    assert loss.generator(torch.ones(2)).item() == 0
    buffer = i2i.create("buffer", "replay", generator=torch.Generator(), size=2)
    assert buffer.exchange(torch.zeros(1, 3, 4, 4)).shape == (1, 3, 4, 4)
    data = i2i.create("dataset", "folder", root="sample:flat-3d", split="test", image_size=64)
    assert data[0, 0]["A"].shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("generater", "resnet9", {}, "there is no kind of component called 'generater'"),
        ("generator", "resnet99", {}, "resnet9"),
        ("generator", "resnet9", {"base_channels": 0}, "base_channels"),
        ("buffer", "replay", {}, "needs generator"),
        ("method", "cyclegan", {}, "needs parts"),
        ("dataset", "folder", {}, "needs root"),
    ],
)
def test_what_cannot_be_made_says_why(kind, name, options, message):
    with pytest.raises(I2IError, match=message) as raised:
        i2i.create(kind, name, **options)
    assert isinstance(raised.value, (PluginError, ConfigError))
