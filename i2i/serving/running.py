"""uvicorn, set up and ended as a server should be: by SIGINT, SIGTERM and SIGHUP, with an answer for every client."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from i2i.errors import ConfigError
from i2i.serving.connections import MOST_LINGERING, Bounds, Connection, log
from i2i.serving.guard import DISCARD_SECONDS, HEAD_BYTES
from i2i.serving.service import Service

FAREWELL_SECONDS = 7
"""How long requests that are being handled may go on when the server is to end, before they are answered with 503.
Shorter than the 10 s after which ``docker stop`` kills; a second signal ends the wait."""

HURRIED_SECONDS = 1.0
"""How long clients have after the second signal to read that answer."""

ACCEPTED_AT_ONCE = 16
"""Connections taken before any is looked at, so that they cannot use up the descriptors."""

BACKLOG = 128
"""Connections that the system keeps waiting until they are taken."""

SPARE = 24
"""Descriptors left for everything else, such as starting the process with the model again."""

FEWEST = 4

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Server(uvicorn.Server):
    """A server of a model.

    The first signal stops taking connections and lets requests go on for :data:`FAREWELL_SECONDS`; then, or at the
    second signal, those that are left are answered with 503. The third ends the process.

    Args:
        app: the application.
        service: what it asks for translations.
        bounds: what connections may take.
        farewell: how long requests may go on.
    """

    def __init__(self, app: ASGIApp, service: Service, bounds: Bounds, *, farewell: float = FAREWELL_SECONDS) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=cast("Any", functools.partial(Connection, bounds=bounds)),
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=ACCEPTED_AT_ONCE,
                timeout_keep_alive=cast("int", bounds.idle),
                h11_max_incomplete_event_size=HEAD_BYTES,
                # Enough for the farewell and for the answers after it, to clients that are still sending as well.
                timeout_graceful_shutdown=cast("int", farewell + DISCARD_SECONDS + 2),
            )
        )
        self.ended_by: signal.Signals | None = None
        self._service, self._bounds, self._farewell = service, bounds, farewell
        self._signals = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._loop_failed)
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # uvicorn's backlog is as well how many are taken at once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, with an answer for everyone."""
        assert self._loop is not None
        last_call = self._loop.call_later(self._farewell, self._part)
        try:
            await super().shutdown(sockets)
        finally:
            last_call.cancel()
            if self._parting is not None:
                await self._parting

    def _part(self) -> None:
        if self._parting is None:
            self._parting = asyncio.ensure_future(self._service.close())

    def _hurry(self) -> None:
        self._part()
        asyncio.get_running_loop().call_later(HURRIED_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while the server runs; they are not raised again at its end."""
        with handling_signals(self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del frame
        self._signals += 1
        self.ended_by = signal.Signals(sig)
        self.should_exit = True
        if self._signals == 2 and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hurry)
        elif self._signals > 2:
            os._exit(128 + sig)  # the process with the model ends with this one

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self._bounds.warn(f"no connection can be taken for now ({error.strerror})")
        elif not isinstance(error, ConnectionError):  # a client that has gone
            loop.default_exception_handler(context)


@contextmanager
def handling_signals(handle: Any) -> Iterator[None]:
    """Handle the signals that end a server; one that is ignored, as ``nohup`` does with SIGHUP, stays so."""
    if threading.current_thread() is not threading.main_thread():  # the only one that may
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    before = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def bound_connections(wanted: int) -> int:
    """Return how many connections there may be: as many as wanted, or as the limit of open files leaves.

    The limit is raised for this where the system lets a process raise it; otherwise fewer are taken, which is logged.

    Raises:
        ConfigError: hardly any would be left.
    """
    if sys.platform == "win32":
        return wanted
    import resource

    beside = _open_descriptors() + SPARE + ACCEPTED_AT_ONCE + MOST_LINGERING
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted + beside:
        return wanted
    most = wanted + beside if hard == resource.RLIM_INFINITY else min(hard, wanted + beside)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    left = max(soft, most) - beside
    if left < FEWEST:
        raise ConfigError(
            f"i2i serve needs at least {beside + FEWEST} open files, and this system allows {hard}; "
            f"raise the limit: ulimit -n {wanted + beside}"
        )
    if left < wanted:
        log.warning("%d connections at most instead of %d: the limit of open files is %d", left, wanted, hard)
    return left


def _open_descriptors() -> int:
    try:
        return sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:
        return SPARE
