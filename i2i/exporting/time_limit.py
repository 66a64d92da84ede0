"""An end to an export that takes too long: tracing a network for every size can take hours, and nothing in it asks."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from i2i.environment.lifeline import end_with_parent, kill_group
from i2i.errors import ExportError, I2IError
from i2i.progress import working

CAN_KILL = sys.platform == "linux"
"""Whether work is done in a process that can be killed. Only a copy of this one has the network as it is, and elsewhere
the system's own libraries do not bear being copied (macOS) or nothing can be copied (Windows)."""


class TimeLimit:
    """Ends work once a time is over; it runs from when this is made.

    Args:
        seconds: how long; ``None`` for no limit.
        cure: what to do where it is not enough, for the message.
    """

    def __init__(self, seconds: float | None, cure: str) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds
        self._cure = cure

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 once the time is over; ``None`` without a limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def require(self, what: str) -> None:
        """Raise :class:`ExportError` if the time is over, and what was being done has to stay undone."""
        if self.left == 0:
            raise self.over(what)

    def over(self, what: str) -> ExportError:
        """The error that says so."""
        return ExportError(
            f"{what} was not done when the {self.seconds:g} seconds of --timeout were over; no file was written; "
            f"{self._cure}"
        )

    def run(self, work: Callable[[], None], what: str) -> None:
        """Do work of which nothing stays but files.

        With a limit it is done in a copy of this process, which is killed when the time is over: an error that was
        raised in the middle of a library that does not expect one could end this process. Where that cannot be, the
        time is looked at when the work is done.

        Args:
            work: is called once.
            what: names it, such as ``"tracing the generator"``.

        Raises:
            ExportError: the time is over, the copy died, or the work raised what is neither of the following.
            I2IError: what the work raised.
            OSError: likewise.
        """
        if self.left is None or not CAN_KILL:
            work()
            self.require(what)
            return
        self.require(what)
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_do, args=(work, receiver, sender), name="i2i-export")
        with working(what):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of threads, see _do
                process.start()
            try:
                sender.close()
                if not receiver.poll(self.left):
                    raise self.over(what)
                error = _received(receiver)
            finally:
                kill_group(process)
                process.join()
                receiver.close()
        if isinstance(error, Exception):
            raise error
        if error != _DONE:
            raise ExportError(f"{what} ended its process ({_end(process.exitcode)}); no file was written")


_DONE = "done"


def _do(work: Callable[[], None], receiver: Connection, sender: Connection) -> None:
    """What the copy does. Of the threads of its original it has none, so that it computes in one alone."""
    import torch

    receiver.close()
    end_with_parent()
    torch.set_num_threads(1)
    try:
        work()
    except (I2IError, OSError) as error:
        sender.send(error)
    except Exception as error:  # of another kind, which might not be made again from its parts
        sender.send(ExportError(f"{type(error).__name__}: {error}"))
    else:
        sender.send(_DONE)


def _received(receiver: Connection) -> object:
    with suppress(EOFError):
        return receiver.recv()
    return None  # it died


def _end(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    return signal.Signals(-exit_code).name
