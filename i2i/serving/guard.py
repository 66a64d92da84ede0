"""What surrounds the application: whose requests are accepted, and the headers that every answer carries."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i2i.serving.hosts import Hosts, split_host
from i2i.serving.problems import error_body, shown

DISCARD_SECONDS = 5.0
"""How long the rest of a refused upload is read for: a client that is cut off while it sends never sees the answer."""

HEAD_BYTES = 16384
"""The most that a request line, and the headers after it, may have. The parser holds the same against what it has not
read to its end, so a longer head that comes in one piece passes it."""

LONG_LINE = 414, f"the request line is longer than {HEAD_BYTES} bytes"
LONG_HEADERS = 431, f"the headers are longer than {HEAD_BYTES} bytes"

HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
"""Set on every answer that does not set them itself."""


class Guard:
    """Answers a request itself where it comes from elsewhere than it should, and else hands it to the application.

    A page on the internet can make its visitor's browser send requests to this machine. It cannot read the answers, but
    it could keep the model busy; and by a name that resolves to 127.0.0.1 it could read them too. So a browser's
    request has to come from the server's own page, and has to name a host that the server is known by.

    Args:
        app: the application.
        hosts: names that the server is known by; ``None``: any.
        discard_bytes: how much is read of the body of a request that is refused, so that its client sees the answer.
    """

    def __init__(self, app: ASGIApp, *, hosts: Hosts | None, discard_bytes: int) -> None:
        self.app = app
        self.hosts = hosts
        self.discard_bytes = discard_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(headers, receive, send, self.discard_bytes)
        refused = _refused(scope)
        if refused is not None:
            await exchange.refuse(*refused, close=True)
            return
        host, scope = _resolve(scope, headers.get("host"))
        refusal = self._refusal(scope["method"], host, headers)
        if refusal is not None:
            await exchange.refuse(*refusal)
            return
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:  # the server waited for it as long as it does when it is ended
            if not exchange.begun:
                await exchange.refuse(503, "the server is shutting down", close=True)

    def _refusal(self, method: str, host: str | None, headers: Headers) -> tuple[int, str] | None:
        if self.hosts is None and host is not None and split_host(host) is None:
            return 400, f"Host must be a name or an address, with or without a port; got '{shown(host)}'"
        if self.hosts is not None and not self.hosts.accepts(host):
            return 421, (
                f"this server is not known as '{shown(host or '')}'; use one of {self.hosts}, or start it with "
                "--allowed-host NAME"
            )
        if method in ("GET", "HEAD", "OPTIONS"):
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = site in ("same-origin", "none") if site else origin is None or _is_origin(origin, host)
        return (
            None if own else (403, f"a page of another origin ({shown(origin or site or '')}) may not use this server")
        )


def _refused(scope: Scope) -> tuple[int, str] | None:
    """Return why a request is refused before anything in it counts."""
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, f"the server speaks HTTP/1.1; got HTTP/{scope['http_version']}"
    if len(scope["raw_path"]) + len(scope["query_string"]) > HEAD_BYTES:
        return LONG_LINE
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES:
        return LONG_HEADERS
    return None


def _resolve(scope: Scope, host: str | None) -> tuple[str | None, Scope]:
    """Return the host that is meant, and the request as the application should see it.

    A target may be a whole URL (RFC 9112, 3.2.2); then its host counts, and not the header's. HEAD is GET whose body
    is left out, which the server does.
    """
    changes: dict[str, object] = {}
    if scope["method"] == "HEAD":
        changes["method"] = "GET"
    whole = re.match(rb"https?://([^/?#]*)", scope["raw_path"] or b"", re.IGNORECASE)
    if whole is not None:
        host = whole[1].decode("latin-1")
        raw_path = scope["raw_path"][whole.end() :] or b"/"
        changes |= {"raw_path": raw_path, "path": unquote(raw_path.decode("latin-1"))}
    return host, {**scope, **changes}


def _is_origin(origin: str, host: str | None) -> bool:
    """Whether an ``Origin`` is the server's own page: the same name, and the same port, given or the scheme's."""
    scheme, _, rest = origin.partition("://")
    theirs, own = split_host(rest), split_host(host or "")
    default = {"http": "80", "https": "443"}.get(scheme)
    if theirs is None or own is None or default is None:
        return False
    return theirs[0] == own[0] and (theirs[1] or default) == (own[1] or default)


class _Exchange:
    """One request and its answer: adds the headers, and reads the rest of the body of a request that is refused."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, discard_bytes: int) -> None:
        self.headers = headers
        self.begun = False
        self._receive, self._send, self._discard_bytes = receive, send, discard_bytes
        self._whole = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        message = await self._receive()
        self._whole |= message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                await self._discard()
            message = self._with_headers(message)
        await self._send(message)

    async def refuse(self, status: int, reason: str, *, close: bool = False) -> None:
        """Answer with an error; ``close``: without reading the rest of the request, and no other after it."""
        self._whole &= not close
        body = error_body(reason)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await (self._send(self._with_headers(start)) if close else self.send(start))
        await self._send({"type": "http.response.body", "body": body})

    def _with_headers(self, message: Message) -> Message:
        self.begun = True
        headers = MutableHeaders(raw=list(message.get("headers", [])))
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if not self._whole:
            headers["Connection"] = "close"  # or the server would go on reading, without an end
        return {**message, "headers": headers.raw}

    async def _discard(self) -> None:
        if "expect" in self.headers:  # the client waits for a word before it sends
            return
        read = 0
        with anyio.move_on_after(DISCARD_SECONDS):
            while not self._whole and read <= self._discard_bytes:
                message: dict[str, Any] = dict(await self.receive())
                read += len(message.get("body", b""))
