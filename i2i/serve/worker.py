"""The process with the model, seen from the server: started, asked, ended and started again."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from i2i.errors import I2IError
from i2i.serve.messages import Job, ModelInfo, ModelOptions, Refusal, Translation


def run_translator(connection: Connection, model: ModelOptions) -> None:
    """Become the process with the model."""
    from i2i.serve.translating import main  # imports torch, which the server itself does without

    main(connection, model)


log = logging.getLogger(__name__)

LONGEST_GOODBYE = 5.0
"""Seconds to wait for a process that was killed."""


class Worker:
    """Runs :mod:`i2i.serve.translating` in a process of its own, one job at a time.

    A job that takes too long ends the process, for nothing else stops a decoder or a network; so does a crash. The
    next job starts it anew and waits for the model to be loaded, which does not count as its own time.

    Args:
        model: what to serve.
        main: what the process does: sends a :class:`ModelInfo` or an :class:`I2IError` through the connection, and then
            an answer for each job.
    """

    def __init__(self, model: ModelOptions, main: Callable[[Connection, ModelOptions], None] = run_translator) -> None:
        self._model = model
        self._main = main
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._stopped = threading.Event()
        self._turn = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """The process's id, or ``None`` while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> ModelInfo:
        """Start the process and wait until it has loaded the model.

        Raises:
            I2IError: the model cannot be loaded; the error that :func:`i2i.load` raised, or that the process died.
        """
        # spawn: torch's threads and a GPU do not survive a fork, and the server itself needs no torch.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=self._main, args=(theirs, self._model), name="i2i-translator", daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is seen as the end of the pipe
        try:
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
        return answer

    def translate(self, job: Job, seconds: float) -> Translation | Refusal:
        """Have a job done, within a time.

        Args:
            job: the file.
            seconds: how long it may take, beside the loading of a model that is not loaded.
        """
        with self._turn:
            if self._stopped.is_set():
                return Refusal(503, "the server is shutting down")
            if self._process is None or not self._process.is_alive():
                try:
                    self.start()
                except I2IError as error:
                    log.error("the model cannot be loaded again: %s", error)
                    return Refusal(
                        503, "the model could not be loaded again after a failure; the server's log says why"
                    )
            assert self._connection is not None
            try:
                self._connection.send(job)
                if not self._connection.poll(seconds):
                    self._end()
                    return Refusal(504, f"the translation took longer than {seconds:g} s; send a smaller image")
                answer: Translation | Refusal = self._connection.recv()
            except (EOFError, OSError):
                exit_code = self._end()
                if self._stopped.is_set():
                    return Refusal(503, "the server is shutting down")
                return Refusal(
                    500,
                    f"the translation ended unexpectedly (exit code {exit_code}), perhaps for want of memory; the file "
                    "may be damaged, or too large for this machine",
                )
            return answer

    def stop(self) -> None:
        """End the process, also in the middle of a job; no other is started."""
        self._stopped.set()
        if self._process is not None and self._process.is_alive():
            self._process.kill()
        with self._turn:
            self._end()

    def _end(self) -> int | None:
        """Make sure that the process is gone, and return its exit code."""
        exit_code = None
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(0.2)  # a process that crashed is about to be gone by itself
            if self._process.is_alive():
                self._process.kill()
                self._process.join(LONGEST_GOODBYE)
            exit_code = self._process.exitcode
        self._process = self._connection = None
        return exit_code
