"""Finding the files below a folder, without what other programs keep there, and listing files in messages. No torch."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from i2i.errors import DataError, printable

MOST_LISTED = 20
"""How many items of a list an error message prints."""

_CLUTTER = frozenset(
    {
        # Windows
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler", "recycled",
        "system volume information", "found.000",
        # macOS, and the archives it makes
        "__macosx", "icon\r", "network trash folder", "temporary items",
        # Linux and Android
        "lost+found", "lost.dir",
        # Synology, QNAP, NetApp and other network storage
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@snapshot", "@sharesnap", "@sharebin",
        "@tmp", "~snapshot",
    }
)  # fmt: skip
"""Names, in lower case, of what file managers, network storage and operating systems keep in people's folders:
previews, deleted files, earlier versions. What begins with a dot is hidden, and needs no name here."""

_CLUTTER_BEGINS = ("~$",)  # what Office locks
_CLUTTER_ENDS = (".lrdata",)  # Lightroom's previews
_NOT_HERE = ".icloud"  # stands for a picture that is not downloaded


@dataclass
class LeftOut:
    """What a search passed over: folders of clutter, and single files of it that might be taken for images.

    Attributes:
        suffixes: those of images, in lower case.
    """

    suffixes: Collection[str] = ()
    folders: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Tell how many there are, with an example; nothing where there are none."""
        found = {"folder": set(self.folders), "file": set(self.files)}  # a folder may have been given twice
        parts = [f"{len(paths)} {word}{'s' * (len(paths) > 1)}" for word, paths in found.items() if paths]
        if parts:
            example = printable(str((self.folders or self.files)[0]))
            yield (
                f"left out: {' and '.join(parts)}, hidden or with previews, deleted files or the like, such "
                f"as {example} (name one of them to take it)"
            )


def is_clutter(name: str) -> bool:
    """Whether a file or folder is there for another program's sake: hidden, or named as such things are."""
    lower = name.lower()
    return lower.startswith((".", *_CLUTTER_BEGINS)) or lower.endswith(_CLUTTER_ENDS) or lower in _CLUTTER


def walk(folder: Path, left_out: LeftOut | None = None, *, keep: Collection[str] = ()) -> Iterator[Path]:
    """Yield each file below a folder that is not clutter, by name; links are followed, but never back up into a loop.

    Args:
        folder: is searched whatever it is called itself.
        left_out: takes what is passed over.
        keep: names that are not clutter here, because a person wrote them.

    Raises:
        DataError: when a folder cannot be listed.
    """
    yield from _walk(folder, frozenset(), left_out or LeftOut(), keep)


def bullets(items: Iterable[str]) -> str:
    """Return one indented line an item: the first ``MOST_LISTED``, then how many more there are."""
    items = list(items)
    lines = [f"  {printable(item)}" for item in items[:MOST_LISTED]]
    if len(items) > MOST_LISTED:
        lines.append(f"  ... and {len(items) - MOST_LISTED} more")
    return "\n".join(lines)


def _walk(folder: Path, above: frozenset[Path], left_out: LeftOut, keep: Collection[str]) -> Iterator[Path]:
    here = folder.resolve()
    if here in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be listed ({error.strerror}); check its permissions") from error
    for entry in entries:
        path = Path(entry.path)
        if is_clutter(entry.name) and entry.name not in keep:
            pass_over(path, left_out, is_folder=entry.is_dir())
        elif entry.is_dir():
            yield from _walk(path, above | {here}, left_out, keep)
        else:
            yield path


def pass_over(path: Path, left_out: LeftOut, *, is_folder: bool) -> None:
    """Count clutter, but for files that nobody would miss, such as ``Thumbs.db``."""
    if is_folder:
        left_out.folders.append(path)
    elif path.suffix.lower() in (*left_out.suffixes, _NOT_HERE):
        left_out.files.append(path)
