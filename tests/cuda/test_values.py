"""Values and gradients of the operators on a CUDA device, against float64 on the same device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from i2i.ops import ResidualBlock, instance_norm_act

from .operators import (
    CALLS,
    SHAPES,
    TOLERANCE,
    TYPES,
    Call,
    arguments,
    block,
    block_arguments,
    fused_block,
    norm,
    relative_error,
    use_convolution,
)

pytestmark = pytest.mark.cuda

DTYPES = pytest.mark.parametrize("dtype", TYPES, ids=str)
LAYOUTS = pytest.mark.parametrize("channels_last", [False, True], ids=["contiguous", "channels_last"])
EVERY_CALL = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)


def in_float64(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.detach().double().requires_grad_() for tensor in tensors]


@DTYPES
@LAYOUTS
@EVERY_CALL
def test_norms(device: torch.device, call: Call, dtype: torch.dtype, channels_last: bool) -> None:
    for shape in SHAPES:
        leaves = arguments(call, shape, dtype, channels_last=channels_last, device=device)
        doubles = in_float64(leaves)
        out = call.fused(*leaves)
        wanted = call.masked_reference(out)(*doubles)
        assert out.dtype == dtype
        assert out.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        assert relative_error(out, wanted) <= TOLERANCE[dtype], shape
        gradient = torch.randn_like(out)
        out.backward(gradient)
        wanted.backward(gradient.double())
        for leaf, double in zip(leaves, doubles, strict=True):
            assert leaf.grad is not None
            assert double.grad is not None
            assert leaf.grad.dtype == leaf.dtype
            assert relative_error(leaf.grad, double.grad) <= 10 * TOLERANCE[leaf.dtype], (shape, leaf.shape)


@DTYPES
@LAYOUTS
@pytest.mark.parametrize("convolution", ["cudnn", "fused"])
def test_residual_block(
    device: torch.device,
    dtype: torch.dtype,
    channels_last: bool,
    convolution: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if convolution == "fused":
        use_convolution(convolution, dtype, device, monkeypatch)
    for shape in ((1, 64, 64, 64), (2, 8, 37, 41), (1, 16, 128, 130), (1, 5, 2, 3)):
        leaves = block_arguments(shape, dtype, channels_last=channels_last, device=device)
        doubles = in_float64(leaves)
        out, wanted = fused_block(*leaves), block(*doubles)
        assert relative_error(out, wanted) <= 4 * TOLERANCE[dtype], shape
        gradient = torch.randn_like(out)
        out.backward(gradient)
        wanted.backward(gradient.double())
        if dtype != torch.float32:
            continue  # a rounded ReLU input of the other sign has another gradient
        for leaf, double in zip(leaves, doubles, strict=True):
            assert leaf.grad is not None
            assert double.grad is not None
            close = torch.isclose(
                leaf.grad.double(), double.grad, rtol=1e-3, atol=1e-4 * float(double.grad.abs().max())
            )
            assert close.double().mean() > 0.95, shape  # one ReLU mask that flips is seen in every filter's gradient


def test_residual_block_with_affine_norms_and_recomputed(device: torch.device) -> None:
    """Against the same module without kernels, which the CPU's tests hold against float64."""
    plain = ResidualBlock(24, affine=True, impl="reference").to(device)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    x = torch.randn(2, 24, 19, 22, device=device)
    gradient = torch.randn_like(x)
    results = []
    for options in ({"impl": "reference"}, {"impl": "fused"}, {"impl": "fused", "recompute": True}):
        module = ResidualBlock(24, affine=True, **options).to(device)
        module.load_state_dict(plain.state_dict())
        leaf = x.clone().requires_grad_()
        out = module(leaf)
        out.backward(gradient)
        results.append([out.detach(), leaf.grad, *(parameter.grad for parameter in module.parameters())])
    for fused in results[1:]:
        for one, other in zip(fused, results[0], strict=True):
            assert (one is None) == (other is None)
            if one is not None and other is not None and other.abs().max() > 1e-3:  # not of a cancelled bias
                close = torch.isclose(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))
                assert close.double().mean() > 0.95  # a ReLU mask that flips


@LAYOUTS
def test_tensors_that_start_anywhere(device: torch.device, channels_last: bool) -> None:
    """Slices of a batch whose images have an odd number of elements, and of channels."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    batch = torch.randn(4, 9, 33, 35, device=device).to(torch.bfloat16).contiguous(memory_format=order)
    for x in (batch[1:], batch[1:2, 1:], batch[:, :, 1:-1, 2:], batch.transpose(2, 3)):
        wanted = norm(x.double(), None, None).relu()
        out = instance_norm_act(x, act="relu", impl="fused")
        assert relative_error(out, wanted) <= TOLERANCE[torch.bfloat16]


@LAYOUTS
def test_large_mean_and_values_that_are_not_finite(device: torch.device, channels_last: bool) -> None:
    order = torch.channels_last if channels_last else torch.contiguous_format
    x = (torch.randn(2, 8, 64, 70, device=device) + 1e4).contiguous(memory_format=order)
    out = instance_norm_act(x, act="none", impl="fused")
    assert (out.double() - norm(x.double(), None, None)).abs().max() < 2e-3
    x[1, 3, 5, 6] = torch.nan
    out = instance_norm_act(x, act="relu", pad=1, impl="fused")
    assert out[1, 3].isnan().all()
    assert int(out.isnan().sum()) == out[1, 3].numel()


def test_empty_batch(device: torch.device) -> None:
    x = torch.empty(0, 4, 8, 8, device=device, requires_grad=True)
    out = instance_norm_act(x, pad=1, impl="fused")
    out.sum().backward()
    assert out.shape == (0, 4, 10, 10)
    assert x.grad is not None
    assert x.grad.shape == x.shape


@LAYOUTS
def test_more_than_2_to_the_31_elements(device: torch.device, channels_last: bool) -> None:
    shape = (3, 8, 9500, 9500)  # 2.2e9 elements, 4.3 GB for each of x and out
    torch.cuda.empty_cache()  # what the tests before keep counts as used
    free, _ = torch.cuda.mem_get_info(device)
    if free < 14e9:
        pytest.skip(f"needs 14 GB of free memory on the device; {free / 1e9:.0f} GB are")
    order = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.empty(shape, dtype=torch.float16, device=device, memory_format=order).normal_(1, 2)
    out = instance_norm_act(x, act="relu", impl="fused")
    for sample, channel in ((0, 0), (2, 7)):
        plane = x[sample : sample + 1, channel : channel + 1].double()
        assert relative_error(out[sample, channel], norm(plane, None, None).relu()[0, 0]) <= TOLERANCE[torch.float16]


def test_training_step_under_autocast_and_compiled(device: torch.device) -> None:
    module = ResidualBlock(32, affine=True, impl="fused").to(device)
    x = torch.randn(2, 32, 24, 24, device=device)
    plain = module(x)
    with torch.autocast("cuda", torch.bfloat16):
        reduced = module(x)
    reduced.square().mean().backward()
    assert relative_error(reduced.detach(), plain.detach()) <= 3 * TOLERANCE[torch.bfloat16]
    assert all(parameter.grad is not None for parameter in module.parameters() if parameter.requires_grad)
    compiled = torch.compile(module, fullgraph=True)
    assert relative_error(compiled(x).detach(), plain.detach()) <= TOLERANCE[torch.float32]
