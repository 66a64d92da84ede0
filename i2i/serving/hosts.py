"""The names that a server is known by: which Host a request may have.

A page on the internet can have its own name point at this machine (DNS rebinding); its visitor's browser then takes the
server for a part of that page. Such a request names the page's host, so a name has to be known to be accepted.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from i2i.errors import ConfigError, printable

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
ANY = "*"
"""Given as a name: every name is accepted."""

_HOST = re.compile(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s\[\]:@/?#\\,;%]+))(?::(?P<port>[0-9]*))?")


@dataclass(frozen=True)
class Hosts:
    """The hosts whose requests are accepted.

    Attributes:
        names: in lower case, and addresses as :mod:`ipaddress` writes them.
        addresses: whether any IP address is accepted as well. No name can be pointed elsewhere there, and behind a port
            that is forwarded (containers, routers) a machine does not know the address by which it is reached.
    """

    names: frozenset[str]
    addresses: bool = False

    def accepts(self, host: str | None) -> bool:
        """Whether a request with this ``Host`` is accepted; with ``None``, as HTTP/1.0 allows, no browser sent it."""
        if host is None:
            return True
        found = split_host(host)
        return found is not None and (found[0] in self.names or (self.addresses and _address(found[0]) is not None))

    def __str__(self) -> str:
        return ", ".join([*sorted(self.names), *(["any IP address"] if self.addresses else [])])


def split_host(host: str) -> tuple[str, str] | None:
    """Return name and port of a ``Host`` (``name``, ``name:port``, ``[address]:port``); ``None``: it is malformed.

    The name is in lower case and without a final dot, an address as :mod:`ipaddress` writes it; no port is ``""``.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    if found["literal"] is not None:
        name = _address(found["literal"]) if ":" in found["literal"] else None
    else:
        name = found["name"].lower().removesuffix(".")
        name = _address(name) or name
    return (name, found["port"] or "") if name else None


def hosts_of(listener: socket.socket, host: str, allowed: Iterable[str]) -> Hosts | None:
    """Return the hosts to hear on an address that is listened on; ``None``: any.

    Args:
        listener: the bound socket.
        host: how the person called the address.
        allowed: further names that the person gave; ``*``: any.

    Raises:
        ConfigError: one of them is not a name.
    """
    names = [_allowed(name) for name in allowed]
    if ANY in names:
        return None
    own = {_address(host.partition("%")[0]) or host.lower().removesuffix("."), *names, *LOOPBACK_NAMES}
    if not is_loopback(listener):
        machine = socket.gethostname().lower().removesuffix(".")
        own |= {machine, machine.partition(".")[0], f"{machine.partition('.')[0]}.local"}
    unspecified = {"0.0.0.0", "::"}  # for listening, not for calling
    return Hosts(frozenset(own - unspecified), addresses=not is_loopback(listener))


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can connect."""
    address = ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _allowed(given: str) -> str:
    if given == ANY:
        return ANY
    address = _address(given.removeprefix("[").removesuffix("]"))
    if address is not None:
        return address
    with suppress(UnicodeError):  # a label that is empty or too long
        found = split_host(given.encode("idna").decode())
        if found is not None and not given.endswith(":") and not found[1] and ANY not in given:
            return found[0]
    raise ConfigError(
        "--allowed-host: NAME must be a host alone, such as i2i.example.org, without scheme, port or path, or * for "
        f"any; got {printable(given)!r}"
    )


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
