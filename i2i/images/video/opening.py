"""Opening video files with PyAV (FFmpeg), which knows far more than files and videos by what it calls a path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.errors import DataError, reason_of
from i2i.images.inputs import CONTAINER_OF_SUFFIX

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_READS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg"
"""FFmpeg's names of the formats that are read, whatever the suffix. Of the others, some are pictures, and some are
lists that lead to whatever files and addresses they name."""

_ODD_LETTERS = "surrogateescape"  # titles that are not UTF-8 go along byte by byte


def open_to_read(path: Path) -> InputContainer:
    """Open a video file.

    Raises:
        DataError: it is empty, or holds something else.
        av.FFmpegError: it cannot be read.
    """
    import av

    if path.is_file() and path.stat().st_size == 0:
        raise DataError("it is empty (0 bytes)")
    try:
        return av.open(
            _address(path),
            metadata_errors=_ODD_LETTERS,
            options={"format_whitelist": _READS, "protocol_whitelist": "file"},
        )
    except av.ArgumentError as error:  # what FFmpeg raises for a format that is not on the list
        raise DataError(f"its content is not a video; expected {', '.join(CONTAINER_OF_SUFFIX)}") from error


def open_to_write(path: Path, container: str) -> OutputContainer:
    """Begin a file in a format, by FFmpeg's name of it, whatever the path's suffix.

    Raises:
        av.FFmpegError: it cannot be written.
    """
    import av

    return av.open(_address(path), "w", format=container, metadata_errors=_ODD_LETTERS)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn FFmpeg's errors into a DataError without the path, which messages about files name already.

    Args:
        doing: what is done to the file, such as ``"read"``.
    """
    import av

    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or reason_of(error)
        raise DataError(f"it cannot be {doing} as a video: {reason}") from error


def _address(path: Path) -> str:
    """A path as FFmpeg needs it, which takes the begin of ``talk:1.mp4`` for a protocol."""
    return str(path.absolute())
