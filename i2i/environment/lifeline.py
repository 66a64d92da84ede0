"""A process ends with the one that started it, however that ends: also when it is killed."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from multiprocessing.process import BaseProcess


def end_with_parent() -> None:
    """Have this process, and all that it starts, killed as soon as its parent has gone.

    The parent holds one end of a pipe, which the system closes for it whatever it died of. The kernel is asked to kill
    on that (Linux), because a thread, which waits for the same, cannot act while an extension hangs with Python's lock
    held. ``PR_SET_PDEATHSIG`` would do neither: it kills when the *thread* that started the process ends, and leaves
    the compilers that build the kernels.

    The process gets a session of its own, so that it and what it starts can be killed as a group, and a terminal's
    Ctrl-C reaches the parent alone.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "the process was started by multiprocessing"
    if sys.platform != "win32":
        os.setsid()
    if sys.platform == "linux":
        import fcntl

        pipe = parent.sentinel
        fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())  # negative: the group
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_follow, args=(parent.sentinel,), name="i2i-lifeline", daemon=True).start()


def _follow(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    if sys.platform == "win32":
        os._exit(1)
    else:
        os.killpg(0, signal.SIGKILL)


def kill_group(process: BaseProcess) -> None:
    """Kill a process that called :func:`end_with_parent`, and all that it started; not yet waited for."""
    if sys.platform != "win32" and process.pid is not None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
            return
        except (ProcessLookupError, PermissionError):  # it has no group yet, or nothing is left of it
            pass
    process.kill()
