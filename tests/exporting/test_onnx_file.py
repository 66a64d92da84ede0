"""ONNX files are small, quick and for old runtimes, and mean the same."""

import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from i2i.builtin.layers import InputSkip
from i2i.exporting.onnx_file import write_onnx

from ..helpers.fixtures import read_onnx_operators_once

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


OPEN = {0: "batch", 2: "height", 3: "width"}


def written(network, path):
    program = torch.export.export(
        network.eval(), (torch.zeros(2, 3, 17, 29),), dynamic_shapes=(dict.fromkeys(OPEN, Dim.DYNAMIC),), strict=False
    )
    read_onnx_operators_once()
    write_onnx(program, path, "{}", OPEN)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(path, x):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": x.numpy()})[0])


class Doubling(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, **{"kernel_size": 3, "padding": 1, **options})

    def forward(self, images):
        return self.conv(F.interpolate(images, scale_factor=2.0, mode="nearest"))


class Together(nn.ModuleDict):
    """Networks in one file, each of images of its own: all that they give, as one list of numbers."""

    def forward(self, images):
        return torch.cat([network(images + number).flatten() for number, network in enumerate(self.values())])


def weights_in(model):
    """Which of :class:`Together` kept their weights as they are in the file."""
    names = (stored.name.split(".") for stored in model.graph.initializer)
    return {name[0] for name in names if name[-1] == "weight"}


DOUBLED = {"plain": {}, "no_bias": {"bias": False}}
DOUBLED_OTHERWISE = {"padding": {"padding": 0}, "stride": {"stride": 2}, "kernel": {"kernel_size": 5}}


@pytest.mark.parametrize(("every", "joined", "smallest"), [(DOUBLED, True, (1, 1)), (DOUBLED_OTHERWISE, False, (2, 3))])
def test_doubling_and_convolution_become_one(tmp_path, every, joined, smallest):
    network = Together({name: Doubling(**options) for name, options in every.items()})
    model = written(network, tmp_path / "m.onnx")
    assert [node.op_type for node in model.graph.node].count("ConvTranspose") == (len(every) if joined else 0)
    for size in (smallest, (7, 5), (16, 33)):
        x = torch.randn(2, 3, *size)
        assert torch.allclose(run(tmp_path / "m.onnx", x), network(x), atol=1e-5)


def test_the_doubled_image_stays_where_something_else_reads_it(tmp_path):
    class Both(Doubling):
        def forward(self, images):
            doubled = F.interpolate(images, scale_factor=2.0, mode="nearest")
            return torch.cat([self.conv(doubled), doubled], 1)

    network = Both()
    written(network, tmp_path / "m.onnx")
    x = torch.randn(1, 3, 9, 8)
    assert torch.allclose(run(tmp_path / "m.onnx", x), network(x), atol=1e-5)


THIN = {
    "plain": {},
    "no_bias": {"padding": (1, 3), "bias": False},
    "columns": {"out_channels": 1, "kernel_size": (5, 9)},
}
NOT_THIN = {
    "outputs": {"out_channels": 5},
    "kernel": {"kernel_size": 3},
    "stride": {"stride": 2},
    "dilation": {"dilation": 2},
    "groups": {"groups": 3},
}


def test_a_large_convolution_to_few_channels_becomes_two_thin_ones(tmp_path):
    kinds = {**THIN, **NOT_THIN}
    plain = {"in_channels": 3, "out_channels": 3, "kernel_size": 7}
    network = Together({name: nn.Conv2d(**{**plain, **options}) for name, options in kinds.items()})
    model = written(network, tmp_path / "m.onnx")
    assert weights_in(model) == set(NOT_THIN)
    assert [node.op_type for node in model.graph.node].count("Conv") == 2 * len(THIN) + len(NOT_THIN)
    for size in ((13, 17), (33, 20)):
        x = torch.randn(2, 3, *size)
        assert torch.allclose(run(tmp_path / "m.onnx", x), network(x), atol=1e-5)


def test_two_convolutions_with_the_same_filters_are_both_split(tmp_path):
    conv = nn.Conv2d(3, 3, 7, padding=3)
    network = nn.Sequential(conv, nn.Tanh(), conv)
    written(network, tmp_path / "m.onnx")
    x = torch.randn(1, 3, 20, 21)
    assert torch.allclose(run(tmp_path / "m.onnx", x), network(x), atol=1e-5)


class ChangedInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.skip = nn.Conv2d(3, 3, 1), InputSkip(2.0)

    def forward(self, images):
        return self.skip(images, self.conv(images))


def test_an_input_skip_is_made_of_what_every_runtime_knows(tmp_path):
    network = ChangedInput()
    model = written(network, tmp_path / "m.onnx")
    assert {node.op_type for node in model.graph.node} <= {"Conv", "Clip", "Add", "Sub", "Mul", "Div", "Log", "Tanh"}
    x = torch.rand(2, 3, 7, 5) * 2.2 - 1.1
    assert torch.allclose(run(tmp_path / "m.onnx", x), network(x), atol=1e-5)
