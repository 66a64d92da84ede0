"""What an earlier check found in files that are the same: a second start need not look at them again. No torch.

A file is known again by its place below the data's folder, its size, the time of its last change and a hash of its
first bytes; a copy of the folder that keeps the times is known as well. Files that could not be used are looked at
again each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from i2i.builtin.datasets.file_facts import FileFacts
from i2i.files.caches import CHECKED, KeptText

HEADER = 4096
"""Bytes at a file's begin by which it is known again."""

MOST_FOLDERS = 32
"""Folders of data that the user's cache knows; the ones that were looked at last."""

SEVERAL = 200
"""From so many files on it is worth the while."""


class KeptCheck:
    """What was found in the files of a folder so far.

    Args:
        root: the folder, by which the cache names its text.
        settings: whatever else decides what is found in a file, such as the formats that are installed.
    """

    def __init__(self, root: str, settings: Iterable[str]) -> None:
        self._begin = f"{root.rstrip('/')}/"
        self._settings = _digest("\0".join(settings).encode())
        folder = _digest(f"{Path(root).absolute()}\0{self._settings}".encode())
        self._text = KeptText("checks", f"{folder}.json", CHECKED, MOST_FOLDERS)
        self._identities: dict[Path, str] = {}

    def recall(self, paths: Iterable[Path]) -> dict[Path, FileFacts]:
        """What is known of those of the files that did not change."""
        kept: dict[str, FileFacts] = {}
        for text in self._text.texts():
            with suppress(ValueError, KeyError, TypeError):  # cut off, or written by another version
                values = json.loads(text)
                if values["settings"] == self._settings:
                    kept |= {identity: FileFacts.from_json(each) for identity, each in values["files"].items()}
        if not kept:
            return {}
        known = ((path, kept.get(self._identity(path))) for path in paths)
        return {path: facts for path, facts in known if facts is not None}

    def keep(self, facts: Mapping[Path, FileFacts]) -> None:
        """Keep what was found, in place of what was kept before."""
        files = {identity: found.to_json() for path, found in facts.items() if (identity := self._identity(path))}
        self._text.keep(json.dumps({"settings": self._settings, "files": files}, separators=(",", ":")))

    def _identity(self, path: Path) -> str:
        """By what a file is known again; empty where it cannot be read. Looked at once."""
        if path not in self._identities:
            self._identities[path] = identity_of(path, str(path).removeprefix(self._begin))
        return self._identities[path]


def identity_of(path: Path, name: str) -> str:
    """A text that differs for another name, size, time of the last change or begin of a file; empty for none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a hundred thousand of them: pathlib is slower
        if not stat.S_ISREG(status.st_mode):
            return ""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            begin = file.read(HEADER)
    except OSError:
        return ""
    return _digest(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode() + begin)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
