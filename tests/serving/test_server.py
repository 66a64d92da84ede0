"""Binding an address, and what a person reads when it does not work."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

from i2i.errors import ConfigError
from i2i.serving import server
from i2i.serving.hosts import Hosts, hosts_of, is_loopback
from i2i.serving.messages import Limits
from i2i.serving.server import listen, require_packages, serve, url_of


def test_a_free_port_is_found_and_the_address_can_be_opened():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_address_for_listening_everywhere_is_printed_as_one_that_can_be_opened():
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
        assert "::1" in hosts_of(listener, "::1", ()).names


def test_a_taken_port_is_refused_before_the_model_is_loaded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is taken.*--port 0") as caught:
            serve(tmp_path / "no model at all", port=port)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "not an address of this machine"), ("no.such.host.invalid", "is not an address")]
)
def test_an_address_that_is_not_there(host, words):
    with pytest.raises(ConfigError, match=words):
        listen(host, 0)


def test_a_loopback_address_insists_on_its_names():
    with listen("127.0.0.1", 0) as listener:
        hosts = hosts_of(listener, "127.0.0.1", ["Proxy.Example"])
        assert hosts == Hosts(frozenset({"localhost", "127.0.0.1", "::1", "proxy.example"}))


def test_a_missing_extra_gives_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError, match=r"i2i serve needs .* fastapi cannot be imported .*\"i2i\[serve\]"):
        require_packages()


@pytest.mark.parametrize("name", ["fastapi", "uvicorn"])
def test_a_broken_extra_is_an_error_before_the_model_is_loaded(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise RuntimeError('built for another Python\\nand more')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "i2i", "serve", "nothing", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert (
        f"i2i serve needs a package that is not usable: {name} cannot be imported (RuntimeError: built" in done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["", "a" * 300, "a..b", "127.0.0.1:8000", "http://127.0.0.1", "a\x1b[2J"])
def test_what_is_no_address_is_refused(host):
    with pytest.raises(ConfigError, match=r"is not an address .*; try 127\.0\.0\.1 or 0\.0\.0\.0") as caught:
        listen(host, 0)
    assert str(caught.value).isprintable()


def test_a_system_without_ipv6_is_an_error_that_says_so(monkeypatch):
    def no_ipv6(*arguments):
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(server.socket, "socket", no_ipv6)
    with pytest.raises(ConfigError, match=r"no addresses such as ::1 \(IPv6 is off\)"):
        listen("::1", 0)


def test_a_port_that_ipv4_uses_is_taken_for_all_addresses():
    with listen("0.0.0.0", 0) as other, pytest.raises(ConfigError, match="is taken by another program"):
        listen("::", other.getsockname()[1])


def test_a_loopback_address_of_ipv6_is_not_one_of_ipv4():
    with listen("::1", 0) as first, listen("127.0.0.1", first.getsockname()[1]) as second:
        assert (is_loopback(first), is_loopback(second)) == (True, True)


def test_a_queue_that_needs_more_connections_than_there_may_be_is_refused():
    with pytest.raises(ConfigError, match=r"300 waiting requests .--queue. need more connections than 256"):
        serve("nothing", queue=300)
    with (
        pytest.raises(ConfigError, match=r"300 waiting requests .--queue. need more connections than 256"),
        pytest.warns(DeprecationWarning, match="limits is the earlier way to give max_upload"),
    ):
        serve("nothing", limits=Limits(queue=300))


def test_limits_that_make_no_sense_are_refused_by_the_names_of_options():
    with pytest.raises(ConfigError, match=r"--max-upload: .* greater than or equal to 1; --timeout: .* greater than 0"):
        serve("nothing", max_upload=0, timeout=0)
