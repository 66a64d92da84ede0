"""What stands around the application: whose requests are heard, and the headers that every answer carries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
DISCARD_SECONDS = 5.0
"""How long the rest of a refused upload is read for: a client that is cut off while it sends never sees the answer."""

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
        hosts: names that the server is known by, in lower case; ``None``: any.
        discard_bytes: how much is read of the body of a request that is refused, so that its client sees the answer.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] | None, discard_bytes: int) -> None:
        self.app = app
        self.hosts = None if hosts is None else frozenset(hosts)
        self.discard_bytes = discard_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(Headers(scope=scope), receive, send, self.discard_bytes)
        refusal = self._refusal(scope["method"], exchange.headers)
        if refusal is None:
            await self.app(scope, exchange.receive, exchange.send)
            return
        status, reason = refusal
        body = json.dumps({"error": reason}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": body})

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = _host_name(host)
        if self.hosts is not None and name not in self.hosts:
            return 421, (
                f"this server is not known as {host!r}; use one of {', '.join(sorted(self.hosts))}, or start it with "
                "--allow-host NAME"
            )
        if method in ("GET", "HEAD", "OPTIONS"):
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = site in ("same-origin", "none") if site else origin is None or origin.partition("://")[2] == host
        return None if own else (403, f"a page of another origin ({origin or site}) may not use this server")


class _Exchange:
    """One request and its answer: adds the headers, and reads the rest of the body of a request that is refused."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, discard_bytes: int) -> None:
        self.headers = headers
        self._receive, self._send, self._discard_bytes = receive, send, discard_bytes
        self._whole = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        message = await self._receive()
        self._whole |= message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if message["status"] >= 400:
                await self._discard()
            if not self._whole:
                headers["Connection"] = "close"  # or the server would go on reading, without an end
            message = {**message, "headers": headers.raw}
        await self._send(message)

    async def _discard(self) -> None:
        if "expect" in self.headers:  # the client waits for a word before it sends
            return
        read = 0
        with anyio.move_on_after(DISCARD_SECONDS):
            while not self._whole and read <= self._discard_bytes:
                message: dict[str, Any] = dict(await self.receive())
                read += len(message.get("body", b""))


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # an unclosed bracket
        return ""
