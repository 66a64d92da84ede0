"""Choosing a device by name."""

from __future__ import annotations

import torch

from i2i.errors import ConfigError
from i2i.tensors.torch_private import in_bad_fork


def check_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` into a device that exists here.

    Raises:
        ConfigError: it does not.
    """
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else _usable(found, name)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device must be auto, cpu, cuda, cuda:N or mps; got {name!r}") from error
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ConfigError(
                f"--device {name}: torch {torch.__version__} sees {count} CUDA devices; use --device cpu, or install "
                "a CUDA build of torch (i2i doctor shows what is there)"
            )
        _usable(device, name)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--device mps: torch sees no Apple GPU; use --device cpu")
    elif device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"--device must be auto, cpu, cuda, cuda:N or mps; got {name!r}")
    return device


def _usable(device: torch.device, name: str) -> torch.device:
    if device.type == "cuda" and in_bad_fork():
        raise ConfigError(
            f"--device {name}: this process was forked from one that had used CUDA, which CUDA does not allow; start "
            "it with multiprocessing's 'spawn', or use --device cpu"
        )
    return device
