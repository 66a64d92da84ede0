"""A process group of one, in this process."""

import socket
from contextlib import contextmanager
from datetime import timedelta

import torch


@contextmanager
def process_group(monkeypatch):
    """Hold a group while the block runs; what was wrapped for it must be let go of inside.

    A reducer that is the last to hold the group ends Gloo's thread with the interpreter's lock taken, which that thread
    may be waiting for (torch 2.13): a deadlock, seen in the first 500 repetitions.
    """
    # Gloo listens where the machine's name leads, and would wait for half an hour: for a name service that does not
    # answer, or for its own connection through a wall. The store takes no file, whose lock could be waited for.
    loop = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    if loop is not None:
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", loop)
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1, timeout=timedelta(seconds=60))
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
