"""What of torch's tracer and exporter exists once a process, though threads may want it at the same time."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

_TURNS_OFF = "_ignore_backend_decomps"

TRACING = threading.RLock()
"""Held while a network is traced or exported, and while an exported program is loaded.

torch.fx patches ``torch.nn.Module`` while it traces, and the deserialiser of programs is a global: of two threads at
once one fails, and what each puts back afterwards may be what the other had put there.
"""

if hasattr(os, "register_at_fork"):  # or a child could be born with the lock taken, by a thread that it does not have
    os.register_at_fork(before=TRACING.acquire, after_in_parent=TRACING.release, after_in_child=TRACING.release)


@contextmanager
def tracing(device: torch.device) -> Iterator[None]:
    """Trace a network of this device, while other threads compute as if nobody did.

    torch.export turns oneDNN, NNPACK and cuDNN off for the whole process while it traces, so that no operator of theirs
    gets into a program: what other threads compute meanwhile is rounded in another way, and slower. On the CPU no
    operator of a generator is replaced by theirs, and nothing is turned off. Read in torch 2.13; where the private name
    is another one, torch's way it is.
    """
    from torch.export import _trace  # here, because it takes a second, and most of what is translated is not traced

    with TRACING:
        kept = getattr(_trace, _TURNS_OFF, None)
        if device.type != "cpu" or kept is None:
            yield
            return
        setattr(_trace, _TURNS_OFF, nullcontext)
        try:
            yield
        finally:
            setattr(_trace, _TURNS_OFF, kept)


def copy_of_modules(network: nn.Module) -> nn.Module:
    """A network of modules of its own with the same tensors, to be traced while the first one computes."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)
