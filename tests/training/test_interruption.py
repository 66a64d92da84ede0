import signal
import sys
import threading
import time

import pytest

from i2i.training import interruption as interruption_module
from i2i.training.interruption import SIGNALS, deferring_signals, ignoring_signals, interruption, raising_on_signals

from ..helpers.running import FAILED, UNPAIRED, Child, after_each_step, assert_tidy, options, steps_logged

pytestmark = pytest.mark.slow  # processes of their own, one after the other


class Clock:
    """What :mod:`i2i.training.interruption` reads the time from."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(interruption_module.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_one_an_order(number, monkeypatch):
    clock, caught = Clock(monkeypatch), []
    before = signal.signal(number, lambda *_: caught.append(number))
    try:
        with interruption() as interrupted:
            assert not interrupted.is_set()
            signal.raise_signal(number)
            assert interrupted.is_set()
            assert not caught
            signal.raise_signal(number)
            assert not caught, "sent twice, as timeout does: to the process and to its group"
            clock.now += 1
            signal.raise_signal(number)
            assert caught == [number]
        signal.raise_signal(number)
        assert caught == [number] * 2, "the handler is put back"
    finally:
        signal.signal(number, before)


def test_another_signal_is_the_same_wish_but_for_ctrl_c(monkeypatch):
    """A batch system sends one after the other; a person who does not want to wait presses Ctrl-C."""
    clock = Clock(monkeypatch)
    with interruption() as interrupted:
        signal.raise_signal(signal.SIGUSR1)
        assert interrupted.is_set()
        clock.now += 10
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["SIGXCPU", "SIGVTALRM", "SIGPROF"])
def test_a_limit_sent_again_and_again_still_asks_to_stop(name, monkeypatch):
    """The system sends SIGXCPU each second from the soft limit of computing time to the hard one."""
    clock = Clock(monkeypatch)
    with interruption() as interrupted:
        for _ in range(3):
            signal.raise_signal(getattr(signal, name))
            clock.now += 1
        assert interrupted.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_what_a_caller_handles_or_ignores_stays_with_that(name):
    number, caught = getattr(signal, name), []
    for handler in (signal.SIG_IGN, lambda *_: caught.append(number)):
        before = signal.signal(number, handler)
        try:
            with ignoring_signals(), raising_on_signals(), interruption() as interrupted:
                signal.raise_signal(number)
                assert not interrupted.is_set()
            assert signal.getsignal(number) is handler
        finally:
            signal.signal(number, before)
    assert caught == [number] * (handler is not signal.SIG_IGN)


@pytest.mark.parametrize("number", [number for number in SIGNALS if number != signal.SIGALRM])  # which pytest takes
def test_before_training_every_signal_ends_at_once_or_when_it_is_let(number):
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with raising_on_signals():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        done = []

        def work():
            with deferring_signals():
                signal.raise_signal(number)
                done.append(number)

        with pytest.raises(KeyboardInterrupt):
            work()
        assert done == [number]
    assert {each: signal.getsignal(each) for each in SIGNALS} == before


def test_a_pipe_that_nobody_reads_does_not_end_training():
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with interruption():
            signal.raise_signal(signal.SIGPIPE)
        assert signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_other_threads_run_without_signals():
    seen = []

    def work():
        with ignoring_signals(), interruption() as interrupted:
            seen.append(interrupted.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


class KeepTheError:
    """The caller keeps an error of the run, and with it all that the run held, until Python exits."""

    def __call__(self):
        from i2i.errors import DivergedError

        def fail(_):
            sys.last_value = DivergedError("a loss is NaN")
            raise sys.last_value

        after_each_step(fail)


def test_loading_processes_do_not_hold_up_the_exit_after_an_error(images, tmp_path):
    child = Child(tmp_path / "log", KeepTheError(), **options(images, tmp_path / "run", steps=4, workers=2))
    assert child.wait() == FAILED, child.output()


def test_signals_are_ignored_while_loading_processes_start():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ignoring_signals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


class SlowToSave:
    """Saving takes half a minute, which a person does not want to wait for."""

    def __call__(self):
        from i2i.models.checkpoint import CheckpointFolder

        write = CheckpointFolder.write

        def slow(self, step, *arguments):
            if step > 2:
                print("saving", flush=True)
                time.sleep(30)
            return write(self, step, *arguments)

        CheckpointFolder.write = slow


def test_a_second_ctrl_c_ends_at_once(images, tmp_path):
    folder = tmp_path / "run"
    settings = {**UNPAIRED, "training.checkpoint_every": 2}
    child = Child(tmp_path / "log", SlowToSave(), **options(images, folder, settings=settings, steps=1000))
    child.wait_for(lambda: "saving" in child.output() or len(steps_logged(folder)) >= 3, "step 3")
    child.send(signal.SIGINT)
    child.wait_for(lambda: "saving" in child.output(), "saving")
    time.sleep(interruption_module.AGAIN_SECONDS)
    started = time.monotonic()
    child.send(signal.SIGINT)
    assert child.wait() != 0
    assert time.monotonic() - started < 20
    assert "KeyboardInterrupt" in child.output()
    Child(tmp_path / "again", resume=folder, steps=4).succeed()
    assert_tidy(folder)
