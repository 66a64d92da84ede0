"""``i2i serve`` as a process of its own, with a model that does what its upload says instead of one of torch."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from .serving import MODEL

TRANSLATOR = f"""
import ctypes, os, pathlib, subprocess, sys, time
from i2i.serving.messages import ModelInfo, Translation

def main(connection, model):
    if pathlib.Path("loading-hangs").exists():
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path("loading").write_text(str(os.getpid()))
        time.sleep(600)
    connection.send(ModelInfo.model_validate({MODEL.model_dump()!r}))
    while True:
        job = connection.recv()
        if job.content == b"hang":
            pathlib.Path("hanging").touch()
            time.sleep(600)
        if job.content == b"hold":  # Python's lock, as an extension may
            pathlib.Path("hanging").touch()
            ctypes.PyDLL(None).sleep(600)
        connection.send(Translation(b"x" * 20_000_000 if job.content == b"large" else job.content))
"""

SERVER = """
import functools, sys
import translator
from i2i.cli.main import main
from i2i.serving import server
from i2i.serving.worker import Worker

if __name__ == "__main__":
    server.Worker = functools.partial(Worker, main=translator.main)
    port = [] if "--port" in sys.argv else ["--port", "0"]
    main(["serve", "model", *port, *sys.argv[1:]])
"""


class Served:
    """A server's process, with its address once it listens."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process, self.folder = process, folder
        self.url = ""

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return (self.folder / "stderr").read_text()

    def family(self) -> list[psutil.Process]:
        """The server and what it started, except Python's own tracker, which ends with them."""
        server = psutil.Process(self.process.pid)
        children = server.children(recursive=True)
        return [server, *(child for child in children if "resource_tracker" not in " ".join(child.cmdline()))]

    def model(self) -> psutil.Process:
        """The process with the model."""
        return self.family()[1]

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection, with bytes sent on it."""
        return connect(self.url, sent)


@contextmanager
def running(
    folder: Path, *arguments: str, listening: bool = True, prepare: Callable[[], None] | None = None
) -> Iterator:
    """Start ``i2i serve`` in a folder; whatever is left of it at the end is killed."""
    (folder / "translator.py").write_text(TRANSLATOR)
    (folder / "server.py").write_text(SERVER)
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "server.py", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=prepare,
        )
    served = Served(process, folder)
    family = []
    try:
        if listening:
            line = process.stdout.readline().decode()
            found = re.search(r"http://(\[\S+\]|[\w.]+):\d+", line)
            assert found, line + served.stderr
            served.url = found[0]
            family = served.family()
        yield served
    finally:
        process.kill()
        process.communicate()
        for member in family:
            if member.is_running() and member.status() != psutil.STATUS_ZOMBIE:
                member.kill()


def connect(url: str, sent: bytes = b"") -> socket.socket:
    """A connection to a server, with bytes sent on it."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=30)
    connection.sendall(sent)
    return connection


def upload(content: bytes, *lines: str, length: int | None = None) -> bytes:
    """The bytes of a request for a translation, of which less may be given than is announced."""
    head = ["POST /translate HTTP/1.1", "Host: localhost", f"Content-Length: {length or len(content)}", *lines, "", ""]
    return "\r\n".join(head).encode() + content


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up."""
    data = b""
    while block := connection.recv(65536):
        data += block
    return data


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(process: psutil.Process) -> bool:
    """Whether a process has gone, waited for or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
