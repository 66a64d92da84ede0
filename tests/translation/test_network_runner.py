"""A batch through a generator: what comes out is checked, and what goes wrong is named."""

import dataclasses

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import DataError, DivergedError, PluginError
from i2i.translation.network_runner import NetworkRunner


@pytest.fixture(scope="module")
def info():
    return i2i.load("sample:flat-3d", device="cpu").info


def run(network, info, **options):
    return NetworkRunner(network, info, device="cpu", **options).run(torch.zeros(2, 3, 16, 20))


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        return torch.full_like(images, self.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_diverged(info, value):
    with pytest.raises(DivergedError) as raised:
        run(Constant(value), info)
    assert str(raised.value) == (
        f"generator {info.generator} of {info.checkpoint} gave NaN or infinity; use an earlier checkpoint, or "
        "precision fp32"
    )


def test_a_network_that_changes_the_size(info):
    with pytest.raises(PluginError, match=r"gave \[2, 3, 8, 10\] .* expected \[2, 3, 16, 20\]"):
        run(nn.AvgPool2d(2), info)


def test_a_network_that_gives_no_tensor(info):
    class Pair(nn.Module):
        def forward(self, images):
            return images, images

    with pytest.raises(PluginError, match="gave tuple for images of shape"):
        run(Pair(), info)


def test_a_network_that_refuses(info):
    with pytest.raises(DataError, match="generator resnet9 cannot translate 2 images of 16x20 pixels: "):
        run(nn.Conv2d(4, 3, 1), info)


def test_a_network_with_a_fault_of_its_own(info):
    class Faulty(nn.Module):
        def forward(self, images):
            raise KeyError("colour")

    with pytest.raises(PluginError, match=r"generator resnet9: translating failed: .* raised KeyError: 'colour'"):
        run(Faulty(), info)


def test_results_are_float32_without_gradients_and_weights_stay(info):
    network = nn.Conv2d(3, 3, 1)
    before = network.weight.clone()
    output = run(network, info, precision="bf16")
    assert output.dtype == torch.float32
    assert not output.requires_grad
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, before)


def test_layers_of_tiles_are_computed_as_the_network_is(info):
    runner = NetworkRunner(nn.Conv2d(3, 3, 1), info, device="cpu", precision="bf16")
    with torch.enable_grad(), runner.computing():
        output = runner.network(torch.zeros(1, 3, 4, 4))
    assert output.dtype == torch.bfloat16
    assert not output.requires_grad


def test_a_refusal_by_a_strangers_network_names_its_package_and_shows_where_if_asked(info, monkeypatch, capsys):
    monkeypatch.setenv("I2I_TRACE_PLUGINS", "1")
    theirs = dataclasses.replace(info, generator="oak", package="i2i-oak 1.2")
    with pytest.raises(DataError, match=r"generator oak of package i2i-oak 1\.2 cannot translate 2 images"):
        run(nn.Conv2d(4, 3, 1), theirs)
    assert "Traceback" in capsys.readouterr().err
