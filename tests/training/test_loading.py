"""Loading processes that die, are short of shared memory or read what is gone: an answer, never an endless wait."""

import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import threading

import pytest
import torch

from i2i.errors import DataError, I2IError, PluginError
from i2i.plugins.calls import Called, mark
from i2i.plugins.manager import PluginManager
from i2i.training import loading
from i2i.training.batches import SampleStream
from i2i.training.loading import Batches, ending

from ..helpers.running import FAILED, Child, after_each_step, options, steps_logged

pytestmark = pytest.mark.slow  # processes of their own, one after the other


class Images:
    """A data set whose third image is troublesome."""

    def __init__(self, trouble=None, size=8):
        self.trouble, self.size = trouble, size

    def __len__(self):
        return 7

    def __getitem__(self, key):
        if self.trouble is not None and key[1] == 3:
            self.trouble()
        image = torch.full((3, self.size, self.size), float(key[1]))
        flag = torch.tensor(key[1] % 2 == 0)
        return {"A": image, "half": image.to(torch.bfloat16), "flag": flag, "A_has_partner": True, "A_name": str(key)}


def batches(dataset, workers=2, note=print):
    return ending(Batches(dataset, SampleStream(7, seed=0, batch_size=1), workers=workers, note=note))


def read_all(dataset, **more):
    with batches(dataset, **more) as loaded:
        return list(itertools.islice(loaded, 14))


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_that_make_no_batch_are_laid_to_their_data_set(workers):
    class Sample:
        def items(self):
            raise AssertionError("nothing in it")

    class Odd(Images):
        def __getitem__(self, key):
            return Sample()

    dataset = Odd()
    mark(dataset, Called("dataset", "acorns", "i2i-oak", "1.2", "i2i_oak"))
    told = r"samples of data set 'acorns' of package i2i-oak 1\.2 make no batch: AssertionError: nothing in it"
    with pytest.raises(DataError, match=told):
        read_all(dataset, workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_data_set_finds_while_it_is_read_is_said_once(workers):
    class Finding(Images):
        def take_news(self):
            return ["3 is bad: left out"]

    said = []
    read_all(Finding(), workers=workers, note=said.append)
    assert said == ["3 is bad: left out"]


def kill(number):
    signal.raise_signal(number)


@pytest.mark.parametrize(
    ("trouble", "text"),
    [
        (lambda: kill(signal.SIGKILL), r"loading process \d+ was killed \(SIGKILL\), .*fewer --workers"),
        (lambda: kill(signal.SIGSEGV), r"loading process \d+ ended by SIGSEGV; --workers 0"),
        (lambda: kill(signal.SIGBUS), r"ended by SIGBUS, .*shared memory is used up \(/dev/shm.*--shm-size"),
        (lambda: os._exit(5), r"loading process \d+ ended with exit code 5; its own message stands above"),
    ],
    ids=["kill", "segfault", "bus error", "exit"],
)
@pytest.mark.parametrize("thread", [False, True])
def test_a_loading_process_that_dies_is_an_error(trouble, text, thread):
    caught = []

    def read():
        with pytest.raises(DataError, match=text) as raised:
            read_all(Images(trouble))
        caught.append(raised.value)

    if thread:
        worker = threading.Thread(target=read)
        worker.start()
        worker.join()
    else:
        read()
    assert caught


def test_one_that_dies_while_it_hands_over_is_an_error(monkeypatch):
    """It leaves half a batch in the pipe; the main process waits for the rest as long as others hold the pipe open."""
    monkeypatch.setattr(loading, "_pack", lambda batch, news: b"x" * 30_000_000)
    with batches(Images()) as loaded:
        victim = loaded.processes[0].pid
        threading.Timer(1, lambda: os.kill(victim, signal.SIGKILL)).start()
        monkeypatch.setattr(loading.ForkingPickler, "loads", lambda packed: ("batch", {}))
        with pytest.raises(DataError, match="was killed"):
            for _ in loaded:
                pass


class TwoArgumentsError(I2IError):
    def __init__(self, name, reason):
        super().__init__(f"{name}: {reason}")


def fail(error):
    def trouble():
        raise error

    return trouble


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(5, "Input/output error", "a.png"), DataError, "sample 3 in epoch 0 failed: .* Input/output.*'a.png'"),
        (TimeoutError(110, "Connection timed out"), DataError, "could not read: .*Connection timed out"),
        (FileNotFoundError(2, "No such file", "b.png"), DataError, "could not read: .*'b.png'"),
        (DataError("c.png: truncated"), DataError, "^c.png: truncated$"),
        (
            TypeError("odd"),
            PluginError,
            "reading training sample 3 in epoch 0 failed: data set 'mine' of package .* odd",
        ),
        (SystemExit(3), PluginError, "raised SystemExit: 3"),
        (MemoryError(), I2IError, "there is not enough memory"),
    ],
)
def test_an_error_is_the_same_from_a_loading_process(workers, error, kind, text):
    dataset = Images(fail(error))
    mark(dataset, Called("dataset", "mine", "leaves", "1.0", "leaves"))
    with pytest.raises(kind, match=text) as raised:
        read_all(dataset, workers=workers)
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)


def test_an_error_that_does_not_travel_arrives_as_its_text():
    with pytest.raises(DataError, match=r"^TwoArgumentsError: d\.png: odd$") as raised:
        read_all(Images(fail(TwoArgumentsError("d.png", "odd"))))
    assert "in trouble" in str(raised.value.__cause__), "the traceback comes along"


def test_without_shared_memory_batches_come_through_the_pipe(monkeypatch):
    def full(_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    expected, notes = read_all(Images(), workers=0), []
    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    found = read_all(Images(), note=notes.append)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        for key, value in other.items():
            if isinstance(value, torch.Tensor):
                assert one[key].dtype == value.dtype
                assert one[key].shape == value.shape
                assert torch.equal(one[key], value)
            else:
                assert one[key] == value
    assert len(notes) == 1
    for part in ("shared memory is too small", "/dev/shm", "--shm-size", "--workers 0"):
        assert part in notes[0]


def test_no_more_descriptors_are_an_error_or_another_way(monkeypatch):
    """Each batch in shared memory takes a descriptor here."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with batches(Images()) as loaded:
        next(loaded)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            with pytest.raises(DataError, match=r"cannot be taken over from a loading process \(.*ulimit -n"):
                list(itertools.islice(loaded, 20))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_processes_that_cannot_start_are_an_error(monkeypatch):
    def refused():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    with pytest.raises(DataError, match=r"--workers 2: the loading processes cannot be started .*--workers 0"):
        Batches(Images(), SampleStream(7, seed=0, batch_size=1), workers=2)


def test_nothing_is_left_of_the_processes_and_of_their_signals():
    before = signal.getsignal(signal.SIGCHLD)
    with batches(Images()) as loaded:
        next(loaded)
        processes = list(loaded.processes)
        os.kill(processes[0].pid, signal.SIGTERM)  # of a scheduler, to all
        next(loaded)
        assert signal.getsignal(signal.SIGCHLD) is before, "or a death would raise in the middle of a step"
    assert not any(process.is_alive() for process in processes)


def test_a_stopped_process_does_not_hold_up_the_end():
    with batches(Images(), workers=1) as loaded:  # torch waits for each, one after the other
        next(loaded)
        for process in loaded.processes:
            os.kill(process.pid, signal.SIGSTOP)
    assert not any(process.is_alive() for process in loaded.processes)


def test_a_long_wait_prints_a_line(monkeypatch):
    monkeypatch.setattr(loading, "SLOW_SECONDS", 0.5)
    monkeypatch.setattr(loading, "CHECK_SECONDS", 0.1)
    notes, told = [], threading.Event()

    def note(text):
        notes.append(text)
        told.set()
        for process in loaded.processes:
            os.kill(process.pid, signal.SIGCONT)

    with batches(Images(), note=note) as loaded:
        next(loaded)
        for process in loaded.processes:
            os.kill(process.pid, signal.SIGSTOP)
        for _ in range(8):
            next(loaded)
        assert told.is_set()
    assert "no batch came for" in notes[0]


class KillsALoader:
    """In the third step a loading process is killed, as the system does when memory is used up."""

    def __call__(self):
        def kill(status):
            if status.step == 3:
                children = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True)
                os.kill(int(children.stdout.split()[0]), signal.SIGKILL)

        after_each_step(kill)


def test_a_run_whose_loading_process_is_killed_says_so_and_is_saved(images, tmp_path):
    folder = tmp_path / "run"
    child = Child(tmp_path / "log", KillsALoader(), **options(images, folder, steps=10_000, workers=2))
    assert child.wait() == FAILED
    for part in ("DataError: loading process", "was killed (SIGKILL)", f"i2i run --resume {folder}"):
        assert part in child.output()
    (kept,) = (folder / "checkpoints").glob("step-*")
    assert int(kept.name.removeprefix("step-")) == max(steps_logged(folder)) >= 3
    Child(tmp_path / "again", resume=folder, steps=max(steps_logged(folder)) + 2, workers=0).succeed()


ACORNS = """
import torch
from i2i.plugins import DatasetSpec, hookimpl

class Acorns:
    def __len__(self):
        return 7

    def __getitem__(self, key):
        return {"A": torch.full((3, 8, 8), float(key[1])), "A_name": str(key)}

@hookimpl
def i2i_datasets():
    return [DatasetSpec(name="acorns", summary="Of the tests.", build=lambda options, **context: Acorns())]
"""


def test_a_data_set_of_a_plugin_file_comes_to_processes_that_are_no_forks(tmp_path):
    file = tmp_path / "acorns.py"
    file.write_text(ACORNS)
    dataset = PluginManager({}, files=[file]).find("dataset", "acorns").spec.build(None)
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    try:
        read = read_all(dataset, workers=1)
    finally:
        multiprocessing.set_start_method(before, force=True)
    assert [batch["A_name"] for batch in read] == [batch["A_name"] for batch in read_all(dataset, workers=0)]
