"""Work that takes too long is ended from outside, whatever it does, and nothing of that reaches what comes after."""

import contextlib
import ctypes
import errno
import os
import signal
import threading
import time

import psutil
import pytest
import torch

from i2i.errors import ConfigError, ExportError
from i2i.exporting import time_limit as module
from i2i.exporting.time_limit import TimeLimit

killed = pytest.mark.skipif(not module.CAN_KILL, reason="processes are copied on Linux alone")


def endless():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


def test_without_a_limit_work_is_done_here():
    limit, done = TimeLimit(None, "wait"), []
    limit.run(lambda: done.append(os.getpid()), "work")
    limit.require("work")
    assert limit.left is None
    assert done == [os.getpid()]


@killed
def test_work_in_any_thread_is_ended():
    def work():
        with pytest.raises(ExportError) as caught:
            TimeLimit(0.2, "count less").run(endless, "counting")
        said.append(str(caught.value))

    said = []
    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [
        "counting was not done when the 0.2 seconds of --timeout were over; no file was written; count less"
    ] * 2  # fmt: skip


@killed
def test_work_that_never_comes_back_to_python_is_ended_and_gone():
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(ExportError, match="over; no file"):
        TimeLimit(0.2, "wait").run(lambda: ctypes.PyDLL(None).sleep(600), "work")
    assert {child.pid for child in psutil.Process().children()} == before


@killed
def test_work_that_is_done_in_time_is_left_alone(tmp_path):
    limit = TimeLimit(60, "wait")
    torch.ones(1 << 20).exp()  # in several threads, which the copy does not have
    limit.run(lambda: (tmp_path / "file").write_text(str(torch.ones(1 << 20).exp().sum().item())), "work")
    assert float((tmp_path / "file").read_text()) == pytest.approx(2.718281828 * (1 << 20), rel=1e-4)
    assert 0 < limit.left < 60
    limit.require("the next")


def test_no_time_is_left_for_the_next():
    limit = TimeLimit(0.01, "wait")
    time.sleep(0.02)
    assert limit.left == 0
    with pytest.raises(ExportError, match=r"the next was not done when the 0\.01 seconds"):
        limit.require("the next")
    with pytest.raises(ExportError, match="the last was not done"):
        limit.run(endless, "the last")


def test_where_nothing_can_be_killed_the_time_is_looked_at_afterwards(monkeypatch):
    monkeypatch.setattr(module, "CAN_KILL", False)
    limit = TimeLimit(0.01, "wait")
    with pytest.raises(ExportError, match="work was not done"):
        limit.run(lambda: time.sleep(0.02), "work")


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_(error):
    raise error


@killed
def test_an_error_of_the_work_is_its_own():
    with pytest.raises(ConfigError, match="another place"):
        TimeLimit(60, "wait").run(lambda: raise_(ConfigError("choose another place")), "work")
    with pytest.raises(OSError, match="No space left") as caught:
        TimeLimit(60, "wait").run(lambda: raise_(OSError(errno.ENOSPC, "No space left on device")), "work")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(ExportError, match=r"^OddError: one and two$"):
        TimeLimit(60, "wait").run(lambda: raise_(OddError("one", "two")), "work")


@killed
def test_a_process_that_dies_is_an_error():
    with pytest.raises(ExportError, match=r"work ended its process \(SIGKILL\)"):
        TimeLimit(60, "wait").run(lambda: signal.raise_signal(signal.SIGKILL), "work")
    with pytest.raises(ExportError, match=r"work ended its process \(exit code 3\)"):
        TimeLimit(60, "wait").run(lambda: os._exit(3), "work")
