"""The one place that says whether an operator call runs fused, and if not, why."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from i2i.ops import library
from i2i.ops.checks import require_one_of

Implementation = Literal["auto", "fused", "reference"]
IMPLEMENTATIONS = ("auto", "fused", "reference")

DTYPES = {
    "cpu": (torch.float32, torch.bfloat16),
    "cuda": (torch.float32, torch.bfloat16, torch.float16),
}
"""What the kernels of each device compute."""


def takes_fused(operator: str, impl: Implementation, x: Tensor) -> bool:
    """Whether this call runs fused.

    Raises:
        ValueError: for an unknown ``impl``.
        RuntimeError: for ``impl="fused"`` where that cannot be done.
    """
    require_one_of("impl", impl, IMPLEMENTATIONS)
    if impl == "reference":
        return False
    reason = reason_against_fused(operator, x, impl)
    if impl == "fused" and reason is not None:
        raise RuntimeError(f"{operator} cannot run fused: {reason}; impl='auto' takes the reference instead")
    return reason is None


def reason_against_fused(operator: str, x: Tensor, impl: Literal["auto", "fused"] = "auto") -> str | None:
    """Say why an operator does not run fused on this input.

    Args:
        operator: ``"residual_block"``, ``"instance_norm_act"`` or ``"instance_norm_add"``.
        x: the input ``[N, C, H, W]``; its device, dtype and shape count, no value is read.
        impl: ``"fused"`` asks what makes it impossible, ``"auto"`` also what makes it unwise.

    Returns:
        The first reason, one line without a full stop, or ``None`` when the call runs fused.
    """
    reason: str | None = library.why_missing(operator, x.device.type)
    if reason is None and x.dtype not in DTYPES[x.device.type]:
        known = ", ".join(str(dtype).removeprefix("torch.") for dtype in DTYPES[x.device.type])
        reason = f"the kernels for {x.device.type} compute {known}, not {str(x.dtype).removeprefix('torch.')}"
    if reason is None and impl == "auto":
        reason = _reason_to_prefer_reference()
    return reason


def _reason_to_prefer_reference() -> str | None:
    if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return "an exported program is to run without i2i; impl='fused' exports the fused operator"
    return None
