"""Weights and descriptions are read from ordinary files; whatever else has a name is refused before it is opened.

Opening a pipe waits until somebody writes into it, and reading from a terminal or a device may have no end.
"""

from __future__ import annotations

import stat
from pathlib import Path

from i2i.errors import CheckpointError, I2IError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def kind_of(path: Path) -> str | None:
    """``"a pipe"``, ``"a folder"`` and the like for what exists and is not an ordinary file, else ``None``."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # the latter of a name with a zero byte
        return None
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), None)


def require_file(path: Path, error: type[I2IError] = CheckpointError) -> None:
    """Raise ``error`` when this is not an ordinary file, or a link to one, without opening it."""
    kind = kind_of(path)
    if kind is not None:
        raise error(f"{path} is {kind}, and a model is read from an ordinary file: copy its content to one")
    try:
        path.stat()
    except (OSError, ValueError) as reason:
        raise error(f"{path} cannot be read: {getattr(reason, 'strerror', None) or reason}") from reason
