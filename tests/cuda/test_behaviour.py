"""How the operators behave on a CUDA device: the same bits, streams, graphs, devices, and no waiting for the device."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from .operators import TOLERANCE, Call, arguments, block_arguments, fused_block, relative_error, use_convolution
from .test_values import EVERY_CALL, LAYOUTS

pytestmark = pytest.mark.cuda

SHAPES = ((2, 16, 64, 64), (1, 16, 250, 260))
"""A plane that a block holds, and one that several share."""


def forward_and_gradients(call: Call, leaves: list[Tensor], gradient: Tensor) -> list[Tensor]:
    out = call.fused(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, gradient)]


@LAYOUTS
@EVERY_CALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_same_bits_at_every_run(device: torch.device, call: Call, channels_last: bool, dtype: torch.dtype) -> None:
    for shape in SHAPES:
        leaves = arguments(call, shape, dtype, channels_last=channels_last, device=device)
        gradient = torch.randn_like(call.fused(*leaves))
        first = forward_and_gradients(call, leaves, gradient)
        for _ in range(20):
            for one, other in zip(forward_and_gradients(call, leaves, gradient), first, strict=True):
                assert torch.equal(one, other)


@LAYOUTS
@EVERY_CALL
def test_nothing_waits_for_the_device(device: torch.device, call: Call, channels_last: bool) -> None:
    leaves = arguments(call, SHAPES[1], torch.float32, channels_last=channels_last, device=device)
    gradient = torch.randn_like(call.fused(*leaves))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error")
        forward_and_gradients(call, leaves, gradient)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@LAYOUTS
@EVERY_CALL
def test_current_stream_is_used(device: torch.device, call: Call, channels_last: bool) -> None:
    """The input is made on a stream of its own, late: a kernel on another stream would read what was there before."""
    for shape in SHAPES:
        leaves = arguments(call, shape, torch.float32, channels_last=channels_last, device=device)
        with torch.no_grad():
            wanted = call.fused(*leaves)
            x = torch.zeros_like(leaves[0])
            stream = torch.cuda.Stream(device)
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                torch.cuda._sleep(100_000_000)  # tens of milliseconds
                x.copy_(leaves[0])
                out = call.fused(x, *leaves[1:])
            stream.synchronize()
        assert torch.equal(out, wanted)


@LAYOUTS
@EVERY_CALL
def test_graphs_capture_and_replay(device: torch.device, call: Call, channels_last: bool) -> None:
    for shape in SHAPES:
        leaves = arguments(call, shape, torch.float32, channels_last=channels_last, device=device)
        gradient = torch.randn_like(call.fused(*leaves))
        warm_up = torch.cuda.Stream(device)
        warm_up.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(warm_up):
            forward_and_gradients(call, leaves, gradient)
        torch.cuda.current_stream(device).wait_stream(warm_up)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = forward_and_gradients(call, leaves, gradient)
        for _ in range(2):
            with torch.no_grad():
                leaves[0].normal_(0.5, 3)
                gradient.normal_()
            graph.replay()
            for one, other in zip(captured, forward_and_gradients(call, leaves, gradient), strict=True):
                assert torch.equal(one, other)


@pytest.mark.parametrize("convolution", ["cudnn", "fused"])
def test_residual_block_in_a_graph(device: torch.device, convolution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dtype = use_convolution(convolution, torch.float16, device, monkeypatch)
    leaves = block_arguments((1, 32, 64, 64), dtype, channels_last=False, device=device)
    gradient = torch.randn_like(leaves[0]).detach()

    def step() -> list[Tensor]:
        out = fused_block(*leaves)
        return [out.detach(), *torch.autograd.grad(out, leaves, gradient)]

    warm_up = torch.cuda.Stream(device)
    warm_up.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(warm_up):
        step()
    torch.cuda.current_stream(device).wait_stream(warm_up)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        leaves[0].normal_()
        gradient.normal_()
    graph.replay()
    for one, other in zip(captured, step(), strict=True):
        assert relative_error(one, other) <= TOLERANCE[dtype]


@pytest.mark.parametrize("convolution", ["cudnn", "fused"])
def test_residual_block_on_a_stream_of_its_own_waits_for_nothing(
    device: torch.device, convolution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtype = use_convolution(convolution, torch.float16, device, monkeypatch)
    leaves = block_arguments((1, 32, 64, 64), dtype, channels_last=True, device=device)
    with torch.no_grad():
        wanted = fused_block(*leaves)  # cuDNN has chosen its algorithms
        x = torch.zeros_like(leaves[0])
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
                torch.cuda.set_sync_debug_mode("error")
            with torch.cuda.stream(stream):
                torch.cuda._sleep(100_000_000)  # tens of milliseconds
                x.copy_(leaves[0])
                out = fused_block(x, *leaves[1:])
        finally:
            torch.cuda.set_sync_debug_mode("default")
        stream.synchronize()
    assert torch.equal(out, wanted)


@EVERY_CALL
def test_second_device_while_the_first_is_current(device: torch.device, call: Call) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one CUDA device here")
    second = torch.device("cuda", 1)
    leaves = arguments(call, SHAPES[0], torch.float32, channels_last=False, device=device)
    moved = [leaf.detach().to(second).requires_grad_() for leaf in leaves]
    assert torch.cuda.current_device() == device.index
    wanted = call.fused(*leaves)
    out = call.fused(*moved)
    assert out.device == second
    assert torch.cuda.current_device() == device.index
    assert relative_error(out.to(device), wanted) <= TOLERANCE[torch.float32]
    gradient = torch.randn_like(wanted)
    wanted.backward(gradient)
    out.backward(gradient.to(second))
    for leaf, other in zip(leaves, moved, strict=True):
        assert leaf.grad is not None
        assert other.grad is not None
        assert relative_error(other.grad.to(device), leaf.grad) <= TOLERANCE[torch.float32]
    with pytest.raises(RuntimeError, match="device"):
        torch.ops.i2i.instance_norm_add(moved[0], leaves[0], None, None, 1e-5, 0)


@LAYOUTS
def test_operators_keep_the_contract_of_torch_library(device: torch.device, channels_last: bool) -> None:
    order = torch.channels_last if channels_last else torch.contiguous_format
    x, skip = (torch.randn(2, 8, 9, 11, device=device).contiguous(memory_format=order) for _ in range(2))
    weight, bias = torch.rand(8, device=device) + 0.5, torch.randn(8, device=device)
    leaves = [tensor.requires_grad_() for tensor in (x, skip, weight, bias)]
    act = (leaves[0], leaves[2], leaves[3], 1e-5, "leaky_relu", 0.2, 1)
    add = (leaves[0], leaves[1], leaves[2], leaves[3], 1e-5, 1)
    torch.library.opcheck(torch.ops.i2i.instance_norm_act.default, act)
    torch.library.opcheck(torch.ops.i2i.instance_norm_add.default, add)
    with torch.no_grad():
        out, mean, rstd = torch.ops.i2i.instance_norm_act(*act)
    gradient = torch.randn_like(out)
    constants = [leaf.detach() for leaf in leaves]
    torch.library.opcheck(
        torch.ops.i2i.instance_norm_act_backward.default,
        (gradient, constants[0], constants[2], constants[3], mean, rstd, "leaky_relu", 0.2, 1),
    )
    torch.library.opcheck(
        torch.ops.i2i.instance_norm_add_backward.default, (gradient, constants[0], constants[2], mean, rstd, 1)
    )
    block = block_arguments((1, 8, 9, 11), torch.float32, channels_last=channels_last, device=device)
    torch.library.opcheck(
        torch.ops.i2i.residual_block_forward.default, (*block, None, None, None, None, 1e-5), atol=1e-4, rtol=1e-4
    )
