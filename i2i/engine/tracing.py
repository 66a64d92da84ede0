"""What of torch's tracer and exporter exists once a process, though threads may want it at the same time."""

from __future__ import annotations

import copy
import os
import threading

from torch import nn

TRACING = threading.RLock()
"""Held while a network is traced or exported, and while an exported program is loaded.

torch.fx patches ``torch.nn.Module`` while it traces, and the deserialiser of programs is a global: of two threads at
once one fails, and what each puts back afterwards may be what the other had put there.
"""

if hasattr(os, "register_at_fork"):  # or a child could be born with the lock taken, by a thread that it does not have
    os.register_at_fork(before=TRACING.acquire, after_in_parent=TRACING.release, after_in_child=TRACING.release)


def copy_of_modules(network: nn.Module) -> nn.Module:
    """A network of modules of its own with the same tensors, to be traced while the first one computes."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)
