"""What a generator is used for once it is trained is tried by the checks, and what fails says what to do."""

import time

import pytest
import torch
from torch import nn

from i2i.testing import check_component, check_generator

from ..helpers.fixtures import exporters_imported, quick_exports
from .examples import GoodGenerator, generator_spec

__all__ = ["exporters_imported", "quick_exports"]

EXPORTS = ["export to torch", "export to onnx"]


class Halving(GoodGenerator):
    """An instance norm after four halvings: 16 pixels leave one, which it refuses."""

    def forward(self, image):
        small = nn.functional.instance_norm(nn.functional.avg_pool2d(image, 16))
        return super().forward(image) + 0 * small.mean()


class BatchNorm(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.last = nn.Sequential(nn.BatchNorm2d(4), self.last)


class OfOneHeight(GoodGenerator):
    """Can be traced for one size alone."""

    def forward(self, image):
        return super().forward(image) * torch.ones(int(image.shape[2]), 1)


class ByValues(GoodGenerator):
    def forward(self, image):
        output = super().forward(image)
        return output if output.mean() < 2 else -output


class SlowToTrace(GoodGenerator):
    def forward(self, image):
        while torch.compiler.is_compiling():
            time.sleep(0.01)
        return super().forward(image)


def exported(network, seconds=300.0, **more):
    results = check_component(generator_spec(network, **more), export_seconds=seconds)
    return [result for result in results if result.name in EXPORTS]


def test_one_pixel_is_translated_or_smallest_size_is_too_small():
    spec = generator_spec(Halving, size_multiple=lambda _: 16)
    (broken,) = [result for result in check_component(spec) if result.name == "one pixel"]
    assert not broken.ok
    assert broken.message.startswith("an image of one pixel, padded to 16 x 16, is not translated: generator example")
    assert broken.message.endswith("says so with smallest_size")
    check_generator(generator_spec(Halving, size_multiple=lambda _: 16, smallest_size=lambda _: 32))


def test_one_image_of_the_smallest_size_can_be_trained_on():
    (broken,) = [result for result in check_component(generator_spec(BatchNorm)) if not result.ok]
    assert broken.name == "batch of one"
    assert broken.message.startswith("training on one image of 1 x 1, the smallest that it declares, fails (Expected")
    check_generator(generator_spec(BatchNorm, smallest_size=lambda _: 2))


def test_nothing_is_exported_unless_asked_for():
    assert not {result.name for result in check_component(generator_spec(GoodGenerator))} & set(EXPORTS)


@pytest.mark.slow
@pytest.mark.usefixtures("exporters_imported")
def test_a_good_one_is_exported_in_every_format():
    assert [(result.name, result.ok, result.message) for result in exported(GoodGenerator)] == [
        (name, True, "") for name in EXPORTS
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("exporters_imported")
def test_one_that_is_exported_for_one_size_alone_says_so():
    for result in exported(OfOneHeight):
        assert result.ok
        assert result.message.startswith("for one size alone: ")
        assert "cannot be exported with free sizes; try `i2i export --size HxW`" in result.message


def test_one_that_cannot_be_exported_fails():
    failed = [result for result in check_component(generator_spec(ByValues), export_seconds=300.0) if not result.ok]
    assert [result.name for result in failed] == EXPORTS
    for result in failed:
        assert "cannot be exported with free sizes; try `i2i export --size HxW`" in result.message


def test_one_that_takes_too_long_to_trace_fails():
    for result in exported(SlowToTrace, seconds=0.3):
        assert not result.ok
        assert (
            "tracing and writing the generator was not done when the 0.3 seconds of --timeout were over"
            in result.message
        )
