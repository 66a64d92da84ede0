"""What a result belongs to: the processor or GPU, the versions, the commit; and whether the machine is busy."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from i2i._version import __version__
from i2i.ops.native import cpu, cuda

BUSY_LOAD = 0.5
"""Processes that wait for or use the processor, averaged over a minute, from which a machine counts as busy."""


def describe_device(device: torch.device) -> dict[str, Any]:
    """Return type, name and what bounds the speed: cores, or the GPU's memory in bytes."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return {"type": "cuda", "name": properties.name, "memory": properties.total_memory}
    return {"type": device.type, "name": _processor(), "cores": os.cpu_count()}


def describe_software() -> dict[str, Any]:
    """Return versions and, where i2i runs from a checkout, the commit."""
    return {
        "i2i": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def describe_kernels(device: torch.device) -> dict[str, Any]:
    """Return where the kernels for a device come from, which variant of them runs, and why not another.

    Raises:
        ConfigError: see :func:`i2i.ops.native.cpu.load`.
        NativeError: see there, and :func:`i2i.ops.native.cuda.load`.
    """
    if device.type == "cuda":
        loaded = cuda.load()
        reasons = {} if loaded.reason is None else {"cuda": loaded.reason}
        return {"rung": "reference" if reasons else "cache", "variant": None if reasons else "cuda", "reasons": reasons}
    kernels = cpu.load()
    return {"rung": kernels.origin, "variant": kernels.variant, "reasons": dict(kernels.reasons)}


def commit() -> str | None:
    """Return the commit of the checkout that i2i runs from, with ``-dirty`` after changes; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def load_average() -> float | None:
    """Return the processes that used or awaited the processor during the last minute; None where that is unknown."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
