"""The private names of torch's ``DataLoader`` that loading uses: its processes, and the pipe that they write to.

They were read in torch 2.13; ``tests/training/test_loader_private.py`` looks each of them up. Without them a run loads
with ``--workers 0``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from i2i.errors import DataError

READ_IN = "2.13"
"""The release of torch that has these names, with the meaning that they have here."""

NAMES = ("_workers", "_shutdown_workers", "_worker_result_queue")
"""Attributes of the iterator of a ``DataLoader`` with processes."""


def require_names(iterator: Iterator[Any]) -> None:
    """Check that the iterator of a ``DataLoader`` has what the functions here ask of it.

    Raises:
        DataError: it does not.
    """
    missing = [name for name in NAMES if not hasattr(iterator, name)]
    if not missing and not hasattr(iterator._worker_result_queue, "_writer"):  # type: ignore[attr-defined]
        missing = ["_worker_result_queue._writer"]
    if missing:
        raise DataError(
            f"--workers: torch {torch.__version__} has no {', '.join(missing)} in {type(iterator).__name__}, which i2i "
            f"uses as it was in torch {READ_IN}; use --workers 0, or that release"
        )


def processes_of(iterator: Iterator[Any]) -> Sequence[BaseProcess]:
    """The loading processes."""
    processes: Sequence[BaseProcess] = iterator._workers  # type: ignore[attr-defined]
    return processes


def shut_down(iterator: Iterator[Any]) -> None:
    """Ask the loading processes to end, and wait for them for a while."""
    iterator._shutdown_workers()  # type: ignore[attr-defined]


def close_pipe(iterator: Iterator[Any]) -> None:
    """Close this process's end of the pipe that the loading processes write to: whoever reads it finds its end."""
    iterator._worker_result_queue._writer.close()  # type: ignore[attr-defined]
