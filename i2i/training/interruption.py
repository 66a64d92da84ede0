"""Ctrl-C, SIGTERM and whatever else would end the process: a request to stop that training grants between two steps."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ALWAYS = (signal.SIGINT, signal.SIGTERM)
_NAMES = (
    "SIGINT",
    "SIGTERM",
    "SIGBREAK",  # Windows
    "SIGHUP",  # the terminal is closed
    "SIGQUIT",
    "SIGUSR1",  # batch systems, some time before the end
    "SIGUSR2",
    "SIGXCPU",  # the limit of computing time
    "SIGALRM",
    "SIGVTALRM",
    "SIGPROF",
    "SIGPWR",
    "SIGSTKFLT",
    *(["SIGIO"] if sys.platform == "linux" else []),  # elsewhere it ends no process
)
_REAL_TIME = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else range(0)
SIGNALS = (*(int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)), *_REAL_TIME)
"""What ends a process and can be caught, except for faults of its own."""

_BY_ITSELF = ("SIGXCPU", "SIGALRM", "SIGVTALRM", "SIGPROF")
REPEATING = frozenset(int(getattr(signal, name)) for name in _BY_ITSELF if hasattr(signal, name))
"""Limits and timers: the system repeats them each second, and no impatient person is behind that."""

AGAIN_SECONDS = 1.0
"""A signal that comes a second time within this is the same request: ``timeout`` and terminals send it twice."""

Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class StopWaiting(BaseException):
    """Raised by a signal where the main thread waits for a batch, so that a slow disk does not hold up the end."""


class StopRequest(threading.Event):
    """Set by the first signal; see :func:`interruption`.

    Attributes:
        may_stop_waiting: says whether the main thread only waits, and a signal may raise :class:`StopWaiting` there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.may_stop_waiting: Callable[[], bool] = lambda: False


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _signals_to_take() -> dict[int, Handler]:
    """The signals to take, with their handlers now: those that would end the process, and always the first two.

    What a caller handles or ignores stays with that (``nohup``, a stack trace on SIGUSR1); so does what was set outside
    of Python.
    """
    now: dict[int, Handler] = {number: signal.getsignal(number) for number in SIGNALS}
    return {
        number: handler
        for number, handler in now.items()
        if handler is not None and (number in ALWAYS or handler is signal.SIG_DFL or handler is _raise)
    }


@contextmanager
def _handled(handlers: dict[int, Handler], handle: Handler) -> Iterator[None]:
    for number in handlers:
        signal.signal(number, handle)
    pipe = getattr(signal, "SIGPIPE", None)
    pipe_before = None if pipe is None else signal.getsignal(pipe)
    if pipe is not None and pipe_before is signal.SIG_DFL:  # Python ignores it, unless a caller changed that
        signal.signal(pipe, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if pipe is not None and pipe_before is signal.SIG_DFL:
            signal.signal(pipe, signal.SIG_DFL)


@contextmanager
def ignoring_signals() -> Iterator[None]:
    """Ignore signals in what is started meanwhile: a terminal or a scheduler sends them to every process."""
    if not _is_main_thread():
        yield
        return
    with _handled(_signals_to_take(), signal.SIG_IGN):
        yield


def ignore_signals(_: int) -> None:
    """Ignore signals in a loading process, where torch puts a handler of its own; the main process ends it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


_deferring = 0
_signal_deferred = False


def _raise(_: int, __: object) -> None:
    global _signal_deferred
    if _deferring:
        _signal_deferred = True
    else:
        raise KeyboardInterrupt


@contextmanager
def raising_on_signals() -> Iterator[None]:
    """Before training: every signal raises :class:`KeyboardInterrupt`, so that what was begun is taken back."""
    if not _is_main_thread():
        yield
        return
    with _handled({number: old for number, old in _signals_to_take().items() if old is not signal.SIG_IGN}, _raise):
        yield


@contextmanager
def deferring_signals() -> Iterator[None]:
    """Within :func:`raising_on_signals`: let the block come to its end before a signal ends it all."""
    global _deferring, _signal_deferred
    _deferring += 1
    try:
        yield
    finally:
        _deferring -= 1
        came, _signal_deferred = _signal_deferred, False
    if came:
        raise KeyboardInterrupt


@contextmanager
def interruption() -> Iterator[StopRequest]:
    """Turn the first signal into a request to stop; a second one of that kind, or Ctrl-C, ends the process as usual.

    Those of limits and timers stay requests.
    """
    stop = StopRequest()
    if not _is_main_thread():
        yield stop  # signals reach the main thread only
        return
    before = _signals_to_take()
    first: list[tuple[int, float]] = []

    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append((number, now))
            stop.set()
            if stop.may_stop_waiting():
                raise StopWaiting
            return
        if now - first[0][1] < AGAIN_SECONDS or number in REPEATING or number not in (first[0][0], signal.SIGINT):
            return  # some batch systems send one kind after the other
        handler = before[number]
        if callable(handler):
            handler(number, frame)
        else:
            signal.signal(number, handler or signal.SIG_DFL)
            signal.raise_signal(number)

    with _handled(before, handle):
        yield stop
