"""Finding the files below a folder, and listing files in messages. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from i2i.errors import DataError

MOST_LISTED = 20
"""How many items of a list an error message prints."""

_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_clutter(name: str) -> bool:
    """Whether a file or folder is there for the file manager's sake: hidden, or one of a few known names."""
    return name.startswith(".") or name.lower() in _CLUTTER


def walk(folder: Path) -> Iterator[Path]:
    """Yield each file below a folder that is no clutter, by name; links are followed, but never back up into a loop.

    Raises:
        DataError: when a folder cannot be listed.
    """
    yield from _walk(folder, frozenset())


def bullets(items: Iterable[str]) -> str:
    """Return one indented line an item: the first ``MOST_LISTED``, then how many more there are."""
    items = list(items)
    lines = [f"  {item}" for item in items[:MOST_LISTED]]
    if len(items) > MOST_LISTED:
        lines.append(f"  ... and {len(items) - MOST_LISTED} more")
    return "\n".join(lines)


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    here = folder.resolve()
    if here in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be listed ({error.strerror}); check its permissions") from error
    for entry in entries:
        if is_clutter(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), above | {here})
        else:
            yield Path(entry.path)
