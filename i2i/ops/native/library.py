"""Whether the native operators are there, and what PyTorch has to know about them once they are.

The schemas ``torch.ops.i2i.*`` are defined by the native library, so shapes, gradients and batching rules can be
registered only after it is loaded. It is loaded when an operator is first asked for, not at import.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

import torch

from i2i.ops.native import cpu, cuda
from i2i.tensors.torch_private import READ_IN, constant_when_compiled, has_kernel

KEYS = {"cpu": "CPU", "cuda": "CUDA"}
"""Devices that there are kernels for, with the names under which PyTorch dispatches to them."""

_waiting: list[Callable[[], None]] = []
_lock = threading.RLock()


def when_loaded(register: Callable[[], None]) -> Callable[[], None]:
    """Have ``register`` called once, after the native library is loaded; a decorator."""
    with _lock:
        _waiting.append(register)
    return register


@constant_when_compiled  # what is loaded stays loaded
def why_missing(operator: str, device_type: str) -> str | None:
    """Load the native library unless that was tried, and say why it lacks this operator for this device.

    Args:
        operator: its name, such as ``"residual_block"``.
        device_type: such as ``"cpu"``.

    Returns:
        One line without a full stop, or ``None`` when the operator can be called on such tensors.

    Raises:
        ConfigError: see :func:`i2i.ops.native.cpu.load`.
        NativeError: see there.
    """
    return _why_missing(operator, device_type)


@cache
def _why_missing(operator: str, device_type: str) -> str | None:
    if device_type not in KEYS:
        return f"there are kernels for {' and '.join(KEYS)}, none for {device_type}"
    kernels = cpu.load()
    if kernels.origin == "reference":
        return "the native library is not loaded: " + "; ".join(
            f"{origin}: {reason}" for origin, reason in kernels.reasons.items()
        )
    with _lock:
        while _waiting:
            _waiting.pop(0)()
    if device_type == "cuda" and (reason := cuda.load().reason) is not None:
        return f"the CUDA kernels are not loaded: {reason}"
    registered = has_kernel(f"i2i::{operator}", KEYS[device_type])
    if registered is None:
        return f"torch {torch.__version__} does not tell i2i, made for {READ_IN}, which kernels are registered"
    if not registered:
        return f"the native library holds no {operator} for {device_type}"
    return None
