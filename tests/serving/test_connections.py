"""Each phase of a request has its bounds; what is refused before the application sees it has the form of all errors."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack, suppress

import httpx2
import pytest

from i2i.serving.connections import Bounds
from i2i.serving.messages import Limits, Translation

from .processes import connect, read_all, until, upload
from .serving import Answers, serving

GET = b"GET /health HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST /translate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"


def error_of(answer: bytes):
    """Status and reason of an answer, which must be an error in the documented form, and the whole answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body)
    assert list(json.loads(body)) == ["error"]
    return int(lines[0].split()[1]), json.loads(body)["error"], headers


@pytest.fixture(scope="module")
def url():
    with serving(Answers(), Limits(max_bytes=1_000_000)) as url:
        yield url


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"GET\r\n\r\n", 400, "not valid HTTP/1.1: illegal request line"),
        (b"\r\n\r\n", 400, "not valid HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01" + bytes(250), 400, "TLS handshake"),
        (b"SSH-2.0-client\r\n\r\n", 400, "not valid HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "speaks HTTP/1.1; got HTTP/2.0"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400, "illegal header line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\x00\r\n\r\n", 400, "\\x1b[2J\\x00"),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not valid HTTP/1.1"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "Content-Length"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Transfer-Encoding"),
        (GET + b"X: " + b"a" * 300_000 + b"\r\n\r\n", 431, "longer than 16384 bytes"),
        (GET + b"a: b\r\n" * 20_000 + b"\r\n", 431, "longer than 16384 bytes"),
        (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "request line is longer than 16384"),
        (CHUNKED + b"\r\nnot hexadecimal\r\n", 400, "body of the request is malformed"),
        (CHUNKED + b"Expect: 100-continue\r\n\r\nnot hexadecimal\r\n", 400, "body of the request is malformed"),
        (CHUNKED + b"\r\n5\r\nabcdeX\r\n", 400, "body of the request is malformed"),
        (CHUNKED + b"\r\n1;" + b"e" * 100_000, 400, "body of the request is malformed"),
    ],
)
def test_what_is_no_http_is_refused_in_the_form_of_every_error(url, sent, status, words, caplog):
    with connect(url, sent) as connection:
        got, reason, _ = error_of(read_all(connection))
    assert (got, words in reason) == (status, True), reason
    assert len(reason) < 400
    assert reason.isprintable()
    assert httpx2.get(f"{url}/health").json()["requests"] == 0
    assert caplog.text == "", "a client's mistake is not worth a line of the log"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n", 404),
        (b"TRACE /info HTTP/1.1\r\nHost: a\r\n", 405),
        (b"OPTIONS /translate HTTP/1.1\r\nHost: a\r\n", 405),
        (b"PUT /translate HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n", 405),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n", 404),
        (b"BREW /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n", 400),
        (b"POST /translate HTTP/1.0\r\n", 400),
    ],
)
def test_odd_requests_have_the_form_of_every_error_too(url, sent, status):
    with connect(url, sent + b"Connection: close\r\n\r\n") as connection:
        assert error_of(read_all(connection))[0] == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n", 414),
        (GET + b"X: " + b"a" * 20_000 + b"\r\n", 431),
    ],
)
@pytest.mark.parametrize("pieces", [1, 30])
def test_a_head_is_too_long_however_it_is_cut_into_pieces(url, sent, status, pieces):
    sent += b"\r\n"
    size = len(sent) // pieces + 1
    with connect(url) as connection:
        for begin in range(0, len(sent), size):
            with suppress(ConnectionError):
                connection.sendall(sent[begin : begin + size])
            time.sleep(0.01)
        assert error_of(read_all(connection))[0] == status


def test_a_path_with_control_characters_is_shown_escaped(url):
    reason = httpx2.get(f"{url}/%1b%5B2J%0A%E2%80%AE").json()["error"]
    assert "/\\x1b[2J\\n\\u202e" in reason
    assert len(httpx2.get(f"{url}/{'a' * 10_000}").json()["error"]) < 300


@pytest.mark.parametrize("path", ["/health", "/info", "/", "/docs", "/nothing"])
def test_head_answers_what_get_does_without_the_body(url, path):
    get, head = httpx2.get(url + path), httpx2.head(url + path)
    assert head.content == b""
    for response in (get, head):
        for changing in ("date",):
            del response.headers[changing]
    assert (head.status_code, dict(head.headers)) == (get.status_code, dict(get.headers))


@pytest.mark.parametrize(
    "lines",
    [
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIz\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    ],
    ids=["websocket", "h2c"],
)
def test_what_would_like_another_protocol_is_answered_in_this_one(url, lines, caplog):
    with connect(url, GET + lines + b"\r\n") as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert caplog.text == ""


def test_a_client_that_has_sent_all_that_it_will_is_answered(url):
    with connect(url, GET + b"\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begun", [b"", b"GET", GET, GET + b"X: a"], ids=["silent", "line", "header", "half a header"])
def test_a_request_that_does_not_come_to_an_end_is_hung_up_on(begun):
    with serving(Answers(), bounds=Bounds(head=0.3)) as url, connect(url, begun) as connection:
        got = read_all(connection)
        assert (
            got == b""
            if begun == b""
            else error_of(got)[:2] == (408, "the request line and headers took longer than 0.3 s")
        )


def test_a_request_that_comes_a_byte_at_a_time_is_hung_up_on():
    with serving(Answers(), bounds=Bounds(head=0.5)) as url, connect(url) as connection:
        connection.settimeout(0.02)
        got = b""
        for byte in GET + b"X: " + b"a" * 10_000:
            connection.sendall(bytes([byte]))
            try:
                got = connection.recv(65536)
                break
            except TimeoutError:
                pass
        assert error_of(got)[0] == 408


def test_a_second_request_has_as_little_time_as_the_first():
    with serving(Answers(), bounds=Bounds(head=0.3, idle=20)) as url, connect(url, GET + b"\r\n") as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /hea")
        assert error_of(read_all(connection))[0] == 408


@pytest.mark.parametrize("second", [b"", b"GET /hea"], ids=["idle", "pipelined"])
def test_a_connection_is_not_kept_without_requests(second):
    with (
        serving(Answers(), bounds=Bounds(head=0.3, idle=0.3)) as url,
        connect(url, GET + b"\r\n" + second) as connection,
    ):
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_requests_that_come_together_are_answered_in_turn(url):
    with connect(url, (GET + b"\r\n") * 20 + GET + b"Connection: close\r\n\r\n") as connection:
        assert read_all(connection).count(b"HTTP/1.1 200 ") == 21


def test_an_upload_in_chunks_of_a_byte_is_read(url):
    content = bytes(range(256)) * 100
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"
    with connect(url, CHUNKED + b"Connection: close\r\n\r\n" + body) as connection:
        assert read_all(connection).endswith(b"\r\n\r\n" + content)


def test_an_upload_that_stands_still_gets_the_rate_that_it_must_keep(monkeypatch):
    monkeypatch.setattr("i2i.serving.service.SLOW_SECONDS", 0.3)
    with serving(Answers(), Limits(seconds=60)) as url:
        with connect(url, upload(b"12345", "Expect: 100-continue", length=100)) as connection:
            got = read_all(connection).partition(b"\r\n\r\n")[2]
        status, reason, _ = error_of(got)
        assert (status, "5 bytes had come, less than 1024 bytes a second" in reason) == (408, True), reason


def open_connections(url, count, sent=b""):
    stack = ExitStack()
    for _ in range(count):
        stack.enter_context(connect(url, sent))
    return stack


@pytest.mark.parametrize("sent", [b"", GET], ids=["silent", "half a request"])
def test_those_that_ask_nothing_make_way_for_those_that_do(sent, caplog):
    bounds = Bounds(connections=10, head=60, patience=0.1)
    with serving(Answers(), bounds=bounds) as url, open_connections(url, 10, sent):
        time.sleep(0.2)
        with ExitStack() as more:
            for _ in range(15):
                assert more.enter_context(httpx2.Client()).get(f"{url}/health").status_code == 200
                time.sleep(0.11)
    assert caplog.text.count("10 connections are open") == 1, "told once, not for each"


def test_too_many_requests_are_refused_politely_and_none_of_them_is_lost(caplog):
    begun, go_on = threading.Semaphore(0), threading.Event()

    def work(job):
        begun.release()
        assert go_on.wait(30)
        return Translation(b"done")

    bounds = Bounds(connections=8, patience=0)
    with serving(Answers(work), Limits(queue=20), bounds=bounds) as url, ExitStack() as stack:
        busy = [stack.enter_context(connect(url, upload(b"x", "Connection: close"))) for _ in range(8)]
        until(lambda: begun.acquire(blocking=False))
        time.sleep(0.2)
        for _ in range(30):
            with connect(url, upload(b"x" * 1000)) as refused:
                status, reason, headers = error_of(read_all(refused))
            assert (status, reason) == (503, "too many connections are open; try again after a while")
            assert int(headers["retry-after"]) >= 1
        go_on.set()
        assert [read_all(connection).endswith(b"done") for connection in busy] == [True] * 8
        assert httpx2.get(f"{url}/health").status_code == 200
    assert caplog.text.count("8 connections are open") == 1


def large(job):
    return Translation(b"x" * 20_000_000)


def test_an_answer_that_nobody_reads_gives_its_place_back():
    bounds = Bounds(stalled=0.5)
    with serving(Answers(large), Limits(queue=0), bounds=bounds) as url, connect(url, upload(b"x")):
        until(lambda: httpx2.get(f"{url}/health").json()["requests"] == 1)
        until(lambda: httpx2.get(f"{url}/health").json()["requests"] == 0)


def test_an_answer_that_is_read_too_slowly_in_all_is_cut_off():
    bounds = Bounds(stalled=60, answer=0.5)
    with serving(Answers(large), bounds=bounds) as url, connect(url, upload(b"x")) as connection:
        read, end = 0, time.monotonic() + 1.5
        with suppress(ConnectionError):
            while block := connection.recv(2000):
                read += len(block)
                if time.monotonic() < end:
                    time.sleep(0.01)
        assert read < 20_000_000


def test_an_answer_that_is_read_slowly_arrives_whole():
    with serving(Answers(large)) as url, connect(url, upload(b"x", "Connection: close")) as connection:
        time.sleep(0.5)
        assert len(read_all(connection)) > 20_000_000
