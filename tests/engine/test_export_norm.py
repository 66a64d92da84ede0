"""Norms as exported files compute them mean what PyTorch's do, and are exact where those are not."""

import pytest
import torch
from torch import nn
from torch.export import Dim

from i2i.engine.export_norm import with_exact_norms

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


def exported(network, form):
    open_sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    example = torch.zeros(2, 4, 17, 29)
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=(open_sizes,), strict=False)
    program.example_inputs = None
    return with_exact_norms(program, form).module()


def norms():
    torch.manual_seed(0)
    affine = nn.InstanceNorm2d(4, affine=True)
    running = nn.InstanceNorm2d(4, track_running_stats=True)
    running.running_mean.normal_()
    running.running_var.uniform_(0.5, 2)
    group = nn.GroupNorm(2, 4)
    for norm in (affine, group):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return {"plain": nn.InstanceNorm2d(4), "affine": affine, "running": running, "group": group}


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("name", norms())
def test_the_meaning_is_pytorchs(name, form):
    norm = norms()[name].eval()
    program = exported(norm, form)
    for shape in ((1, 4, 1, 2), (2, 4, 5, 7), (3, 4, 33, 40)):
        x = torch.randn(shape) * torch.tensor([1e-3, 1.0, 30.0, 1.0]).view(1, 4, 1, 1) + 3
        expected = norm.double()(x.double())
        norm.float()
        assert torch.allclose(program(x).double(), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("value", [0.1, -7.3, 300.3])
def test_what_is_flat_becomes_exactly_zero(form, value):
    program = exported(nn.InstanceNorm2d(4), form)
    assert not program(torch.full((2, 4, 301, 207), value)).any()


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("place", [(0, 0), (0, 5), (16, 0), (150, 150)])
def test_one_mark_on_a_flat_plane(form, place):
    """Wherever it lies, also in the pixel and in the rows that the mean is told from."""
    x = torch.full((1, 4, 512, 512), 0.7)
    x[:, :, place[0], place[1]] = -0.4
    expected = nn.InstanceNorm2d(4)(x.double())
    result = exported(nn.InstanceNorm2d(4), form)(x).double()
    assert (result - expected).abs().max() / expected.abs().max() < 1e-4
    flat = torch.ones(512, 512, dtype=torch.bool)
    flat[place] = False
    assert (result - expected)[:, :, flat].abs().max() < 5e-5, "of a spread of 1"
