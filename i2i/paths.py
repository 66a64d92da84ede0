"""Paths as people give them: the only place that says what ``~`` stands for."""

from __future__ import annotations

import os
from pathlib import Path


def named(path: str | os.PathLike[str]) -> Path:
    """Return the path that a person means, with a leading ``~`` or ``~user`` as their home.

    A name that exists as it stands is meant as it stands: ``~photo.png`` and ``~$report.png`` are files as well. So is
    one that begins with the name of no user. Shells expand what is not quoted themselves; this is for the rest.

    Args:
        path: text or anything with ``__fspath__``, such as what ``os.scandir`` yields; bytes are decoded as names are.
    """
    given = Path(os.fsdecode(path))
    first = given.parts[0] if given.parts else ""
    if not first.startswith("~") or _is_there(given):
        return given
    try:
        home, meant = Path(first).expanduser(), given.expanduser()
    except (RuntimeError, ValueError):  # no such user, no home; a null character
        return given
    if (first != "~" and not home.is_dir()) or (_is_there(Path(first)) and not _is_there(meant)):
        return given
    return meant


def _is_there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a name with a null character
        return False
