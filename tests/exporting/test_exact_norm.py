"""Norms as exported files compute them mean what PyTorch's do, and are exact where those of runtimes are not."""

import functools

import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim

from i2i.exporting.exact_norm import with_exact_norms
from i2i.exporting.onnx_file import write_onnx

from ..helpers.fixtures import read_onnx_operators_once

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


def norms():
    torch.manual_seed(0)
    affine = nn.InstanceNorm2d(4, affine=True)
    running = nn.InstanceNorm2d(4, track_running_stats=True)
    running.running_mean.normal_()
    running.running_var.uniform_(0.5, 2)
    group = nn.GroupNorm(2, 4, eps=1e-3)
    for norm in (affine, group):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return {"plain": nn.InstanceNorm2d(4), "affine": affine, "running": running, "group": group}


OPEN = {0: "batch", 2: "height", 3: "width"}


def program_of(name):
    read_onnx_operators_once()
    program = torch.export.export(
        norms()[name].eval(),
        (torch.zeros(2, 4, 17, 29),),
        dynamic_shapes=(dict.fromkeys(OPEN, Dim.DYNAMIC),),
        strict=False,
    )
    program.example_inputs = None
    return program


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """By name and form, a function that computes a norm as an exported file does."""

    @functools.cache
    def function(name, form):
        program = with_exact_norms(program_of(name), form)
        if form == "torch":
            return program.module()
        path = tmp_path_factory.mktemp("norm") / "norm.onnx"
        write_onnx(program, path, "{}", OPEN)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda x: torch.from_numpy(session.run(None, {"images": x.numpy()})[0])

    return function


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("name", norms())
def test_the_meaning_is_pytorchs(exported, name, form):
    function, norm = exported(name, form), norms()[name].eval().double()
    for shape in ((1, 4, 1, 2), (2, 4, 5, 7), (3, 4, 33, 40)):
        x = torch.randn(shape) * torch.tensor([1e-3, 1.0, 30.0, 1.0]).view(1, 4, 1, 1) + 3
        x = x.to(memory_format=torch.channels_last)  # as convolutions may give it
        assert torch.allclose(function(x).double(), norm(x.double()), atol=1e-4 if form == "onnx" else 2e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "form"), [("plain", "onnx"), ("plain", "torch"), ("group", "onnx")])
@pytest.mark.parametrize("value", [0.1, -7.3, 300.3, 54321.7])
def test_what_is_flat_becomes_exactly_the_shift(exported, name, form, value):
    result = exported(name, form)(torch.full((2, 4, 301, 2070), value))
    shift = norms()[name].bias
    assert torch.equal(result, torch.zeros_like(result) + (0 if shift is None else shift.detach().view(1, 4, 1, 1)))


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("place", [(0, 0), (0, 5), (16, 0), (150, 150)])
def test_one_mark_on_a_flat_plane(exported, form, place):
    """Wherever it lies, also in the pixel that flat planes are recognised by."""
    x = torch.full((1, 4, 512, 512), 0.7)
    x[:, :, place[0], place[1]] = -0.4
    expected = norms()["plain"](x.double())
    result = exported("plain", form)(x).double()
    assert (result - expected).abs().max() / expected.abs().max() < 1e-4
    flat = torch.ones(512, 512, dtype=torch.bool)
    flat[place] = False
    allowed = 2e-4 if form == "onnx" else 5e-5
    assert (result - expected)[:, :, flat].abs().max() < allowed, "of a spread of 1, which is 0.002 of the values"


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_rows_that_are_like_no_others(exported, form):
    """Where the first pixel is far from the mean."""
    x = torch.full((1, 4, 512, 300), 0.7)
    x[:, :, ::16] = -2.0
    assert torch.allclose(exported("plain", form)(x).double(), norms()["plain"](x.double()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("place", [(0, 0), (150, 150)])
def test_openvino_adds_up_in_two_steps_as_well(tmp_path, place):
    """Two means that are alike it makes one of, over the whole plane, which is off by a thousandth."""
    openvino = pytest.importorskip("openvino")
    write_onnx(with_exact_norms(program_of("plain"), "onnx"), tmp_path / "norm.onnx", "{}", OPEN)
    network = openvino.Core().compile_model(tmp_path / "norm.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = torch.full((1, 4, 1024, 1024), 0.7)
    x[:, :, place[0], place[1]] = -0.4
    expected = norms()["plain"](x.double())
    result = torch.from_numpy(network(x.numpy())[0]).double()
    flat = torch.ones(1024, 1024, dtype=torch.bool)
    flat[place] = False
    assert (result - expected)[:, :, flat].abs().max() < 5e-4
