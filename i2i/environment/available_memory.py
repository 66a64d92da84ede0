"""How much memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

_CONTROL_GROUP = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_memory(device: torch.device) -> int:
    """Bytes that can be allocated on a device without taking them from anybody.

    On the CPU what the system calls available, within the limit of the container; on CUDA what is free, with what
    PyTorch has reserved and does not use.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.driver_allocated_memory())
    available = int(psutil.virtual_memory().available)
    return min([available, *_left_by_control_groups()])


def _left_by_control_groups() -> Iterator[int]:
    """What the limit of a Linux container leaves, by control groups of version 2 or 1."""
    for limit, used in _LIMITS:
        try:  # without a limit, version 2 says "max" and version 1 a number beyond all memory
            left = int((_CONTROL_GROUP / limit).read_text()) - int((_CONTROL_GROUP / used).read_text())
        except (OSError, ValueError):
            continue
        yield max(0, left + _reclaimable((_CONTROL_GROUP / limit).with_name("memory.stat")))


def _reclaimable(statistics: Path) -> int:
    """Bytes of files that the system keeps in memory while nobody else wants it."""
    try:
        values = dict(line.split() for line in statistics.read_text().splitlines())
        return int(values.get("total_inactive_file") or values.get("inactive_file") or 0)
    except (OSError, ValueError):
        return 0
