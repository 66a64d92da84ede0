"""The parts of torch's tracer and exporter that exist once a process, though threads may need them at once."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from i2i.tensors.torch_private import backends_stay_on

TRACING = threading.RLock()
"""Held while a network is traced or exported, and while an exported program is loaded.

torch.fx patches ``torch.nn.Module`` while it traces, and the deserialiser of programs is a global: of two threads at
once one fails, and what each puts back afterwards may be what the other had put there.
"""

if hasattr(os, "register_at_fork"):  # or a child could be born with the lock taken, by a thread that it does not have
    os.register_at_fork(before=TRACING.acquire, after_in_parent=TRACING.release, after_in_child=TRACING.release)


@contextmanager
def tracing(device: torch.device) -> Iterator[None]:
    """Trace a network of this device, while other threads compute undisturbed.

    torch.export turns oneDNN, NNPACK and cuDNN off for the whole process while it traces, so that no operator of theirs
    gets into a program: what other threads compute meanwhile is rounded in another way, and slower. On the CPU no
    operator of a generator is replaced by theirs, and nothing is turned off.
    """
    with TRACING, backends_stay_on() if device.type == "cpu" else nullcontext():
        yield


def copy_of_modules(network: nn.Module) -> nn.Module:
    """A network of modules of its own with the same tensors, to be traced while the first one computes."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)
