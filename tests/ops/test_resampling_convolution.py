"""The convolutions of torch.nn, with the same values and gradients in every memory format."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from i2i.ops import StridedConvolution, TransposedConvolution

FORMATS = [torch.contiguous_format, torch.channels_last]


def pair(kind: str, bias: bool = True) -> tuple[nn.Module, nn.Module]:
    settings = {"kernel_size": 3, "stride": 2, "padding": 1, "bias": bias}
    ours: nn.Module
    plain: nn.Module
    if kind == "strided":
        ours, plain = StridedConvolution(4, 6, **settings), nn.Conv2d(4, 6, **settings)
    else:
        ours = TransposedConvolution(4, 6, output_padding=1, **settings)
        plain = nn.ConvTranspose2d(4, 6, output_padding=1, **settings)
    plain.load_state_dict(ours.state_dict())
    return ours.double(), plain.double()


def gradients(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    out = network(x)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return [out, *torch.autograd.grad(out, [x, *network.parameters()], weights.to(memory_format=torch.channels_last))]


@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["strided", "transposed"])
def test_values_and_gradients_are_those_of_torch(kind: str, bias: bool, memory_format: torch.memory_format) -> None:
    ours, plain = pair(kind, bias)
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64).to(memory_format=memory_format)

    for got, expected in zip(gradients(ours, x), gradients(plain, x), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("kind", ["strided", "transposed"])
def test_gradients_can_be_differentiated(kind: str) -> None:
    ours, _ = pair(kind)
    x = torch.randn(1, 4, 5, 5, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()

    assert torch.autograd.gradcheck(ours, x)
    assert torch.autograd.gradgradcheck(ours, x)


@pytest.mark.parametrize("kind", ["strided", "transposed"])
def test_frozen_weights_get_no_gradient(kind: str) -> None:
    ours, _ = pair(kind)
    ours.requires_grad_(False)
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()

    ours(x).sum().backward()

    assert x.grad is not None
    assert all(parameter.grad is None for parameter in ours.parameters())


@pytest.mark.parametrize("kind", ["strided", "transposed"])
def test_it_compiles_and_runs_under_autocast(kind: str) -> None:
    ours, plain = pair(kind)
    ours, plain = ours.float(), plain.float()
    x = torch.randn(1, 4, 6, 6).to(memory_format=torch.channels_last)

    compiled = torch.compile(ours, backend="aot_eager", fullgraph=True)

    torch.testing.assert_close(compiled(x), plain(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16


@pytest.mark.parametrize("settings", [{"padding": 1, "padding_mode": "reflect"}, {"padding": "same"}], ids=str)
def test_other_paddings_are_those_of_torch_as_well(settings: dict[str, object]) -> None:
    ours, plain = (
        convolution(4, 6, 3, dtype=torch.float64, **settings)  # type: ignore[arg-type]
        for convolution in (StridedConvolution, nn.Conv2d)
    )
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64).to(memory_format=torch.channels_last)

    for got, expected in zip(gradients(ours, x), gradients(plain, x), strict=True):
        torch.testing.assert_close(got, expected)
