"""The process with the model, seen from the server: started, asked, ended and started again."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from i2i.environment.lifeline import end_with_parent, kill_group
from i2i.errors import I2IError, printable
from i2i.serving.messages import ModelInfo, ModelOptions, Refusal, Translation, TranslationJob

log = logging.getLogger(__name__)

LONGEST_GOODBYE = 5.0
"""Seconds to wait for a process that was killed."""

SHUTTING_DOWN = Refusal(503, "the server is shutting down")

Main = Callable[[Connection, ModelOptions], None]


def run_translator(connection: Connection, model: ModelOptions) -> None:
    """Become the process with the model."""
    from i2i.serving.translating import main  # imports torch, which the server itself does without

    main(connection, model)


def _begin(main: Main, connection: Connection, model: ModelOptions) -> None:
    end_with_parent()
    main(connection, model)


class Worker:
    """Runs :mod:`i2i.serving.translating` in a process of its own, one job at a time.

    A job that takes too long ends the process, for nothing else stops a decoder or a network; so does a crash. The
    next job starts it anew and waits for the model to be loaded, which does not count as its own time.

    Args:
        model: what to serve.
        main: what the process does: sends a :class:`ModelInfo` or an :class:`I2IError` through the connection, and then
            an answer for each job.
    """

    def __init__(self, model: ModelOptions, main: Main = run_translator) -> None:
        self._model = model
        self._main = main
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._longest_loading: float | None = None

    @property
    def process_id(self) -> int | None:
        """The process's id, or ``None`` while there is none."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> ModelInfo:
        """Start the process and wait until it has loaded the model.

        The first time that may take as long as it does, for a person waits for it and can end it. Later it is clients
        that wait: then it may take ten times as long, and a minute.

        Raises:
            I2IError: the model cannot be loaded; the error that :func:`i2i.load` raised, or that the process died.
        """
        # spawn: torch's threads and a GPU do not survive a fork, and the server itself needs no torch.
        context = multiprocessing.get_context("spawn")
        begin = time.monotonic()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_begin, args=(self._main, theirs, self._model), name="i2i-translator", daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is seen as the end of the pipe
        if self._stopped.is_set():  # in the meantime; nobody else knows of this process
            kill_group(self._process)
        try:
            if not self._connection.poll(self._longest_loading):
                self._end(at_once=True)
                raise I2IError(f"loading {self._model.model} took longer than {self._longest_loading:.0f} s this time")
            answer = self._connection.recv()
        except (EOFError, OSError):
            exit_code = self._end()
            raise I2IError(
                f"the process that loads {self._model.model} ended with exit code {exit_code} before it was ready; its "
                "message stands above, if there was one (-9: killed, mostly for want of memory)"
            ) from None
        if isinstance(answer, I2IError):
            self._end()
            raise answer
        assert isinstance(answer, ModelInfo)
        if self._longest_loading is None:
            self._longest_loading = 60 + 10 * (time.monotonic() - begin)
        return answer

    def translate(self, job: TranslationJob, seconds: float) -> Translation | Refusal:
        """Have a job done, within a time.

        Args:
            job: the file.
            seconds: how long it may take, beside the loading of a model that is not loaded.
        """
        with self._turn:
            if self._stopped.is_set():
                return SHUTTING_DOWN
            if self._process is None or not self._process.is_alive():
                refusal = self._start_again()
                if refusal is not None:
                    return refusal
            assert self._process is not None
            assert self._connection is not None
            overdue = Refusal(504, f"the translation took longer than {seconds:g} s; send a smaller image")
            with self._killed_after(seconds, self._process) as killed:
                try:
                    self._connection.send(job)
                    # Longer than until it is killed: for a process that the system cannot kill, such as in a driver.
                    if not self._connection.poll(seconds + LONGEST_GOODBYE):
                        killed.set()
                        raise EOFError
                    answer: Translation | Refusal = self._connection.recv()
                except (EOFError, OSError):
                    exit_code = self._end()
                    if self._stopped.is_set():
                        return SHUTTING_DOWN
                    if killed.is_set():
                        log.warning("a translation took longer than %g s; the model is loaded anew", seconds)
                        return overdue
                    log.warning("the process with the model ended with exit code %s during a translation", exit_code)
                    return Refusal(
                        500,
                        f"the translation ended unexpectedly (exit code {exit_code}), perhaps for want of memory; the "
                        "file may be damaged, or too large for this machine",
                    )
            if killed.is_set():  # just after it had answered
                self._end(at_once=True)
            return answer

    def stop(self) -> None:
        """End the process, also in the middle of a job; no other is started."""
        self._stopped.set()
        process = self._process
        if process is not None and process.is_alive():
            kill_group(process)
        if self._turn.acquire(timeout=2 * LONGEST_GOODBYE):  # soon, for the job that is being done has lost its process
            try:
                self._end(at_once=True)
            finally:
                self._turn.release()

    def _start_again(self) -> Refusal | None:
        if self._process is not None:
            log.warning("the process with the model has ended (exit code %s); it is started anew", self._end())
        try:
            self.start()
        except I2IError as error:
            if self._stopped.is_set():
                return SHUTTING_DOWN
            log.error("the model cannot be loaded again: %s", printable(str(error)))
            return Refusal(503, "the model could not be loaded again after a failure; the server's log says why")
        return None

    @contextmanager
    def _killed_after(self, seconds: float, process: BaseProcess) -> Iterator[threading.Event]:
        """Kill the process if the block takes longer; sending to one that does not read would wait without an end."""
        killed = threading.Event()

        def kill() -> None:
            killed.set()
            kill_group(process)

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield killed
        finally:
            timer.cancel()

    def _end(self, *, at_once: bool = False) -> int | None:
        """Make sure that the process is gone, and return its exit code."""
        exit_code = None
        if self._process is not None:
            # A process that crashed is about to be gone by itself; it is not waited for with join, which would let its
            # number go to another before its group is killed.
            multiprocessing.connection.wait([self._process.sentinel], 0 if at_once else 0.2)
            kill_group(self._process)
            self._process.join(LONGEST_GOODBYE)
            exit_code = self._process.exitcode
        if self._connection is not None:  # after the process, which would complain that nobody reads its answer
            self._connection.close()
        self._process = self._connection = None
        return exit_code
