"""The CUDA operators as torch calls them, kernels on the CPU: run as a program, since it registers the operators.

    python host_operators.py LIBRARY

The library has the host code of csrc/cuda with the emulator in place of the device. CPU tensors are handed to the
implementations that are registered for CUDA. Prints what it checked; ends with an error where something is wrong.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

CUDA = torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA)
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 6e-2, torch.float16: 8e-3}


def call(operator: str, *arguments: Any) -> Any:
    return getattr(torch.ops.i2i, operator).default.redispatch(CUDA, *arguments)


def check(name: str, got: Tensor, wanted: Tensor | None, tolerance: float, like: Tensor | None = None) -> None:
    if wanted is None:
        assert got.numel() == 0, f"{name} should have no elements; it has shape {tuple(got.shape)}"
        return
    assert got.shape == wanted.shape, f"{name} has shape {tuple(got.shape)}, not {tuple(wanted.shape)}"
    if wanted.numel():
        error = ((got.double() - wanted.double()).abs().max() / wanted.abs().max().clamp_min(1e-3)).item()
        assert error <= tolerance, f"{name}: relative error {error:.2e} > {tolerance:.1e}"
    if like is not None:
        assert got.dtype == like.dtype, f"{name} has dtype {got.dtype}"
        assert _same_order(got, like), f"{name} lies otherwise in memory than x"


def _same_order(one: Tensor, other: Tensor) -> bool:
    return one.is_contiguous() == other.is_contiguous() or one.shape[1] == 1 or one.shape[2:] == (1, 1)


def instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """By its formula: PyTorch's own has wrong gradients on the CPU for one image in channels_last (2.13)."""
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    out = (x - mean) / torch.sqrt(variance + 1e-5)
    return out if weight is None or bias is None else out * weight[:, None, None] + bias[:, None, None]


def block(x: Tensor, weight1: Tensor, weight2: Tensor, norms: list[Tensor | None]) -> Tensor:
    y = F.conv2d(F.pad(x, (1,) * 4, mode="reflect"), weight1)
    y = F.relu(instance_norm(y, norms[0], norms[1]))
    y = F.conv2d(F.pad(y, (1,) * 4, mode="reflect"), weight2)
    return x + instance_norm(y, norms[2], norms[3])


def residual_block(shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool, affine: bool) -> None:
    channels = shape[1]
    order = torch.channels_last if channels_last else torch.contiguous_format
    x, gradient = (torch.randn(shape).to(dtype).contiguous(memory_format=order) for _ in range(2))
    weights = [(torch.randn(channels, channels, 3, 3) / (3 * channels**0.5)).to(dtype) for _ in range(2)]
    norms: list[Tensor | None] = [torch.rand(channels) + 0.5 if affine else None for _ in range(4)]
    leaves = [None if tensor is None else tensor.double().requires_grad_() for tensor in (x, *weights, *norms)]
    empty = x.numel() == 0
    wanted = block(*leaves[:3], leaves[3:])  # type: ignore[arg-type]
    assert wanted is not None
    tolerance = TOLERANCE[dtype]

    out, y1, y2, statistics = call("residual_block_forward", x, *weights, *norms, 1e-5)
    check("out", out, wanted, tolerance, like=x)
    assert y1.shape == y2.shape == x.shape
    assert y1.dtype == y2.dtype == x.dtype
    assert statistics.shape == (4, *shape[:2])
    check("inference", call("residual_block", x, *weights, *norms, 1e-5), wanted, tolerance, like=x)
    if dtype != torch.float32:
        return  # a ReLU whose input is rounded to the other side of 0 has another gradient
    if not empty:
        wanted.backward(gradient.double())
    for weight_gradients in (True, False):
        saved = (*norms[:3], y1, y2, statistics, weight_gradients)
        got = call("residual_block_backward", gradient, x, *weights, *saved)
        for number, (name, leaf) in enumerate(zip(("x", "w1", "w2", "nw1", "nb1", "nw2", "nb2"), leaves, strict=True)):
            absent = leaf is None or (name in ("w1", "w2") and not weight_gradients)
            expected = (
                None if absent or leaf is None else leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
            )
            check(f"gradient of {name}", got[number], expected, 2e-4)
            assert number == 0 or got[number].dtype == torch.float32


def norms(dtype: torch.dtype, channels_last: bool, float_parameters: bool) -> None:
    order = torch.channels_last if channels_last else torch.contiguous_format
    x, skip = (torch.randn(2, 8, 9, 11).to(dtype).contiguous(memory_format=order) for _ in range(2))
    kind = torch.float32 if float_parameters else dtype
    weight, bias = (torch.rand(8) + 0.5).to(kind), torch.randn(8).to(kind)
    tolerance = TOLERANCE[dtype]
    leaves = [tensor.double().requires_grad_() for tensor in (x, skip, weight, bias)]
    normalised = instance_norm(leaves[0], leaves[2], leaves[3])

    out, mean, rstd = call("instance_norm_act", x, weight, bias, 1e-5, "leaky_relu", 0.3, 2)
    wanted = F.pad(F.leaky_relu(normalised, 0.3), (2,) * 4, mode="reflect")
    check("act", out, wanted, tolerance, like=x)
    gradient = torch.randn(wanted.shape).to(dtype)  # contiguous, whatever x is: another order than the kernel wants
    wanted.backward(gradient.double(), retain_graph=True)
    got = call("instance_norm_act_backward", gradient, x, weight, bias, mean, rstd, "leaky_relu", 0.3, 2)
    check("dx", got[0], leaves[0].grad, 4 * tolerance, like=x)
    for name, one, leaf in (("dweight", got[1], leaves[2]), ("dbias", got[2], leaves[3])):
        check(name, one, leaf.grad, 4 * tolerance)
        assert one.dtype == kind

    for leaf in leaves:
        leaf.grad = None
    out, mean, rstd = call("instance_norm_add", x, skip[:, :, :, :], weight, bias, 1e-5, 1)
    wanted = F.pad(normalised + leaves[1], (1,) * 4, mode="reflect")
    check("add", out, wanted, tolerance, like=x)
    gradient = torch.randn(wanted.shape).to(dtype)
    wanted.backward(gradient.double())
    got = call("instance_norm_add_backward", gradient, x, weight, mean, rstd, 1)
    for name, one, leaf in zip(("dx", "dskip", "dweight", "dbias"), got, leaves, strict=True):
        check(name, one, leaf.grad, 4 * tolerance)


def refusals() -> None:
    x, kernel = torch.randn(1, 4, 6, 7), torch.randn(4, 4, 3, 3)
    parameter, none = torch.ones(4), (None, None)
    cases = [
        ("must have shape [N, C, H, W]", "instance_norm_act", (x[0], *none, 1e-5, "relu", 0.2, 0)),
        ("must be float32, float16 or bfloat16", "instance_norm_act", (x.double(), *none, 1e-5, "relu", 0.2, 0)),
        ("act must be one of", "instance_norm_act", (x, *none, 1e-5, "gelu", 0.2, 0)),
        ("pad must be less than", "instance_norm_act", (x, *none, 1e-5, "relu", 0.2, 6)),
        ("pad must be at least 0", "instance_norm_act", (x, *none, 1e-5, "relu", 0.2, -1)),
        ("weight must have shape [4]", "instance_norm_act", (x, parameter[:3], parameter, 1e-5, "relu", 0.2, 0)),
        ("weight must be float32 or", "instance_norm_act", (x, parameter.half(), parameter, 1e-5, "relu", 0.2, 0)),
        ("skip must have", "instance_norm_add", (x, x[:, :, 1:], *none, 1e-5, 0)),
        ("planes of 1 to", "instance_norm_add", (x[:, :, :0], x[:, :, :0], *none, 1e-5, 0)),
        ("weight2 must have shape [4, 4, 3, 3]", "residual_block", (x, kernel, kernel[:3], *none, *none, 1e-5)),
        ("pad must be less than", "residual_block", (x[:, :, :1], kernel, kernel, *none, *none, 1e-5)),
    ]
    for words, operator, arguments in cases:
        with pytest.raises(RuntimeError, match=re.escape(words)):
            call(operator, *arguments)


def main() -> None:
    torch.ops.load_library(sys.argv[1])
    torch.manual_seed(0)
    for dtype in TOLERANCE:
        for channels_last in (False, True):
            residual_block((2, 8, 9, 12), dtype, channels_last, affine=channels_last)
            norms(dtype, channels_last, float_parameters=not channels_last)
    residual_block((1, 5, 7, 6), torch.float32, channels_last=False, affine=True)
    residual_block((0, 4, 6, 6), torch.float32, channels_last=False, affine=True)
    residual_block((1, 4, 2, 2), torch.float32, channels_last=True, affine=False)
    refusals()
    print("all operators are right")


if __name__ == "__main__":
    main()
