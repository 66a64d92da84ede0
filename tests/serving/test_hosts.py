"""Which Host a request may name, by what the server listens on."""

from __future__ import annotations

import socket

import httpx2
import pytest

from i2i.errors import ConfigError
from i2i.serving.hosts import Hosts, hosts_of, split_host
from i2i.serving.server import listen

from .processes import connect, read_all
from .serving import Answers, serving


@pytest.mark.parametrize(
    ("host", "split"),
    [
        ("localhost", ("localhost", "")),
        ("LocalHost.:8000", ("localhost", "8000")),
        ("i2i.example.org:", ("i2i.example.org", "")),
        ("127.0.0.1:80", ("127.0.0.1", "80")),
        ("[::1]:80", ("::1", "80")),
        ("[0:0::0001]", ("::1", "")),
        ("[::FFFF:127.0.0.1]", ("127.0.0.1", "")),
        *((malformed, None) for malformed in ("", ".", ":80", "::1", "[::1", "[1]", "[127.0.0.1]", "a b", "a,b")),
        *(
            (malformed, None)
            for malformed in ("user@localhost", "localhost/", "localhost:8o", "a:1:2", "a\\b", "[::1]x")
        ),
    ],
)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(host, split):
    assert split_host(host) == split


def hosts(address, *allowed):
    with listen(address, 0) as listener:
        return hosts_of(listener, address, allowed)


EVIL = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "2130706433",
    "127.1",
    "",
]


@pytest.mark.parametrize("host", EVIL)
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_name_that_anybody_may_point_here_is_not_heard(address, host):
    assert not hosts(address).accepts(host)
    assert not hosts(address, "i2i.example.org").accepts(host)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.:8000", "127.0.0.1", "[::1]:8000", "[::ffff:127.0.0.1]", None]
)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "0.0.0.0"])
def test_this_machine_calls_it_by_its_names(address, host):
    assert hosts(address).accepts(host)


def test_other_machines_call_it_by_an_address_or_by_the_name_of_this_one():
    everywhere = hosts("0.0.0.0")
    machine = socket.gethostname()
    for host in (
        "192.0.2.7:8000",
        "[2001:db8::7]:8000",
        machine,
        machine.upper(),
        f"{machine.partition('.')[0]}.local",
    ):
        assert everywhere.accepts(host)
    assert not hosts("127.0.0.1").accepts("192.0.2.7:8000"), "nothing reaches it there but from this machine"


def test_names_can_be_allowed():
    named = hosts("0.0.0.0", "I2I.example.org.", "bücher.example", "2001:DB8:0::7", "[2001:db8::8]")
    for host in ("i2i.example.org:443", "xn--bcher-kva.example", "[2001:db8::7]", "[2001:db8::8]"):
        assert named.accepts(host)
    assert not named.accepts("www.i2i.example.org")
    assert hosts("127.0.0.1", "*") is None


@pytest.mark.parametrize(
    "name",
    ["", ".", "http://a.example", "a.example:80", "a.example:", "*.a.example", "a/b", "[::1]:80", "a" * 70, "a\x1bb "],
)
def test_what_is_no_name_cannot_be_allowed(name):
    with pytest.raises(ConfigError, match="--allowed-host: NAME must be a host alone") as caught:
        hosts("127.0.0.1", name)
    assert str(caught.value).isprintable()


@pytest.fixture(scope="module")
def url():
    with serving(Answers(), hosts=Hosts(frozenset({"localhost", "i2i.example.org"}))) as url:
        yield url


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.0\r\n", 200),
        (b"GET http://i2i.example.org/health HTTP/1.1\r\nHost: evil.example\r\n", 200),
        (b"GET HTTP://localhost:80/health?a=b HTTP/1.1\r\nHost: localhost\r\n", 200),
        (b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n", 200),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n", 421),
        (b"GET http:///health HTTP/1.1\r\nHost: localhost\r\n", 421),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n", 421),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\nForwarded: host=localhost\r\n", 421),
        (b"GET /health HTTP/1.1\r\nHost: evil\xff\x85\r\n", 421),
    ],
)
def test_the_host_that_counts(url, head, status):
    with connect(url, head + b"Connection: close\r\n\r\n") as connection:
        answer = read_all(connection)
    assert int(answer.split()[1]) == status
    assert status == 200 or (b"--allowed-host NAME" in answer and answer.partition(b"\r\n\r\n")[2].isascii())


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost", "http://localhost:80", 200),
        ("LOCALHOST:8000", "http://localhost:8000", 200),
        ("localhost:8000", "http://localhost:3000", 403),
        ("localhost", "https://localhost", 200),
        ("localhost:80", "https://localhost", 403),
        ("localhost", "http://i2i.example.org", 403),
        ("localhost", "file://localhost", 403),
    ],
)
def test_the_origin_that_counts(url, host, origin, status):
    response = httpx2.post(f"{url}/translate", content=b"x", headers={"Host": host, "Origin": origin})
    assert response.status_code == status


def test_where_every_host_is_heard_it_must_be_one():
    with serving(Answers()) as url:
        assert httpx2.get(f"{url}/nothing", headers={"Host": "any.example"}).status_code == 404
        response = httpx2.get(f"{url}/nothing", headers={"Host": "[::1"})
        assert (response.status_code, "Host must be" in response.json()["error"]) == (400, True)
