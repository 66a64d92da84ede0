"""Nothing that a client does takes more than its share: bytes, time, places in the queue."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2

from i2i.serving.messages import Limits, Translation

from .serving import Answers, serving


def connect(url):
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def head(url, *lines):
    return "\r\n".join(["POST /translate HTTP/1.1", f"Host: {urlsplit(url).netloc}", *lines, "", ""]).encode()


def answer(connection):
    data = b""
    while block := connection.recv(65536):
        data += block
    return data


def chunks(size, count):
    for _ in range(count):
        yield b"x" * size


def test_an_upload_without_an_end_is_cut_off():
    worker = Answers()
    with serving(worker, Limits(max_bytes=100_000)) as url:
        response = httpx2.post(f"{url}/translate", content=chunks(10_000, 15))
        assert response.status_code == 413

        sent = 0
        with connect(url) as connection, suppress(ConnectionError):  # the server hangs up
            connection.sendall(head(url, "Transfer-Encoding: chunked"))
            while sent < 100_000_000:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        assert sent < 20_000_000
        assert httpx2.get(f"{url}/health").json()["requests"] == 0
    assert worker.jobs == []


def test_a_file_that_announces_its_size_is_refused_before_it_is_sent():
    with serving(Answers(), Limits(max_bytes=1000)) as url, connect(url) as connection:
        connection.sendall(head(url, "Content-Length: 999999999999", "Expect: 100-continue"))
        assert answer(connection).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_crawls_gives_its_place_back():
    with serving(Answers(), Limits(seconds=0.3, queue=0)) as url:
        with connect(url) as connection:
            connection.sendall(head(url, "Content-Length: 10", "Expect: 100-continue"))
            connection.sendall(b"12345")
            got = answer(connection)
        assert b"HTTP/1.1 408 " in got
        assert b"5 bytes had come" in got
        assert httpx2.post(f"{url}/translate", content=b"x").status_code == 200


def test_a_client_that_hangs_up_in_the_middle_gives_its_place_back():
    worker = Answers()
    with serving(worker, Limits(queue=0)) as url:
        with connect(url) as connection:
            connection.sendall(head(url, "Content-Length: 10") + b"12345")
            until = time.monotonic() + 10
            while httpx2.get(f"{url}/health").json()["requests"] == 0:
                assert time.monotonic() < until
        while httpx2.get(f"{url}/health").json()["requests"]:
            assert time.monotonic() < until
        assert httpx2.post(f"{url}/translate", content=b"x").status_code == 200
    assert len(worker.jobs) == 1


def test_fifty_clients_at_once_meet_a_queue_that_ends():
    at_once, most = threading.Semaphore(0), 0
    lock, running = threading.Lock(), 0

    def work(job):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        at_once.acquire(timeout=30)
        with lock:
            running -= 1
        return Translation(b"done")

    worker = Answers(work)
    with serving(worker, Limits(queue=4)) as url, ThreadPoolExecutor(50) as clients:
        sent = [clients.submit(httpx2.post, f"{url}/translate", content=b"x" * 100_000, timeout=60) for _ in range(50)]
        until = time.monotonic() + 30
        while sum(client.done() for client in sent) < 45:
            assert time.monotonic() < until, "those that find no place are told at once"
            time.sleep(0.01)
        assert httpx2.get(f"{url}/health").json() == {"status": "ok", "requests": 5, "places": 5}
        at_once.release(5)
        answers = [client.result() for client in sent]
        assert httpx2.get(f"{url}/health").json()["requests"] == 0

    refused = [answer for answer in answers if answer.status_code == 503]
    assert (len(refused), len(worker.jobs), most) == (45, 5, 1)
    assert [answer.content for answer in answers if answer.status_code == 200] == [b"done"] * 5
    for refusal in refused:
        assert int(refusal.headers["retry-after"]) >= 1
        assert "the queue is full" in refusal.json()["error"]


def test_requests_are_translated_in_the_order_in_which_they_came():
    begun, go_on = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        assert go_on.wait(30)
        return Translation(b"done")

    worker = Answers(work)
    with serving(worker) as url, ThreadPoolExecutor(5) as clients:
        for number in range(5):
            clients.submit(httpx2.post, f"{url}/translate", content=b"%d" % number, timeout=60)
            until = time.monotonic() + 30
            while httpx2.get(f"{url}/health").json()["requests"] <= number:
                assert time.monotonic() < until
        time.sleep(0.1)  # until the last one has been read
        go_on.set()
    assert [job.content for job in worker.jobs] == [b"0", b"1", b"2", b"3", b"4"]


def test_nobody_works_for_a_client_that_has_left_the_queue():
    begun, go_on = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        assert go_on.wait(30)
        return Translation(b"done")

    worker = Answers(work)
    with serving(worker) as url, ThreadPoolExecutor(1) as clients:
        first = clients.submit(httpx2.post, f"{url}/translate", content=b"first", timeout=60)
        assert begun.wait(30)
        with connect(url) as connection:
            connection.sendall(head(url, "Content-Length: 6") + b"second")
            until = time.monotonic() + 30
            while httpx2.get(f"{url}/health").json()["requests"] < 2:
                assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(0.1)
        go_on.set()
        assert first.result().status_code == 200
        while httpx2.get(f"{url}/health").json()["requests"]:
            assert time.monotonic() < until
    assert [job.content for job in worker.jobs] == [b"first"]
