"""A process that follows its parent, such as the one with the model, and what it started never outlive that."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from i2i.environment.lifeline import end_with_parent, kill_group

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")


def follow(pids):
    """What the process with the model does: it starts another one, and hangs."""
    end_with_parent()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pids.put((os.getpid(), os.getpgrp(), child.pid))
    time.sleep(600)


def serve(pids):
    """What the server does."""
    multiprocessing.get_context("fork").Process(target=follow, args=(pids,)).start()
    time.sleep(600)


def gone(pid):
    try:
        psutil.Process(pid).wait(30)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.fixture
def pids():
    return multiprocessing.get_context("fork").Queue()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_a_server_that_is_killed(pids, end):
    server = multiprocessing.get_context("fork").Process(target=serve, args=(pids,))
    server.start()
    model, group, child = pids.get(timeout=60)
    assert group == model, "a group of its own"
    os.kill(server.pid, end)
    server.join()
    assert gone(model)
    assert gone(child)


def test_a_hung_model_is_killed_with_all_that_it_started(pids):
    process = multiprocessing.get_context("fork").Process(target=follow, args=(pids,))
    process.start()
    _, _, child = pids.get(timeout=60)
    kill_group(process)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert gone(child)


def test_a_process_that_has_no_group_yet_is_killed_alone():
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    process.start()
    kill_group(process)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
