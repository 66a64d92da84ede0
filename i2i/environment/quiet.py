"""Keeping the remarks of a library's loaders and tracers on their own insides from people."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly(*loggers: str) -> Iterator[None]:
    """Drop warnings, and of these loggers what this thread logs below the level of an error.

    Args:
        loggers: full names; a logger does not stand for those below it.
    """
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING or record.thread != thread

    found = [logging.getLogger(name) for name in loggers]
    for logger in found:
        logger.addFilter(keep)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger in found:
            logger.removeFilter(keep)


@contextmanager
def exporting_quietly() -> Iterator[None]:
    """Drop warnings, and what torch's exporters log below the level of an error, such as on packages not used here."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
