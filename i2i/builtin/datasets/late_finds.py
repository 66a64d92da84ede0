"""Files that turn out to be bad while training reads them: named, and left out where that was asked for. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from i2i.errors import DataError, printable
from i2i.plugins.protocols import Sample

MOST_IN_A_ROW = 20
"""Samples that cannot be read, one behind the other, after which it is not the files."""


class LateFinds:
    """The files of a data set that could not be read.

    Args:
        skip: whether another sample takes the place of one that cannot be read.
    """

    def __init__(self, *, skip: bool) -> None:
        self._skip = skip
        self._bad: dict[Path, str] = {}
        self._news: list[str] = []

    def sample(self, read: Callable[[int, int], Sample], epoch: int, index: int, length: int) -> Sample:
        """Read the sample of an epoch, or the next one that can be read: which, depends on the files alone.

        Raises:
            DataError: it cannot be read, and none takes its place.
        """
        tries = min(MOST_IN_A_ROW, length) if self._skip else 1
        failure: Exception | None = None
        for place in range(tries):
            found = _attempt(read, epoch, (index + place) % length)
            if not isinstance(found, _UnreadableFileError):
                return found
            failure = found
        if self._skip:
            raise DataError(
                f"{failure}\n{tries} samples one behind the other cannot be read: is the folder still there?"
            ) from failure
        raise DataError(
            f"{failure}\nRepair it or put it back, or leave it out with --skip-bad, which a resumed run takes, too."
        ) from failure

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Remember a file that cannot be read in the block; it is not read again."""
        if path in self._bad:
            raise _UnreadableFileError(self._bad[path])
        try:
            yield
        except DataError as error:
            if self._skip:
                self._bad[path] = str(error)
                self._news.append(
                    printable(f"{error}: left out from here on, and another image is taken in its place (skip_bad)")
                )
            raise _UnreadableFileError(str(error)) from error

    def take_news(self) -> list[str]:
        """A sentence on each file that was found since the last time."""
        news, self._news = self._news, []
        return news


class _UnreadableFileError(DataError):
    """A file cannot be read. The message holds the path and the reason."""


def _attempt(read: Callable[[int, int], Sample], epoch: int, index: int) -> Sample | _UnreadableFileError:
    try:
        return read(epoch, index)
    except _UnreadableFileError as error:
        return error
