"""Binding the address, starting the process with the model, and serving until a signal. Imports no web framework."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from i2i.api.arguments import PluginFiles, manager_of, one_name
from i2i.environment.packages import require
from i2i.errors import ConfigError, I2IError, printable, reason_of
from i2i.serving.hosts import Hosts, hosts_of
from i2i.serving.messages import MEBIBYTE, Limits, ModelInfo, ModelOptions
from i2i.serving.worker import Worker

if TYPE_CHECKING:
    from i2i.models.info import Inference
    from i2i.serving.service import Service
    from i2i.translation.network_runner import Precision

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
NEEDED = ("fastapi", "starlette.types", "uvicorn", "h11")


def serve(
    model: str | Path,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    allowed_host: str | Iterable[str] = (),
    max_upload: int = 20,
    max_pixels: int = 2048 * 2048,
    timeout: float = 60.0,
    queue: int = 16,
    max_connections: int = 256,
    direction: str | None = None,
    checkpoint: str | None = None,
    inference: Inference | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    trust: bool = False,
    plugins: PluginFiles = (),
    announce: Callable[[str, ModelInfo], None] | None = None,
    limits: Limits | None = None,
    allow_hosts: Iterable[str] | None = None,
) -> None:
    """Serve a model over HTTP until Ctrl-C, SIGTERM or SIGHUP.

    The model is in a process of its own: a script must call this below ``if __name__ == "__main__":``.

    Args:
        model: what :func:`i2i.load` takes.
        host: address to listen on: ``127.0.0.1`` is for this machine alone, ``0.0.0.0`` for every machine that reaches
            it. There is no password and no encryption.
        port: 0 takes a free one.
        allowed_host: further names that the server is known by, such as a proxy's; ``*``: any. Requests for other names
            are refused: on a loopback address all but ``localhost`` and its addresses, on others all but IP addresses
            and the machine's own name.
        max_upload: MiB of the largest file.
        max_pixels: of the largest image, checked before it is decoded.
        timeout: seconds of the longest upload, and again of the longest translation.
        queue: requests that may wait; one more gets 503.
        max_connections: open connections; one more gets 503.
        direction: which way is offered first; that of the run if not given.
        checkpoint: see :func:`i2i.load`.
        inference: see :func:`i2i.load`.
        device: see :func:`i2i.load`.
        precision: see :func:`i2i.load`.
        trust: see :func:`i2i.load`.
        plugins: see :func:`i2i.load`.
        announce: called with the server's URL and what it serves, once it listens.
        limits: the earlier way to give ``max_upload``, ``max_pixels``, ``timeout``, ``queue`` and ``max_connections``;
            it goes before them.
        allow_hosts: the earlier name of ``allowed_host``.

    Raises:
        ConfigError: an extra package is missing or broken, the address cannot be listened on, or a name or limit makes
            no sense.
        I2IError: the model cannot be loaded.
    """
    require_packages()
    names = one_name("allowed_host", allowed_host, "allow_hosts", allow_hosts)
    if limits is not None:
        warnings.warn(
            "limits is the earlier way to give max_upload, max_pixels, timeout, queue and max_connections; give those",
            DeprecationWarning,
            stacklevel=2,
        )
    limits = limits or _limits(
        max_bytes=max_upload * MEBIBYTE,
        max_pixels=max_pixels,
        seconds=timeout,
        queue=queue,
        connections=max_connections,
    )
    options = {
        "direction": direction,
        "checkpoint": checkpoint,
        "inference": inference,
        "device": device,
        "precision": precision,
        "trust": trust,
        "max_pixels": limits.max_pixels,
    }
    hosts = (names,) if isinstance(names, str) else tuple(names)
    files = tuple(manager_of(None, plugins).files)
    _serve(ModelOptions(model, options, files), host, port, hosts, limits, announce)


OPTIONS = {
    "max_bytes": "--max-upload",
    "max_pixels": "--max-pixels",
    "seconds": "--timeout",
    "queue": "--queue",
    "connections": "--max-connections",
}
"""The limits by the options that set them."""


def _limits(**values: float) -> Limits:
    """Limits, or a ConfigError that names each option whose value cannot be one."""
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        wrong = [f"{OPTIONS[str(found['loc'][0])]}: {found['msg']}" for found in error.errors()]
        raise ConfigError("; ".join(wrong)) from error


def _serve(
    model: ModelOptions,
    host: str,
    port: int,
    names: Sequence[str],
    limits: Limits,
    announce: Callable[[str, ModelInfo], None] | None,
) -> None:
    from i2i.serving.running import bound_connections, handling_signals
    from i2i.serving.service import Service

    if limits.connections <= limits.queue:
        raise ConfigError(
            f"{limits.queue} waiting requests (--queue) need more connections than {limits.connections} "
            "(--max-connections); raise these, or shorten the queue"
        )
    with listen(host, port) as listener:
        hosts = hosts_of(listener, host, names)
        connections = bound_connections(limits.connections)
        worker = Worker(model)
        with handling_signals(_end_loading):
            try:
                info = worker.start()
                limits = limits.model_copy(update={"connections": connections})
                _run(Service(worker, limits), info, listener, hosts, announce)
            finally:
                worker.stop()


def _end_loading(number: int, frame: FrameType | None) -> None:
    del frame
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def require_packages() -> None:
    """Raise a ConfigError when the packages of the extra are not installed, or cannot be imported."""
    require("i2i serve", *NEEDED)


def listen(host: str, port: int) -> socket.socket:
    """Bind an address; what connects from now on waits until the model is loaded.

    Raises:
        ConfigError: the address is not an address of this machine, or the port is taken or reserved.
    """
    try:
        if not host:
            raise OSError(errno.EINVAL, "it is empty")
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or reason_of(error)
        raise ConfigError(f"--host {printable(host)} is not an address ({reason}); try 127.0.0.1 or 0.0.0.0") from error
    listener = None
    try:
        listener = socket.socket(family, kind, protocol)
        if sys.platform == "win32":  # where SO_REUSEADDR would share a port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is every address, of IPv4 as well, whatever the system is set to.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if _is_every_address(str(address[0])) else 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        reasons = {
            errno.EADDRINUSE: f"port {port} of {host} is taken by another program; choose another with --port, or let "
            "--port 0 find a free one",
            errno.EACCES: f"port {port} is reserved for the system's administrator; choose one from 1024 on",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine; try 127.0.0.1 or 0.0.0.0",
            errno.EAFNOSUPPORT: f"this system has no addresses such as {host} (IPv6 is off); try 127.0.0.1 or 0.0.0.0",
        }
        code = error.errno or 0
        raise ConfigError(reasons.get(code, f"cannot listen on {host} port {port}: {error.strerror}")) from error
    return listener


def _is_every_address(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_unspecified


def url_of(listener: socket.socket) -> str:
    """Return the address to open on this machine."""
    address, port = listener.getsockname()[:2]
    host = ipaddress.ip_address(address.partition("%")[0])
    if host.is_unspecified:  # 0.0.0.0 is for listening, not for calling
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"http://[{host}]:{port}" if host.version == 6 else f"http://{host}:{port}"


def _run(
    service: Service,
    info: ModelInfo,
    listener: socket.socket,
    hosts: Hosts | None,
    announce: Callable[[str, ModelInfo], None] | None,
) -> None:
    from i2i.serving.app import make_app
    from i2i.serving.connections import Bounds
    from i2i.serving.running import Server

    bounds = Bounds(connections=service.limits.connections, answer=service.limits.seconds)
    server = Server(make_app(service, info, hosts=hosts), service, bounds)
    if announce is not None:
        announce(url_of(listener), info)
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise I2IError("the server could not be started; its message stands above") from error
