"""An end to an export that takes too long: tracing a network for every size can take hours, and nothing in it asks."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from i2i.errors import ExportError

AGAIN_SECONDS = 5.0
"""When work that caught the interruption, as a bare ``except`` does, is interrupted anew."""

SOON_SECONDS = 0.02
"""After which an interruption that was dropped comes again."""


class _TimeIsUp(BaseException):
    """Raised in the middle of the work, in its thread."""


class TimeLimit:
    """Ends work once a time is over; it runs from when this is made.

    The thread that works is interrupted between two steps of Python. One call of a library is not cut short: what waits
    for another process has to end by itself, see :attr:`left`.

    Args:
        seconds: how long; ``None`` for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 once the time is over; ``None`` without a limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @contextmanager
    def ending(self, what: str, cure: str) -> Iterator[None]:
        """End the block once the time is over.

        Args:
            what: what is done in the block, such as ``"tracing the generator"``.
            cure: what to do about it, for the message.

        Raises:
            ExportError: the time is over.
        """
        if self.left is None:
            yield
            return
        interruption = _Interruption()
        try:
            try:
                with _kept_where_nothing_raises(interruption):
                    interruption.after(self.left)
                    yield
            finally:
                interruption.call_off()
        except _TimeIsUp:
            interruption.call_off()  # which may itself have been interrupted
            raise self.over(what, cure) from None

    def over(self, what: str, cure: str) -> ExportError:
        """The error that says so."""
        return ExportError(
            f"{what} was not done when the {self.seconds:g} seconds of --timeout were over; no file was written; {cure}"
        )


class _Interruption:
    """Raises :class:`_TimeIsUp` in the thread that made it, unless it is called off."""

    def __init__(self) -> None:
        self._worker = threading.get_ident()
        self._lock = threading.Lock()
        self._off = threading.Event()
        self.dropped = threading.Event()  # set where the interruption was raised, and nothing could take it

    def after(self, seconds: float) -> None:
        """Interrupt then."""
        threading.Thread(target=self._wait, args=(seconds,), name="i2i-time-limit", daemon=True).start()

    def call_off(self) -> None:
        """Interrupt no more, and take back an interruption that has not arrived."""
        with self._lock:
            self._off.set()
            self.dropped.set()  # the thread need wait no more
            _raise_in(self._worker, None)

    def _wait(self, seconds: float) -> None:
        while not self._off.wait(seconds):
            with self._lock:
                if not self._off.is_set():
                    self.dropped.clear()
                    _raise_in(self._worker, _TimeIsUp)
            self.dropped.wait(AGAIN_SECONDS)
            seconds = SOON_SECONDS


@contextmanager
def _kept_where_nothing_raises(interruption: _Interruption) -> Iterator[None]:
    """Interrupt anew where Python would report the interruption and drop it, as in callbacks of garbage collection."""
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is _TimeIsUp:
            interruption.dropped.set()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have CPython raise an error in another thread before its next step; ``None`` takes back one that is waiting."""
    waiting = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), waiting)
