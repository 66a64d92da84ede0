"""Where i2i keeps what it can find out again: in the user's cache, and beside a run. Imports no torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from i2i.files.atomic import replacing

CHECKED = "checked.json"
"""In a run folder: what the check of its images found."""

_run: ContextVar[Path | None] = ContextVar("run", default=None)


def cache_folder(kind: str) -> Path:
    """The folder of one kind of things that can be made again; it need not be there.

    Raises:
        RuntimeError: this user has no home, and ``XDG_CACHE_HOME`` names no other place.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "i2i" / kind


@contextmanager
def beside_run(folder: Path) -> Iterator[None]:
    """Let what is kept in the block stand in a run folder, too: it may be used where the user's cache is another."""
    token = _run.set(folder)
    try:
        yield
    finally:
        _run.reset(token)


class KeptText:
    """A text that is kept in the run folder and in the user's cache, of which the newest are kept.

    Nothing rests on it: what cannot be read is not there, what cannot be written is not kept. Several processes may
    read and write it: each finds a whole text.

    Args:
        kind: the folder in the cache.
        name: the file there.
        run_name: the file in the run folder.
        most: texts of this kind that the cache keeps.
    """

    def __init__(self, kind: str, name: str, run_name: str, most: int) -> None:
        run = _run.get()
        self._most = most
        self._places = [] if run is None else [run / run_name]
        with suppress(RuntimeError):
            self._places.append(cache_folder(kind) / name)

    def texts(self) -> Iterator[str]:
        """What is kept: that of the run first."""
        for place in self._places:
            with suppress(OSError, ValueError):
                yield place.read_text(encoding="utf-8")

    def keep(self, text: str) -> None:
        """Keep a text in place of the one before."""
        for place in self._places:
            with suppress(OSError), replacing(place) as temporary:
                temporary.write_text(text, encoding="utf-8")
        if self._places:
            keep_newest(self._places[-1].parent, self._most, self._places[-1].suffix)


def keep_newest(folder: Path, most: int, suffix: str) -> None:
    """Remove all but the newest entries of a folder that end in a suffix; what is gone or in the way is passed over."""
    with suppress(OSError):
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(suffix)]
        for entry in sorted(entries, key=lambda each: each.stat().st_mtime, reverse=True)[most:]:
            if entry.is_dir():
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)
