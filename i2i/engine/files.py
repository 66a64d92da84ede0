"""Writing files that are whole or not there."""

from __future__ import annotations

import contextlib
from pathlib import Path

from i2i.errors import RunFolderError


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name and rename it, so that a reader finds the old content or the new one.

    Missing folders above it are made. For one writer a path: two at once would share the temporary name.

    Raises:
        RunFolderError: it cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"cannot write {path}: {error.strerror or error}; make room or give write access, then resume the run"
        ) from error
    return path
