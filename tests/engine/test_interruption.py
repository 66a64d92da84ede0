import os
import signal
import sys
import threading
import time

import pytest

from i2i.engine.interruption import deaf_to_signals, interruption

from .running import FAILED, UNPAIRED, Child, assert_tidy, options, steps_logged


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_one_an_order(number):
    caught = []
    before = signal.signal(number, lambda *_: caught.append(number))
    try:
        with interruption() as interrupted:
            assert not interrupted.is_set()
            os.kill(os.getpid(), number)
            assert interrupted.is_set()
            assert not caught
            os.kill(os.getpid(), number)
            assert caught == [number]
        os.kill(os.getpid(), number)
        assert caught == [number] * 2, "the handler is put back"
    finally:
        signal.signal(number, before)


def test_other_threads_run_without_signals():
    seen = []

    def work():
        with deaf_to_signals(), interruption() as interrupted:
            seen.append(interrupted.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


class KeepTheError:
    """The caller keeps an error of the run, and with it all that the run held, until Python exits."""

    def __call__(self):
        from i2i.engine.trainer import Trainer
        from i2i.errors import DivergedError

        def failing(trainer, _):
            sys.last_value = DivergedError("a loss is NaN")
            raise sys.last_value

        Trainer._after_step = failing


def test_loading_processes_do_not_hold_up_the_exit_after_an_error(images, tmp_path):
    child = Child(tmp_path / "log", KeepTheError(), **options(images, tmp_path / "run", steps=4, workers=2))
    assert child.wait() == FAILED, child.output()


def test_signals_are_ignored_while_loading_processes_start():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with deaf_to_signals():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


class SlowToSave:
    """Saving takes half a minute, which a person does not want to wait for."""

    def __call__(self):
        from i2i.engine.checkpoint import CheckpointFolder

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
    started = time.monotonic()
    child.send(signal.SIGINT)
    assert child.wait() != 0
    assert time.monotonic() - started < 20
    assert "KeyboardInterrupt" in child.output()
    Child(tmp_path / "again", resume=folder, steps=4).succeed()
    assert_tidy(folder)
