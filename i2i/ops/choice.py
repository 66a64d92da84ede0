"""The one place that says whether an operator call runs fused, and if not, why."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from i2i.ops.checks import require_one_of
from i2i.ops.memory_format import memory_format_of
from i2i.ops.native import library
from i2i.tensors.torch_private import READ_IN, takes_derivatives

Implementation = Literal["auto", "fused", "reference"]
IMPLEMENTATIONS = ("auto", "fused", "reference")

OPERATORS = ("residual_block", "instance_norm_act", "instance_norm_add", "image_convolution")

DTYPES = {
    "cpu": (torch.float32, torch.bfloat16),
    "cuda": (torch.float32, torch.bfloat16, torch.float16),
}
"""What the kernels of each device take, except for the operators below."""
DTYPES_OF = {"image_convolution": (torch.float32,)}

PIXELS_PER_CHANNEL = {False: 0.6, True: 2.5}
"""Least N * H * W for each channel of a residual block on the CPU, without and with gradients.

Measured by benchmarks/kernel_sizes.py, like what follows: with fewer pixels a channel than this, transforming the
filters, C * C of them whatever the size of the image, costs more than the multiplications that it saves.
"""

BLOCK_VALUES = {False: 1, True: 1 << 14}
"""Least N * C * H * W of a residual block on the CPU: below it the calls around the kernels cost more than is saved."""

NORM_VALUES = {
    ("instance_norm_act", "contiguous", False): (200, 1 << 13),
    ("instance_norm_act", "contiguous", True): (300, 1 << 16),
    ("instance_norm_act", "channels_last", False): (1, 1 << 12),
    ("instance_norm_act", "channels_last", True): (1, 1 << 14),
    ("instance_norm_add", "contiguous", False): (200, 1 << 13),
    ("instance_norm_add", "contiguous", True): (2000, 1 << 17),
    ("instance_norm_add", "channels_last", False): (1, 1 << 13),
    ("instance_norm_add", "channels_last", True): (1, 1 << 14),
}
"""Least H * W and least N * C * H * W of a norm on the CPU, by memory format, without and with gradients.

Below the first, the kernel's work for each plane costs more than the passes that it saves; below the second, the call.
A sum saves fewer passes than an activation and a pad.
"""


def needs_gradients(*tensors: Tensor | None) -> bool:
    """Whether what is computed from these tensors becomes part of a graph."""
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


def takes_fused(
    operator: str, impl: Implementation, x: Tensor, *, training: bool = False, reason: str | None = None
) -> bool:
    """Whether this call runs fused.

    Args:
        operator: see :func:`reason_against_fused`.
        impl: what the caller asked for.
        x: the input.
        training: whether gradients will be asked for.
        reason: what the operator itself has against it, such as the shape of a weight.

    Raises:
        ValueError: for an unknown ``impl``.
        RuntimeError: for ``impl="fused"`` where that cannot be done.
    """
    require_one_of("impl", impl, IMPLEMENTATIONS)
    if impl == "reference":
        return False
    reason = reason or reason_against_fused(operator, x, impl, training=training)
    if impl == "fused" and reason is not None:
        raise RuntimeError(f"{operator} cannot run fused: {reason}; impl='auto' takes the reference instead")
    return reason is None


def reason_against_fused(
    operator: str, x: Tensor, impl: Literal["auto", "fused"] = "auto", *, training: bool = False
) -> str | None:
    """Say why an operator does not run fused on this input.

    Args:
        operator: ``"residual_block"``, ``"instance_norm_act"``, ``"instance_norm_add"`` or ``"image_convolution"``.
        x: the input ``[N, C, H, W]``; its device, layout, dtype and shape count, no value is read.
        impl: ``"fused"`` asks what makes it impossible, ``"auto"`` also what makes it unwise.
        training: whether gradients will be asked for.

    Returns:
        The first reason, one line without a full stop, or ``None`` when the call runs fused.

    Raises:
        ValueError: for an unknown ``operator``.
        ConfigError: see :func:`i2i.ops.native.cpu.load`, which the first call runs.
        NativeError: see there.
    """
    require_one_of("operator", operator, OPERATORS)
    reason: str | None = library.why_missing(operator, x.device.type)
    if reason is not None:
        return reason
    if x.layout != torch.strided:
        return f"the layout is {x.layout}; the kernels read strided tensors"
    dtypes = DTYPES_OF.get(operator, DTYPES[x.device.type])
    if x.dtype not in dtypes:
        known = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        return f"the kernels for {x.device.type} compute {known}, not {str(x.dtype).removeprefix('torch.')}"
    if not torch.compiler.is_compiling() and (reason := _reason_of_derivatives()) is not None:
        return reason
    return _reason_to_prefer_reference(operator, x, training) if impl == "auto" else None


def _reason_of_derivatives() -> str | None:
    """Say that a functional or forward-mode derivative is taken: the fused operators would lose tangents silently."""
    taken = takes_derivatives()
    if taken is None:
        return (
            f"torch {torch.__version__} does not tell i2i, made for {READ_IN}, when forward-mode derivatives are taken"
        )
    return (
        "torch.func.grad, torch.func.jvp and forward-mode derivatives need PyTorch's own operators" if taken else None
    )


def _is_exported(x: Tensor) -> bool:
    """Whether this call is part of what is exported; torch's own flag is one for all threads."""
    if not torch.compiler.is_exporting():
        return False
    return torch.compiler.is_dynamo_compiling() or type(x) not in (Tensor, torch.nn.Parameter)


def _reason_to_prefer_reference(operator: str, x: Tensor, training: bool) -> str | None:
    if _is_exported(x) or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return "an exported program is to run without i2i; impl='fused' exports the fused operator"
    if x.device.type != "cpu":
        return None
    batch, channels, height, width = x.shape
    if operator == "residual_block":
        pixels = batch * height * width
        small = pixels < PIXELS_PER_CHANNEL[training] * channels or pixels * channels < BLOCK_VALUES[training]
    elif operator in ("instance_norm_act", "instance_norm_add"):
        layout = "channels_last" if memory_format_of(x) == torch.channels_last else "contiguous"
        least_plane, least_values = NORM_VALUES[operator, layout, training]
        small = height * width < least_plane or batch * channels * height * width < least_values
    else:
        return None
    if not small:
        return None
    doing = "training" if training else "inference"
    return f"{doing} with so little work, {batch}x{channels}x{height}x{width}, is faster by PyTorch's own operators"
