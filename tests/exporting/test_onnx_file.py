"""ONNX files are small, quick and for old runtimes, and mean the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from torch import nn
from torch.export import Dim

import i2i
from i2i.exporting.onnx_file import write_onnx
from i2i.exporting.onnx_versions import least_versions

from ..helpers.trained import write_run

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")

OPEN = {0: "batch", 2: "height", 3: "width"}


def written(network, path):
    program = torch.export.export(
        network.eval(), (torch.zeros(2, 3, 17, 29),), dynamic_shapes=(dict.fromkeys(OPEN, Dim.DYNAMIC),), strict=False
    )
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


@pytest.mark.parametrize(
    ("options", "joined"),
    [({}, True), ({"bias": False}, True), ({"padding": 0}, False), ({"stride": 2}, False), ({"kernel_size": 5}, False)],
)
def test_doubling_and_convolution_become_one(tmp_path, options, joined):
    torch.manual_seed(0)
    network = Doubling(**options)
    model = written(network, tmp_path / "m.onnx")
    assert ("ConvTranspose" in {node.op_type for node in model.graph.node}) is joined
    for size in ((1, 1), (7, 5), (16, 33)):
        if min(size) == 1 and not joined:
            continue
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


def test_operators_that_need_a_later_version_get_it():
    def model(*nodes, inputs=(), element=TensorProto.FLOAT):
        x = helper.make_tensor_value_info("x", element, [1, 2, "h", "w"])
        y = helper.make_tensor_value_info("y", element, [None] * 4)
        graph = helper.make_graph(nodes, "g", [x], [y], list(inputs))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])

    def version(made):
        least_versions(made)
        onnx.checker.check_model(made, full_check=True)
        return made.opset_import[0].version, made.ir_version

    assert version(model(helper.make_node("Relu", ["x"], ["y"]))) == (13, 7)
    assert version(model(helper.make_node("Relu", ["x"], ["y"]), element=TensorProto.INT16)) == (14, 7)
    assert version(model(helper.make_node("Mish", ["x"], ["y"]))) == (18, 8)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [3])
    assert version(model(helper.make_node("ReduceMean", ["x", "axes"], ["y"]), inputs=[axes])) == (13, 7)
    pads = helper.make_tensor("pads", TensorProto.INT64, [2], [1, 1])
    on_axes = helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"], mode="reflect")
    assert version(model(on_axes, inputs=[pads, axes])) == (18, 8)


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_half_filters_stay_half_as_large(tmp_path, suffix):
    folder, _ = write_run(tmp_path / "run", base_channels=16)
    i2i.convert(folder, tmp_path / "half", half=True)
    whole = i2i.export(folder, tmp_path / f"whole.{suffix}")
    half = i2i.export(tmp_path / "half", tmp_path / f"half.{suffix}")
    weights = sum(p.numel() for p in i2i.create("generator", "resnet", blocks=1, base_channels=16).parameters())
    assert whole.size - half.size > 1.6 * weights
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    expected = i2i.load(tmp_path / "half", device="cpu")(image).astype(int)
    assert np.abs(i2i.load(half.path)(image).astype(int) - expected).max() <= 1
