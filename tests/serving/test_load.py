"""Fifty clients at a real server: all are answered, and its two processes take no more memory afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psutil
import pytest

from .serving import picture

CLIENTS, ROUNDS = 50, 3
MEBIBYTE = 2**20
UPLOADS = [picture(size=(64, 48)), picture("JPEG", (90, 30)), picture()[:-30], b"no picture", b"x" * MEBIBYTE]


@pytest.fixture
def server(tiny_run):
    command = [sys.executable, "-m", "i2i", "serve", str(tiny_run), "--port", "0", "--device", "cpu", "--queue", "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    yield re.search(r"http://[\d.:]+", process.stdout.readline())[0], psutil.Process(process.pid)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr


def visit(url, number):
    """What one client meets: every upload is sent until it is answered by something other than 503."""
    seen = Counter()
    with httpx2.Client(base_url=url, timeout=60) as client:
        for turn in range(len(UPLOADS)):
            content = UPLOADS[(number + turn) % len(UPLOADS)]
            while (answer := client.post("/translate", content=content)).status_code == 503:
                seen[503] += 1
                assert int(answer.headers["retry-after"]) >= 1
                time.sleep(0.2)
            seen[answer.status_code] += 1
    return seen


def memory(server):
    """Bytes that the server and its translator take alone; the tracker that Python starts beside them is left out."""
    return sum(process.memory_info().rss for process in [server, *server.children(recursive=True)])


@pytest.mark.slow
def test_memory_stays_flat_under_load(server):
    url, process = server
    total, taken = Counter(), []
    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(ROUNDS):
            for seen in clients.map(visit, [url] * CLIENTS, range(CLIENTS)):
                total += seen
            taken.append(memory(process))

    each = CLIENTS * ROUNDS
    assert (total[200], total[422], total[415]) == (2 * each, each, 2 * each)
    assert total[503] > 0, "fifty clients do not fit into nine places"
    assert taken[-1] - taken[0] < 40 * MEBIBYTE, [value // MEBIBYTE for value in taken]
