"""A real server's process: more connections than descriptors, signals, and what is left when it or its model dies."""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
from contextlib import ExitStack, suppress

import httpx2
import psutil
import pytest

from .processes import ended, read_all, running, until, upload

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX"), pytest.mark.slow]

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def descriptors(soft, hard=None):
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard or soft))

    return prepare


def body_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


def test_more_silent_connections_than_descriptors_neither_block_it_nor_fill_its_log(tmp_path):
    with running(tmp_path, prepare=descriptors(110)) as served, ExitStack() as stack:
        assert served.stderr.count("connections at most instead of 256: the limit of open files is 110") == 1
        for _ in range(300):
            stack.enter_context(served.connect())
        until(lambda: "connections are open, the most there may be" in served.stderr)
        time.sleep(1.2)  # until they have been silent for long enough to make way
        for _ in range(10):
            assert httpx2.get(f"{served.url}/health", timeout=30).status_code == 200
        with served.connect(upload(b"picture", "Connection: close")) as connection:
            assert read_all(connection).endswith(b"picture")
        before = psutil.Process(served.process.pid).cpu_times().user
        time.sleep(1)
        assert psutil.Process(served.process.pid).cpu_times().user - before < 0.5, "it does not try without end"
        assert "Traceback" not in served.stderr
        assert len(served.stderr.splitlines()) < 10


def test_a_limit_that_may_be_raised_is(tmp_path):
    with running(tmp_path, prepare=descriptors(64, 4096)) as served, ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(served.connect())
        assert httpx2.get(f"{served.url}/health").status_code == 200
        assert "at most" not in served.stderr


def test_too_few_descriptors_are_refused(tmp_path):
    with running(tmp_path, listening=False, prepare=descriptors(40)) as served:
        assert served.process.wait(30) == 2
        assert "Error: i2i serve needs at least" in served.stderr
        assert "ulimit -n" in served.stderr


def test_descriptors_that_run_out_all_the_same_cost_a_line(tmp_path):
    with running(tmp_path) as served, ExitStack() as stack:
        used = psutil.Process(served.process.pid).num_fds()
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (used + 5, 4096))
        for _ in range(20):  # of which few find a place; the rest is taken, two a second, once these have gone
            stack.enter_context(served.connect())
        until(lambda: "no connection can be taken for now (Too many open files)" in served.stderr)
        time.sleep(2.5)
        assert "Traceback" not in served.stderr
        assert served.stderr.count("no connection can be taken") == 1
        stack.close()
        until(lambda: httpx2.get(f"{served.url}/health", timeout=30).status_code == 200)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_ends_both_processes(tmp_path, ending):
    with running(tmp_path) as served:
        family = served.family()
        assert len(family) == 2
        with (
            served.connect() as idle,
            served.connect(b"GET / HTTP/1.1\r\n") as begun,
            served.connect(b"nonsense\r\n\r\n") as malformed,
        ):
            time.sleep(0.3)
            served.process.send_signal(ending)
            assert read_all(idle) == b""
            assert body_of(read_all(malformed))[0] == 400
            assert body_of(read_all(begun)) == (503, "the server is shutting down")
        assert served.process.wait(30) == 0
        assert all(map(ended, family))
        assert served.stderr.endswith("Stopped.\n")
        assert "Traceback" not in served.stderr


@pytest.mark.parametrize(
    ("ending", "how"), [(signal.SIGINT, b"hang"), (signal.SIGTERM, b"hold"), (signal.SIGHUP, b"stopped")]
)
def test_clients_of_a_hung_model_are_answered_at_the_second_signal(tmp_path, ending, how):
    with running(tmp_path) as served:
        family = served.family()
        if how == b"stopped":
            served.model().suspend()
        with (
            served.connect(upload(how + (b"." * 5_000_000 if how == b"stopped" else b""))) as working,
            served.connect(upload(b"waiting")) as waiting,
            served.connect(upload(b"half", length=1000)) as uploading,
        ):
            until(lambda: httpx2.get(f"{served.url}/health").json()["requests"] == 3)
            until(lambda: how == b"stopped" or (tmp_path / "hanging").exists())
            served.process.send_signal(ending)
            time.sleep(0.5)
            assert served.process.poll() is None, "it waits for those that may finish"
            served.process.send_signal(ending)
            for connection in (working, waiting):
                assert body_of(read_all(connection)) == (503, "the server is shutting down")
            uploading.sendall(b"x" * 996)
            assert body_of(read_all(uploading)) == (503, "the server is shutting down")
        assert served.process.wait(30) == 0
        assert all(map(ended, family))
        assert "Traceback" not in served.stderr


def test_one_signal_is_enough(tmp_path):
    with running(tmp_path) as served, served.connect(upload(b"hang")) as connection:
        family = served.family()
        until((tmp_path / "hanging").exists)
        served.process.terminate()
        status, reason = body_of(read_all(connection))
        assert (status, reason) == (503, "the server is shutting down")
        assert served.process.wait(30) == 0
        assert all(map(ended, family))


def test_a_third_signal_waits_for_nothing(tmp_path):
    with running(tmp_path) as served, served.connect(upload(b"hang")):
        family = served.family()
        until((tmp_path / "hanging").exists)
        psutil.Process(served.process.pid).suspend()
        for ending in ENDINGS:
            served.process.send_signal(ending)
        psutil.Process(served.process.pid).resume()
        assert served.process.wait(30) in (0, 129, 130, 143)
        until(lambda: all(map(ended, family)))


def test_what_is_under_way_is_finished(tmp_path):
    with running(tmp_path) as served, served.connect(upload(b"half", "Connection: close", length=8)) as connection:
        until(lambda: httpx2.get(f"{served.url}/health").json()["requests"] == 1)
        served.process.terminate()
        time.sleep(0.3)
        connection.sendall(b"half")
        assert read_all(connection).endswith(b"halfhalf")
        assert served.process.wait(30) == 0


def test_nohup_is_respected(tmp_path):
    with running(tmp_path, prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as served:
        served.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert httpx2.get(f"{served.url}/health").status_code == 200


@pytest.mark.parametrize("how", [b"", b"hang", b"hold"], ids=["idle", "busy", "lock held"])
def test_nothing_is_left_of_a_server_that_is_killed(tmp_path, how):
    with running(tmp_path) as served, served.connect(upload(how) if how else b""):
        family = served.family()
        until(lambda: not how or (tmp_path / "hanging").exists())
        served.process.kill()
        until(lambda: all(map(ended, family)))


@pytest.mark.parametrize("ending", [*ENDINGS, signal.SIGKILL])
def test_nothing_is_left_of_a_server_that_is_ended_while_it_loads(tmp_path, ending):
    (tmp_path / "loading-hangs").touch()
    with running(tmp_path, listening=False) as served:
        until((tmp_path / "loading").exists)
        family = served.family()
        assert len(family) == 3, "the model's process and one that it started"
        served.process.send_signal(ending)
        assert served.process.wait(30) == {signal.SIGINT: 130, signal.SIGKILL: -9}.get(ending, 128 + ending)
        until(lambda: all(map(ended, family)))
        assert "Traceback" not in served.stderr


def test_a_model_that_is_killed_or_stopped_is_replaced_and_its_client_gets_an_error(tmp_path):
    with running(tmp_path, "--timeout", "1") as served:
        first = served.model()
        with served.connect(upload(b"hang", "Connection: close")) as connection:
            until((tmp_path / "hanging").exists)
            first.kill()
            status, reason = body_of(read_all(connection))
            assert (status, "exit code -9" in reason) == (500, True)
        assert httpx2.post(f"{served.url}/translate", content=b"next", timeout=30).content == b"next"
        second = served.model()
        second.suspend()
        answer = httpx2.post(f"{served.url}/translate", content=b"x" * 5_000_000, timeout=30)
        assert (answer.status_code, "longer than 1 s" in answer.json()["error"]) == (504, True)
        assert ended(second)
        assert httpx2.post(f"{served.url}/translate", content=b"next", timeout=30).content == b"next"
        served.process.terminate()
        assert served.process.wait(30) == 0
        assert "Traceback" not in served.stderr
        assert "BrokenPipe" not in served.stderr


def test_its_output_may_be_closed(tmp_path):
    with running(tmp_path) as served:
        served.process.stdout.close()
        served.process.stdout = None
        assert httpx2.post(f"{served.url}/translate", content=b"x").content == b"x"
        served.process.terminate()
        assert served.process.wait(30) == 0


def test_all_addresses_of_ipv6_are_those_of_ipv4_too(tmp_path):
    with running(tmp_path, "--host", "::") as served:
        port = served.url.rpartition(":")[2]
        for address in ("127.0.0.1", "[::1]"):
            assert httpx2.get(f"http://{address}:{port}/health").status_code == 200
        refusal = httpx2.get(f"http://127.0.0.1:{port}/health", headers={"Host": f"evil.example:{port}"})
        assert (refusal.status_code, "--allowed-host NAME" in refusal.json()["error"]) == (421, True)


def test_the_port_is_free_again_at_once(tmp_path):
    for _ in range(2):
        arguments = () if not (tmp_path / "port").exists() else ("--port", (tmp_path / "port").read_text())
        with running(tmp_path, *arguments) as served, served.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            (tmp_path / "port").write_text(served.url.rpartition(":")[2])
            served.process.kill()
            served.process.wait(30)


MEBIBYTE = 2**20


@pytest.mark.parametrize("arguments", [[], ["--queue", "3"]], ids=["declared", "no place"])
def test_many_large_uploads_take_no_more_memory_than_their_places(tmp_path, arguments):
    with running(tmp_path, "--max-upload", "20", *(arguments or ["--queue", "2"])) as served, ExitStack() as stack:
        server = psutil.Process(served.process.pid)
        httpx2.post(f"{served.url}/translate", content=b"x" * 20 * MEBIBYTE, timeout=60)
        before = server.memory_info().rss
        half = upload(b"x" * 19 * MEBIBYTE, length=20 * MEBIBYTE)
        for _ in range(12):
            connection = stack.enter_context(served.connect())
            connection.settimeout(0.3)
            with suppress(TimeoutError, ConnectionError):  # those without a place are not read to their end
                connection.sendall(half)
        places = int((arguments or ["", "2"])[1]) + 1
        assert httpx2.get(f"{served.url}/health").json()["requests"] == places
        assert server.memory_info().rss - before < (places + 1) * 20 * MEBIBYTE


def test_answers_that_nobody_reads_take_no_more_memory_than_their_places(tmp_path):
    with running(tmp_path, "--queue", "2") as served, ExitStack() as stack:
        server = psutil.Process(served.process.pid)
        httpx2.post(f"{served.url}/translate", content=b"large", timeout=60)
        before = server.memory_info().rss
        for _ in range(15):
            stack.enter_context(served.connect(upload(b"large")))
            time.sleep(0.1)
        assert httpx2.get(f"{served.url}/health").json()["requests"] == 3
        # Three wait for their readers; another was received from the process with the model, and unpacked.
        assert server.memory_info().rss - before < 8 * 20_000_000
