"""Image files that cannot be used, and opening those that may be. No torch."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class UnusableImageError(Exception):
    """An image file that cannot be used. The message is the reason alone, without the path."""


class UnknownFormatError(UnusableImageError):
    """The content is not a picture of a format that is read, or its header is damaged."""


class TooManyPixelsError(UnusableImageError):
    """The header announces more pixels than are allowed; nothing was decoded.

    Attributes:
        size: width and height.
    """

    def __init__(self, size: tuple[int, int], max_pixels: int) -> None:
        super().__init__(
            f"{size[0]} x {size[1]} pixels, more than max_pixels = {max_pixels}: a decompression bomb? "
            "If it is meant, raise max_pixels"
        )
        self.size = size


def require_pixels(size: tuple[int, int], max_pixels: int) -> None:
    """Raise a TooManyPixelsError for a ``(width, height)`` of more pixels than are allowed."""
    if size[0] * size[1] > max_pixels:
        raise TooManyPixelsError(size, max_pixels)


def require_file(path: Path) -> None:
    """Raise an UnusableImageError, with the reason, for what is no file with content: opening a pipe would wait."""
    try:
        status = path.stat()
    except OSError as error:
        kind = "a broken link" if path.is_symlink() else "not readable"
        raise UnusableImageError(f"{kind} ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise UnusableImageError("not a regular file")
    if status.st_size == 0:
        raise UnusableImageError("empty (0 bytes)")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file with content.

    Raises:
        UnusableImageError: with the reason: missing, empty, no file, or not allowed to be read.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            yield file
    except PermissionError as error:
        raise UnusableImageError(f"not readable ({error.strerror})") from error
