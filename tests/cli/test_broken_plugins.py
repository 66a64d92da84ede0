"""A third-party component that fails while a run, a translation or an evaluation uses it: one message that names it."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from i2i.cli.main import main

PLUGIN = """
import torch
from torch import nn
from i2i.plugins import BufferSpec, DatasetSpec, DiscriminatorSpec, GeneratorSpec, LossSpec, MethodSpec, hookimpl

WHEN, WHAT = {when!r}, {what}

def fail(moment):
    if moment == WHEN:
        raise WHAT

class Generator(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Conv2d(inputs, outputs, 1)

    def forward(self, images):
        fail("generator" if self.training else "translation")
        return self.layer(images).tanh()

class Discriminator(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layer = nn.Conv2d(inputs, 1, 1)

    def forward(self, images):
        fail("discriminator")
        return self.layer(images)

class Loss:
    def __call__(self, image, target):
        fail("loss")
        return (image - target).abs().mean()

class Buffer:
    def exchange(self, images):
        fail("buffer")
        return images.detach()

    def state_dict(self):
        return {{}}

    def load_state_dict(self, state):
        pass

class Data:
    channels, domains, truth = {{"A": 3, "B": 3}}, {{"A": "a", "B": "b"}}, False

    def __init__(self, split):
        self.split = split

    def __len__(self):
        fail("length")
        return 4

    def __getitem__(self, key):
        fail("sample" if self.split == "train" else "held-out sample")
        return {{"A": torch.zeros(3, 16, 16), "B": torch.zeros(3, 16, 16), "A_name": "a", "B_name": "b"}}

def build(moment, make):
    fail(moment)
    return make()

@hookimpl
def i2i_generators():
    return [GeneratorSpec(
        name="oak", summary="A tree.",
        build=lambda _, *, in_channels, out_channels: build("build", lambda: Generator(in_channels, out_channels)),
        size_multiple=lambda _: build("size", lambda: 1),
    )]

@hookimpl
def i2i_discriminators():
    def make(_, *, in_channels):
        return Discriminator(in_channels)

    return [DiscriminatorSpec(name="oak", summary="A tree.", build=make)]

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", summary="A tree.", family="pixel", build=lambda _: Loss())]

@hookimpl
def i2i_buffers():
    return [BufferSpec(name="oak", summary="A tree.", build=lambda _, *, generator: Buffer())]

@hookimpl
def i2i_datasets():
    return [DatasetSpec(name="oak", summary="A tree.", build=lambda _, *, root, split, seed: Data(split))]
"""
COMMAND = (
    "run --data here --generator oak --discriminator oak --pixel-loss oak --buffer oak --set data.name=oak --device cpu"
)


@pytest.fixture
def broken(install, tmp_path, monkeypatch):
    """Run ``i2i run`` with a package whose components fail at a moment, and return what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(when, what, *more):
        install("i2i-oak", textwrap.dedent(PLUGIN).format(when=when, what=what))
        return CliRunner().invoke(main, [*COMMAND.split(), "--steps", "1", "--out", "run", *more])

    return run


@pytest.mark.parametrize(
    ("when", "who", "doing"),
    [
        ("build", "generator 'oak'", "building generator oak failed"),
        ("size", "generator 'oak'", "asking generator oak for its size_multiple failed"),
        ("length", "data set 'oak'", "opening the train split of here failed"),
        ("generator", "generator 'oak'", "step 1 of method cyclegan failed"),
        ("discriminator", "discriminator 'oak'", "step 1 of method cyclegan failed"),
        ("loss", "loss 'oak'", "step 1 of method cyclegan failed"),
        ("buffer", "buffer 'oak'", "step 1 of method cyclegan failed"),
        ("translation", "generator 'oak'", "translating a held-out image AtoB failed"),
        ("held-out sample", "data set 'oak'", "reading "),
    ],
)
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("AssertionError()", "raised AssertionError"),
        ("RuntimeError('no\\x1b[2J leaves\\nat all')", "no\\x1b[2J leaves"),
    ],
)
def test_whatever_a_component_raises_names_it_its_package_and_version(broken, when, who, doing, what, said):
    result = broken(when, what)

    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), "no traceback"
    assert f"{who} of package i2i-oak 1.2 raised" in result.stderr
    assert doing in result.stderr
    assert said in result.stderr
    assert "report it to package i2i-oak, or choose another" in result.stderr


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_data_set_that_fails_is_named_also_from_a_loading_process(broken, workers):
    result = broken("sample", "TypeError('no leaves')", "--set", "training.sample_images=1", "--workers", workers)

    assert result.exit_code == 1
    assert "data set 'oak' of package i2i-oak 1.2 raised TypeError: no leaves" in result.stderr
    assert "Original" not in result.stderr


def test_a_component_cannot_end_the_run_as_if_all_were_well(broken):
    result = broken("loss", "SystemExit(0)")

    assert result.exit_code == 1
    assert "loss 'oak' of package i2i-oak 1.2 raised SystemExit: 0" in result.stderr


def test_a_file_or_memory_is_no_fault_of_the_component(broken):
    result = broken("held-out sample", "PermissionError(13, 'Permission denied', 'a.png')")
    assert (
        "data set 'oak' of package i2i-oak 1.2 could not read: [Errno 13] Permission denied: 'a.png'" in result.stderr
    )


def test_short_memory_says_what_needs_less(broken):
    result = broken("generator", "torch.OutOfMemoryError('CUDA out of memory')")

    assert result.exit_code == 1
    assert "there is not enough memory: CUDA out of memory" in result.stderr
    assert "--image-size" in result.stderr


def test_short_memory_of_the_cpu_is_known_though_torch_has_no_class_for_it(broken):
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)

    result = broken("generator", f"RuntimeError({str(raised.value)!r})")

    assert result.exit_code == 1
    assert "there is not enough memory: [enforce fail at alloc_cpu" in result.stderr


def test_tracing_shows_the_traceback_as_well(broken, monkeypatch):
    assert "Traceback" not in broken("loss", "KeyError('leaf')").stderr
    monkeypatch.setenv("I2I_TRACE_PLUGINS", "1")

    stderr = CliRunner().invoke(main, [*COMMAND.split(), "--steps", "1", "--out", "again"]).stderr

    assert "Traceback" in stderr
    assert 'fail("loss")' in stderr
    assert stderr.count("loading oak of i2i-oak") == 1
    assert "loss 'oak' of package i2i-oak 1.2 raised KeyError: 'leaf'" in stderr


def test_translating_and_evaluating_name_it_too(broken, install, tmp_path):
    result = broken("never", "TypeError()")
    assert result.exit_code == 0, result.output
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "site-packages" / "i2i_oak.py").write_text(
        PLUGIN.format(when="translation", what="TypeError('no leaves')")
    )
    import sys

    del sys.modules["i2i_oak"]

    result = CliRunner().invoke(main, ["translate", "run", "a.png", "--device", "cpu", "-o", "out"])
    assert result.exit_code == 1
    assert "generator 'oak' of package i2i-oak 1.2 raised TypeError: no leaves" in result.stderr

    result = CliRunner().invoke(main, ["evaluate", "run", "--device", "cpu", "--metrics", "pairs"])
    assert result.exit_code == 1
    assert "generator 'oak' of package i2i-oak 1.2 raised TypeError: no leaves" in result.stderr


OPTIONS = """
from pydantic import Field, field_validator
from i2i.plugins import LossSpec, MethodSpec, Options, hookimpl

class OakOptions(Options):
    leaves: int = Field(ge=0, description="how many")
    height: int = Field(3, description="in metres")

    @field_validator("height")
    @classmethod
    def _check(cls, height):
        return 1 // (height - 5) + height

class Method:
    generators = {"G": "no module"}
    discriminators, buffers, directions = {}, {}, {"AtoB": "G"}

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", summary="A tree.", family="pixel", build=lambda _: None, options=OakOptions)]

@hookimpl
def i2i_methods():
    return [MethodSpec(name="oak", summary="A tree.", build=lambda _, *, parts: Method(), pairing=lambda _: "unpaired")]
"""


def test_options_that_a_plugin_cannot_check_are_a_wrong_setting_beside_the_others(install):
    install("i2i-oak", OPTIONS)
    command = "run --dry-run --pixel-loss oak --set generator.nosuch=1"

    stderr = CliRunner().invoke(main, command.split()).stderr
    assert "pixel_loss.leaves: " in stderr
    assert "generator.nosuch: there is no such option" in stderr

    given = ["--set", "pixel_loss.leaves=2", "--set", "pixel_loss.height=5"]
    result = CliRunner().invoke(main, [*command.split(), *given])
    assert result.exit_code == 2
    assert "pixel_loss: its options could not be checked: ZeroDivisionError" in result.stderr
    assert "generator.nosuch: there is no such option" in result.stderr


def test_a_method_without_networks_is_named(install, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    install("i2i-oak", OPTIONS)

    result = CliRunner().invoke(main, ["run", "--method", "oak", "--device", "cpu", "--steps", "1"])

    assert result.exit_code == 1
    assert "method 'oak' of package i2i-oak 1.2 raised TypeError: network G must be a torch.nn.Module; got str" in (
        result.stderr
    )
