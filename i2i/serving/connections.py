"""What happens to a connection before and after the application has its request: bounds on number, time and bytes.

uvicorn bounds how long an idle connection is kept and how long a request's head may be; this adds what it leaves open:
a client that says nothing, that sends its request a byte at a time, that never reads its answer, and more of them than
there are descriptors. What it has to answer itself has the form of every other error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from i2i.errors import reason_of
from i2i.serving.guard import HEADERS, LONG_HEADERS, LONG_LINE
from i2i.serving.problems import error_body, shown

log = logging.getLogger(__name__)
client_log = logging.getLogger(f"{__name__}.clients")
client_log.setLevel(logging.ERROR)
"""In place of uvicorn's, which warns of every request that is malformed or asks for a WebSocket."""

READ_BYTES = 32768
"""Read at once from a connection; thousands of tiny chunks in it keep the others waiting for milliseconds only."""

LINGER_BYTES = 2**20
MOST_LINGERING = 16
LOG_AGAIN_SECONDS = 60.0


@dataclass
class Bounds:
    """How many connections there may be, and how long each phase of one may take, in seconds.

    Attributes:
        connections: open at once, beside those that have been refused and are about to be closed.
        head: from the first byte of a request, or from the beginning of a connection, to the end of its headers.
        idle: between two requests.
        stalled: how long a client may not read an answer that is being sent.
        answer: how long an answer may take to be read.
        linger: how long a client that was refused is given to read why.
        patience: how long a connection without a request is left alone when another one needs its place.
    """

    connections: int = 256
    head: float = 10.0
    idle: float = 5.0
    stalled: float = 20.0
    answer: float = 60.0
    linger: float = 2.0
    patience: float = 1.0
    logged_at: float = -LOG_AGAIN_SECONDS

    def warn(self, text: str) -> None:
        """Log a line, unless one was logged in the last minute."""
        now = time.monotonic()
        if now - self.logged_at >= LOG_AGAIN_SECONDS:
            self.logged_at = now
            log.warning("%s (said once a minute at most)", text)


class Connection(H11Protocol):
    """One connection of a client.

    Args:
        bounds: shared by all connections of a server.
        arguments: what uvicorn gives to a protocol.
    """

    def __init__(self, *, bounds: Bounds, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.logger = client_log
        self._bounds = bounds
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting_since = self.loop.time()
        self._answering_since: float | None = None
        self._refused = False
        self._lingered = 0

    # ---- beginning and end -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take a connection, or refuse it politely."""
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        others = [other for other in self.connections if isinstance(other, Connection) and other is not self]
        if sum(other.is_open for other in others) < self._bounds.connections:
            self._after("head", self._bounds.head, self._head_overdue)
            return
        self._bounds.warn(f"{self._bounds.connections} connections are open, the most there may be")
        silent = min(filter(attrgetter("gives_way"), others), key=attrgetter("_waiting_since"), default=None)
        if silent is None:
            self.refuse(503, "too many connections are open; try again after a while", retry_after=2)
        else:
            silent.give_way()
            self._after("head", self._bounds.head, self._head_overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a question whose client has sent all that it will (``nc -N``); an upload's client has gone."""
        if not self._is_answering or self.cycle.more_body or self.scope["method"] not in ("GET", "HEAD"):
            return False
        self.cycle.keep_alive = False
        return True

    def shutdown(self) -> None:
        """Close it at the end of the server, or once the request that is being handled is answered."""
        if self._refused:  # it is closed in a moment
            return
        if not self._is_answering and self._has_bytes:
            self.refuse(503, "the server is shutting down", retry_after=5)
        else:
            super().shutdown()

    @property
    def is_open(self) -> bool:
        """Whether it takes one of the places for connections."""
        return not self._refused and not self.transport.is_closing()

    @property
    def gives_way(self) -> bool:
        """Whether it has no request for a while, and is not being sent an answer."""
        if self._is_answering or not self.is_open or self.transport.get_write_buffer_size():
            return False
        return self.loop.time() - self._waiting_since >= self._bounds.patience

    def give_way(self) -> None:
        """Close it, with an answer if a part of a request has come."""
        if self._has_bytes:
            self.refuse(503, "too many connections are open, and this request was not complete", retry_after=2)
        else:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # ---- a request's head ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take what has come; what a refused client still sends is thrown away, so that it gets to read its answer."""
        if not self._refused:
            super().data_received(data)
            return
        self._lingered += len(data)
        if self._lingered > LINGER_BYTES:
            self.transport.abort()

    def handle_events(self) -> None:
        """Handle what has come, and watch how long the head of the next request takes."""
        super().handle_events()
        if self._refused or self.conn.their_state is not h11.IDLE:
            self._stop("head")
        elif self._has_bytes and "head" not in self._timers:
            self._after("head", self._bounds.head, self._head_overdue)

    @property
    def _has_bytes(self) -> bool:
        return bool(self.conn.trailing_data[0])

    def _head_overdue(self) -> None:
        if self.transport.is_closing():
            return
        if self._has_bytes:
            self.refuse(408, f"the request line and headers took longer than {self._bounds.head:g} s")
        else:  # it never said a word, such as a connection that a browser opens beforehand
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return False  # there are no WebSockets; the request is answered as HTTP

    # ---- refusing --------------------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused; called by uvicorn while it handles the parser's error."""
        del msg
        self.refuse(*_judge(sys.exc_info()[1], self.conn.trailing_data[0], in_body=self._is_answering))

    def refuse(self, status: int, reason: str, *, retry_after: int | None = None) -> None:
        """Answer with an error without asking the application, and close the connection."""
        self._refused = True
        self._stop("head")
        if self._is_answering:
            self.cycle.disconnected = True  # the application is told that nobody is there any more
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        body = error_body(reason)
        headers = {
            **HEADERS,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        phrase = STATUS_PHRASES[status].decode()
        self.transport.write(f"HTTP/1.1 {status} {phrase}\r\n{''.join(lines)}\r\n".encode() + body)
        self._linger()

    def _linger(self) -> None:
        """Close the way there, and read on for a moment: closed with bytes unread, a connection is reset, which can
        take the answer from its client.
        """
        lingering = sum(isinstance(other, Connection) and other._refused for other in self.connections)
        if lingering <= MOST_LINGERING and self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()
        self._after("linger", self._bounds.linger, self.transport.abort)

    # ---- an answer -------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Wait for a client that does not read as fast as it is sent to."""
        super().pause_writing()
        now = self.loop.time()
        if self._answering_since is None:
            self._answering_since = now
        left = self._answering_since + self._bounds.answer - now
        self._after("write", max(0.0, min(self._bounds.stalled, left)), self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        self._stop("write")
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the next request, and for the client to read the rest of this answer."""
        self._waiting_since = self.loop.time()
        self._answering_since = None
        if self.transport.get_write_buffer_size():
            self._after("write", self._bounds.stalled, self._abort_unread)
        super().on_response_complete()

    def _abort_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    # ---- timers ----------------------------------------------------------------------------------------------------

    def _after(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        self._stop(name)
        self._timers[name] = self.loop.call_later(seconds, self._act, name, act)

    def _act(self, name: str, act: Callable[[], None]) -> None:
        del self._timers[name]
        act()

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _judge(error: BaseException | None, unread: bytes, *, in_body: bool) -> tuple[int, str]:
    """Return status and reason for what h11 refused, with what it had not read."""
    why = "" if error is None else f": {shown(reason_of(error))}"
    if in_body:
        return 400, f"the body of the request is malformed{why}"
    if unread[:2] == b"\x16\x03":
        return (
            400,
            "this is a TLS handshake; the server speaks HTTP without encryption: use http:// instead of https://",
        )
    status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
    if status == 431:
        if b"\n" not in unread:
            return LONG_LINE
        return LONG_HEADERS
    return status, f"the request is not valid HTTP/1.1{why}"
