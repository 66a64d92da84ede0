"""Work that takes too long is ended from outside, once, and nothing of that reaches what comes after."""

import contextlib
import gc
import threading
import time

import pytest

from i2i.errors import ExportError
from i2i.exporting import time_limit as module
from i2i.exporting.time_limit import TimeLimit


def step():
    time.sleep(0.001)


def endless():
    while True:
        step()


def test_without_a_limit_nothing_happens():
    limit = TimeLimit(None)
    with limit.ending("work", "wait"):
        step()
    assert limit.left is None


def test_work_in_any_thread_is_ended():
    def work():
        with pytest.raises(ExportError) as caught, TimeLimit(0.05).ending("counting", "count less"):
            endless()
        said.append(str(caught.value))

    said = []
    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [
        "counting was not done when the 0.05 seconds of --timeout were over; no file was written; count less"
    ] * 2  # fmt: skip


def test_what_catches_every_exception_does_not_stop_it():
    def stubborn():
        while True:
            with contextlib.suppress(Exception):
                step()

    with pytest.raises(ExportError), TimeLimit(0.05).ending("work", "wait"):
        stubborn()


def test_one_that_swallows_the_interruption_gets_another(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    swallowed = []

    def swallow():
        try:
            endless()
        except BaseException as error:
            swallowed.append(error)
        endless()

    with pytest.raises(ExportError), TimeLimit(0.05).ending("work", "wait"):
        swallow()
    assert len(swallowed) == 1


def test_work_that_is_done_in_time_is_left_alone():
    limit = TimeLimit(0.1)
    with limit.ending("work", "wait"):
        step()
    time.sleep(0.2)
    step()
    assert limit.left == 0
    with pytest.raises(ExportError), limit.ending("the next", "wait"):
        endless()


def test_an_error_of_the_work_is_its_own():
    with pytest.raises(KeyError), TimeLimit(10).ending("work", "wait"):
        raise KeyError


def collecting():
    """Garbage collection with a slow callback, and as much other work, for less long than until the next try."""
    end = time.monotonic() + module.AGAIN_SECONDS - 1
    while time.monotonic() < end:
        gc.collect()
        for _ in range(40):
            step()


def test_an_interruption_that_falls_into_a_callback_of_garbage_collection_is_not_lost():
    def slow(phase, info):
        for _ in range(20):
            step()
        heard.append(phase)

    heard = []
    gc.callbacks.append(slow)
    try:
        for seconds in (0.02, 0.03, 0.05, 0.07):
            with pytest.raises(ExportError), TimeLimit(seconds).ending("collecting", "wait"):
                collecting()
    finally:
        gc.callbacks.remove(slow)
    assert heard
