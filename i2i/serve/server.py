"""Binding the address, starting the process with the model, and serving until Ctrl-C. Imports no web framework."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from i2i.engine.packages import require
from i2i.errors import ConfigError, I2IError
from i2i.serve.messages import Limits, ModelInfo, ModelOptions
from i2i.serve.worker import Worker

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
NEEDED = ("fastapi", "uvicorn")
FAREWELL_SECONDS = 10
"""How long requests that are being handled may go on after Ctrl-C; a second Ctrl-C ends them at once."""


def serve(
    model: str | Path,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    allow_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    announce: Callable[[str, ModelInfo], None] | None = None,
    **options: Any,
) -> None:
    """Serve a model over HTTP until Ctrl-C.

    Args:
        model: what :func:`i2i.load` takes.
        host: address to listen on: ``127.0.0.1`` is for this machine alone, ``0.0.0.0`` for every machine that reaches
            it. There is no password and no encryption.
        port: 0 takes a free one.
        allow_hosts: further names that the server is known by, such as a proxy's. On a loopback address requests for
            other names are refused; on others every name is fine unless some are given here.
        limits: how much a client may ask.
        announce: called with the server's URL and what it serves, once it listens.
        options: further arguments of :func:`i2i.load`, but ``max_pixels``.

    Raises:
        ConfigError: an extra package is missing, or the address cannot be listened on.
        I2IError: the model cannot be loaded.
    """
    require_packages()
    limits = limits or Limits()
    with listen(host, port) as listener:
        worker = Worker(ModelOptions(model, {**options, "max_pixels": limits.max_pixels}))
        try:
            info = worker.start()
            _run(worker, info, limits, listener, known_names(listener, host, allow_hosts), announce)
        finally:
            worker.stop()


def require_packages() -> None:
    """Raise a ConfigError when the packages of the extra are not installed."""
    require("i2i serve", *NEEDED)


def listen(host: str, port: int) -> socket.socket:
    """Bind an address; what connects from now on waits until the model is loaded.

    Raises:
        ConfigError: the address is no address of this machine, or the port is taken or reserved.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--host {host} is no address ({error.strerror}); try 127.0.0.1 or 0.0.0.0") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reasons = {
            errno.EADDRINUSE: f"port {port} of {host} is taken by another program; choose another with --port, or let "
            "--port 0 find a free one",
            errno.EACCES: f"port {port} is reserved for the system's administrator; choose one from 1024 on",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine; try 127.0.0.1 or 0.0.0.0",
        }
        code = error.errno or 0
        raise ConfigError(reasons.get(code, f"cannot listen on {host} port {port}: {error.strerror}")) from error
    return listener


def known_names(listener: socket.socket, host: str, allow_hosts: Iterable[str]) -> frozenset[str] | None:
    """Return the names that requests may come for; ``None``: any."""
    from i2i.serve.guard import LOOPBACK_NAMES

    given = {name.lower() for name in allow_hosts}
    if is_loopback(listener):
        return frozenset({host.lower(), *LOOPBACK_NAMES, *given})
    return frozenset({host.lower(), *LOOPBACK_NAMES, *given}) if given else None


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def url_of(listener: socket.socket) -> str:
    """Return the address to open on this machine."""
    address, port = listener.getsockname()[:2]
    host = ipaddress.ip_address(address.partition("%")[0])
    if host.is_unspecified:  # 0.0.0.0 is for listening, not for calling
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"http://[{host}]:{port}" if host.version == 6 else f"http://{host}:{port}"


def _run(
    worker: Worker,
    info: ModelInfo,
    limits: Limits,
    listener: socket.socket,
    hosts: frozenset[str] | None,
    announce: Callable[[str, ModelInfo], None] | None,
) -> None:
    import uvicorn

    from i2i.serve.app import make_app

    config = uvicorn.Config(
        make_app(worker, info, limits, hosts=hosts),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    if announce is not None:
        announce(url_of(listener), info)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # how a person ends a server; uvicorn has let requests finish and raises it again
        return
    except SystemExit as error:
        raise I2IError("the server could not be started; its message stands above") from error
