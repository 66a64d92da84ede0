"""The private names of Accelerate, and of the process group that it makes, that training uses.

They were read in the releases below; ``tests/training/test_accelerate_private.py`` looks each of them up. Nothing here
is needed to import the training loop: a name that is gone is reported when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import torch
from accelerate import __version__ as accelerate_version
from accelerate.state import AcceleratorState

READ_IN = {"accelerate": "1.15", "torch": "2.13"}
"""The releases that have these names, with the meaning that they have here."""

NAMES = ("accelerate.state.AcceleratorState._reset_state", "torch.distributed.distributed_c10d._set_pg_timeout")

DEVICE_VARIABLE = "ACCELERATE_TORCH_DEVICE"
"""The environment variable that names Accelerate's device; it is undocumented."""


def absent(name: str) -> RuntimeError:
    """Return the error for a name that is needed and not there."""
    package = name.partition(".")[0]
    version = {"accelerate": accelerate_version, "torch": torch.__version__}[package]
    return RuntimeError(f"{package} {version} has no {name}, which i2i uses as it was in {package} {READ_IN[package]}")


def forget_device_and_precision() -> None:
    """Let the next ``Accelerator`` choose its own: it keeps device, precision and process group for the whole process.

    Raises:
        RuntimeError: this release of Accelerate does it in another way.
    """
    reset: Any = getattr(AcceleratorState, "_reset_state", None)
    if reset is None:
        raise absent(NAMES[0])
    reset(reset_partial_state=True)


@contextmanager
def device_chosen(device: torch.device) -> Iterator[None]:
    """Let Accelerate, which has no argument for it, take this GPU; later runs of the process choose their own."""
    before = os.environ.get(DEVICE_VARIABLE)
    torch.cuda.set_device(device)
    os.environ[DEVICE_VARIABLE] = str(device)
    try:
        yield
    finally:
        del os.environ[DEVICE_VARIABLE]
        if before is not None:
            os.environ[DEVICE_VARIABLE] = before


def import_before_the_process_group() -> None:
    """Import what keeps a group that is there when it is imported, as the first optimiser does, until Python ends.

    Its functions have the group as their default, so that the threads of a group that was destroyed live on. One that
    lets go of a tensor while Python ends aborts the process (SIGABRT), and a launcher calls the run failed.
    """
    import_module("torch.distributed.nn.functional")


def set_collective_timeout(timeout: timedelta) -> None:
    """Set how long the processes of this run wait for each other from now on.

    Raises:
        RuntimeError: this release of torch does it in another way.
    """
    setter: Any = getattr(import_module("torch.distributed.distributed_c10d"), "_set_pg_timeout", None)
    if setter is None:
        raise absent(NAMES[1])
    setter(timeout)
