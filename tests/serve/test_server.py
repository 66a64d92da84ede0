"""Binding an address, and what a person reads when it does not work."""

from __future__ import annotations

import socket
import sys

import pytest

from i2i.errors import ConfigError
from i2i.serve.server import known_names, listen, require_packages, serve, url_of


def test_a_free_port_is_found_and_the_address_can_be_opened():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_address_for_listening_everywhere_is_told_as_one_that_can_be_opened():
    with listen("0.0.0.0", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6():
    try:
        listener = listen("::1", 0)
    except ConfigError as error:
        pytest.skip(f"this machine has no IPv6 address: {error}")
    with listener:
        assert url_of(listener).startswith("http://[::1]:")
        assert "::1" in known_names(listener, "::1", ())


def test_a_taken_port_is_told_before_the_model_is_loaded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is taken.*--port 0") as caught:
            serve(tmp_path / "no model at all", port=port)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "no address of this machine"), ("no.such.host.invalid", "is no address")]
)
def test_an_address_that_is_not_there(host, words):
    with pytest.raises(ConfigError, match=words):
        listen(host, 0)


def test_only_a_loopback_address_insists_on_its_names():
    with listen("127.0.0.1", 0) as listener:
        names = known_names(listener, "127.0.0.1", ["Proxy.Example"])
        assert names == {"localhost", "127.0.0.1", "::1", "proxy.example"}
    with listen("0.0.0.0", 0) as listener:
        assert known_names(listener, "0.0.0.0", ()) is None
        assert "proxy.example" in known_names(listener, "0.0.0.0", ["proxy.example"])


def test_a_missing_extra_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError, match=r"i2i serve needs .* fastapi cannot be imported .*\"i2i\[serve\]"):
        require_packages()
