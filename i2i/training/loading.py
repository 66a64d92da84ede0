"""Loading the stream's batches, in this process or in others that may die or have no shared memory.

A loading process hands over bytes that it packed itself: a failure then happens in its own code, not in the thread in
which a queue packs, where PyTorch loses the batch and the main process waits for it for ever. Tensors go through
shared memory; where there is too little of it, they go through the pipe, which is slower and needs none.
"""

from __future__ import annotations

import multiprocessing.connection
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch.utils.data import DataLoader

from i2i.errors import DataError, reason_of
from i2i.plugins.calls import called_of, calling, show_trace
from i2i.plugins.dataset_members import news_of
from i2i.plugins.plugin_files import load_plugin_files, loaded_plugin_files
from i2i.plugins.protocols import Batch, Dataset
from i2i.tensors.collate import collate
from i2i.training.batches import Key, SampleStream
from i2i.training.interruption import ignore_signals, ignoring_signals
from i2i.training.loader_private import close_pipe, processes_of, require_names, shut_down

SHARED_MEMORY = "/dev/shm"
CHECK_SECONDS = 1.0
SLOW_SECONDS = 60.0
"""How long a batch may take before a person sees a note."""

Note = Callable[[str], None]


class Batches(Iterator[Batch]):
    """The stream's batches, without end; close it with :func:`ending`.

    Args:
        dataset: where they are read.
        stream: which samples each holds.
        workers: processes that load; their number changes no value. With 0, this one loads.
        note: called once when shared memory is too small, when a batch takes long, and with what the data set found.

    Raises:
        DataError: a loading process cannot be started or ends, or the data set cannot read a file any more.
        I2IError: whatever else the data set raises, in whichever process; see :func:`~i2i.plugins.calls.calling`.
    """

    def __init__(self, dataset: Dataset, stream: SampleStream, *, workers: int, note: Note = lambda _: None) -> None:
        self.waiting = False
        """Whether the main thread waits for a batch, which it may give up at any time: no step is under way."""
        self._note, self._told = note, False
        self._news: set[str] = set()  # each process that loads finds the same
        self._since, self._over = 0.0, threading.Event()
        self.processes: Sequence[BaseProcess] = ()
        self._ended: list[tuple[int | None, int]] = []
        self._iterator: Iterator[Any]
        if workers == 0:
            self._iterator = ((_read(dataset, keys), news_of(dataset)) for keys in stream)
            return
        try:
            self._iterator = _start(dataset, stream, workers)
        except OSError as error:
            raise DataError(
                f"--workers {workers}: the loading processes cannot be started ({reason_of(error)}); use fewer, or "
                "--workers 0"
            ) from error
        self.processes = processes_of(self._iterator)
        self._watch = threading.Thread(target=self._watch_processes, name="i2i-watch-loading", daemon=True)
        self._watch.start()

    def __next__(self) -> Batch:
        """Return the next batch."""
        self._since, self.waiting = time.monotonic(), True
        try:
            batch, news = self._unpacked(self._handed_over()) if self.processes else next(self._iterator)
        finally:
            self.waiting = False
        for text in news:
            if text not in self._news:
                self._news.add(text)
                self._note(text)
        return batch

    def close(self) -> None:
        """End the loading processes."""
        if not self.processes:
            return
        self._over.set()
        self._watch.join()
        with suppress(OSError, RuntimeError):
            shut_down(self._iterator)
        for process in self.processes:  # they ignore SIGTERM; Python's exit would wait for them for ever
            if process.is_alive():
                process.kill()
                process.join(5)

    def _handed_over(self) -> bytes:
        try:
            packed: bytes = next(self._iterator)
        except Exception as error:  # of PyTorch or the pipe: what a data set raises is handed over
            raise self._failed(error) from error
        return packed

    def _unpacked(self, packed: bytes) -> tuple[Batch, list[str]]:
        try:
            kind, values, news = ForkingPickler.loads(packed)
        except (OSError, EOFError, RuntimeError) as error:
            raise self._failed(error) from error
        if kind == "failure":
            raise values[0] from _LoadingProcessError(values[1])
        if kind == "bytes":
            order, tensors, others = values
            values = {key: _from_bytes(tensors[key]) if key in tensors else others[key] for key in order}
            if not self._told:
                self._told = True
                self._note(
                    f"shared memory is too small for the batches of the loading processes ({_shared_memory()}): they "
                    "come through pipes, which is slower and changes no value; docker run --shm-size 1g gives more, "
                    "--workers 0 needs none"
                )
        return values, news

    def _failed(self, error: Exception) -> DataError:
        """Say which processes ended and why, or why a batch cannot be taken over from one that lives."""
        self._watch.join(2 * CHECK_SECONDS)
        if not self._ended:
            return DataError(
                f"a batch cannot be taken over from a loading process ({reason_of(error)}); use --workers 0, or allow "
                "more open files (ulimit -n)"
            )
        return DataError("; ".join(f"loading process {pid} {_how_it_ended(code)}" for pid, code in self._ended))

    def _watch_processes(self) -> None:
        """End the wait for a batch that will never come: when one process dies, the pipe from all of them is closed."""
        sentinels, told = [process.sentinel for process in self.processes], 0.0
        while not self._over.is_set():
            if ended := multiprocessing.connection.wait(sentinels, timeout=CHECK_SECONDS):
                break
            waited = time.monotonic() - max(self._since, told)
            if self.waiting and waited > SLOW_SECONDS:
                told = time.monotonic()
                self._note(
                    f"no batch came for {told - self._since:.0f} s: the loading processes are still reading; is the "
                    "disk or the network folder slow or gone? Ctrl-C saves"
                )
        else:
            return
        for process in self.processes:
            if process.sentinel in ended:
                process.join(CHECK_SECONDS)
                self._ended.append((process.pid, -signal.SIGKILL if process.exitcode is None else process.exitcode))
        for process in self.processes:
            process.kill()
        close_pipe(self._iterator)


@contextmanager
def ending(batches: Batches) -> Iterator[Batches]:
    """End the loading processes with the block, also when an error that somebody keeps holds on to ``batches``."""
    try:
        yield batches
    finally:
        batches.close()


class _LoadingProcessError(Exception):
    """The traceback of a failure, as text from the process where it happened."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Packing:
    """The data set of a loading process: reads whole batches, and packs them or what went wrong."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __reduce__(self) -> tuple[Any, ...]:
        """How it comes to a process that is no fork: after the plugin files that its classes may be from."""
        return _packing, (loaded_plugin_files(), bytes(ForkingPickler.dumps(self.dataset)))

    def __getitems__(self, keys: list[Key]) -> bytes:
        try:
            return _pack(_read(self.dataset, keys), news_of(self.dataset))
        except Exception as error:
            return _pack_failure(error)


def _packing(files: list[str], packed: bytes) -> _Packing:
    load_plugin_files(files)
    return _Packing(ForkingPickler.loads(packed))


def _read(dataset: Dataset, keys: list[Key]) -> Batch:
    samples: list[Any] = []
    for epoch, index in keys:
        with calling(dataset, f"reading training sample {index} in epoch {epoch}"):
            samples.append(dataset[epoch, index])
    try:
        return collate(samples)
    except Exception as error:  # samples may be anything, with anything in them
        show_trace(error)
        raise DataError(
            f"training samples of {called_of(dataset)} make no batch: {type(error).__name__}: {reason_of(error)}"
        ) from error


def _start(dataset: Dataset, stream: SampleStream, workers: int) -> Iterator[Any]:
    loader: DataLoader[Any] = DataLoader(
        _Packing(dataset),  # type: ignore[arg-type]  # keys are (epoch, index), not int
        batch_sampler=stream,
        num_workers=workers,
        collate_fn=_as_it_is,  # packed already
        worker_init_fn=ignore_signals,
        # DataLoader draws a base seed: from a generator of its own, so that the global one is left alone.
        generator=torch.Generator().manual_seed(stream.seed),
    )
    # PyTorch would raise in the main thread, in whatever that does, when a process dies: also in the middle of a step.
    with ignoring_signals(), _keeping_handler("SIGCHLD"):
        iterator = iter(loader)
    require_names(iterator)
    return iterator


@contextmanager
def _keeping_handler(name: str) -> Iterator[None]:
    """Put back the handler of a signal that the block replaces."""
    number = getattr(signal, name, signal.SIGINT)  # where there is none, another one that nobody replaces
    before = signal.getsignal(number)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(number, before)


def _as_it_is(packed: Any) -> Any:
    return packed


def _pack(batch: Batch, news: list[str]) -> bytes:
    """Pack a batch with its tensors in shared memory, or with their bytes where that is too small; and the news."""
    try:
        for value in batch.values():
            if isinstance(value, torch.Tensor):
                value.share_memory_()  # type: ignore[no-untyped-call]  # before packing: a file descriptor that is packed in vain stays open
        return bytes(ForkingPickler.dumps(("batch", batch, news)))
    except (OSError, RuntimeError):
        tensors = {key: _to_bytes(value) for key, value in batch.items() if isinstance(value, torch.Tensor)}
        others = {key: value for key, value in batch.items() if key not in tensors}
        return bytes(ForkingPickler.dumps(("bytes", (list(batch), tensors, others), news)))


def _pack_failure(error: Exception) -> bytes:
    """Pack an exception with its traceback; one that does not travel as its text."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    with suppress(Exception):
        packed = bytes(ForkingPickler.dumps(("failure", (error, trace), [])))
        ForkingPickler.loads(packed)
        return packed
    return bytes(ForkingPickler.dumps(("failure", (DataError(f"{type(error).__name__}: {error}"), trace), [])))


def _to_bytes(value: torch.Tensor) -> tuple[torch.dtype, torch.Size, Any]:
    return value.dtype, value.shape, value.contiguous().flatten().view(torch.uint8).numpy()


def _from_bytes(kept: tuple[torch.dtype, torch.Size, Any]) -> torch.Tensor:
    dtype, shape, content = kept
    return torch.from_numpy(content).view(dtype).reshape(shape)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}; its own message stands above; --workers 0 loads without such processes"
    name = next((each.name for each in signal.Signals if each == -code), f"signal {-code}")
    if name == "SIGBUS":
        return (
            f"ended by {name}, as where shared memory is used up ({_shared_memory()}); docker run --shm-size 1g gives "
            "more, --workers 0 needs none"
        )
    if name == "SIGKILL":
        return (
            f"was killed ({name}), as the system does where memory is used up; use fewer --workers or a smaller "
            "--batch-size, or --workers 0, which loads without such processes"
        )
    return f"ended by {name}; --workers 0 loads without such processes"


def _shared_memory() -> str:
    with suppress(OSError):
        return f"{SHARED_MEMORY}: {shutil.disk_usage(SHARED_MEMORY).total >> 20} MiB in all"
    return "no " + SHARED_MEMORY
