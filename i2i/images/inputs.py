"""Which files a person means by names, folders and patterns. No torch."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from i2i.errors import ConfigError, DataError
from i2i.images.finding import LeftOut, bullets, is_clutter, pass_over, walk
from i2i.paths import named
from i2i.progress import counted

CONTAINER_OF_SUFFIX = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""The suffixes (in lower case) that make a file a video, each with FFmpeg's name of its format."""


@dataclass(frozen=True)
class FoundFile:
    """A file, the path that its output has below the output folder, and how it was found.

    Attributes:
        named: it was given by its own name, so it is translated whatever its suffix.
        matched: a pattern matched the file itself, not a folder around it.
    """

    source: Path
    place: Path
    named: bool = False
    matched: bool = False

    @property
    def is_video(self) -> bool:
        """Whether it is translated as a video: in folders, none is."""
        return (self.named or self.matched) and suffix_of(self.place) in CONTAINER_OF_SUFFIX

    def is_image(self, suffixes: Collection[str]) -> bool:
        """Whether it is translated as an image, of those that have these suffixes."""
        return not self.is_video and (self.named or suffix_of(self.place) in suffixes)


def find(inputs: Sequence[str], out: Path, left_out: LeftOut) -> list[FoundFile]:
    """Find what every input means, each file once.

    Args:
        inputs: see :func:`~i2i.translation.plan.make_plan`.
        out: what lies in this folder is not an input.
        left_out: takes the clutter that was passed over.

    Raises:
        DataError: an input is missing, or a folder cannot be listed.
        ConfigError: an input is an empty text.
        OSError: a name is too long, or a folder may not be entered.
    """
    return _each_once(counted(_find(inputs, out, left_out), "listing files"))


def _find(inputs: Sequence[str], out: Path, left_out: LeftOut) -> Iterator[FoundFile]:
    missing = []
    for text in inputs:
        path = require_name("INPUT", text)
        if path.is_dir():
            yield from _without(_below(path, Path(), left_out), path, out)
        elif path.exists() or path.is_symlink():
            yield FoundFile(path, Path(path.name), named=True)
        elif glob.has_magic(text):
            fixed, wanted = _divide(Path(text))
            matched = list(_matched(fixed, wanted, left_out))
            yield from _without(matched, fixed, out)
            but = " but what is left out" if left_out.folders or left_out.files else ""
            missing += [] if matched else [f"{text} (a pattern that nothing matches{but})"]
        else:
            missing.append(text)
    if missing:
        notes = "".join(f"\n{note}" for note in left_out.notes())
        raise DataError(f"there is no such file or folder:\n{bullets(missing)}{notes}\nNothing was translated.")


def _below(folder: Path, place: Path, left_out: LeftOut) -> Iterator[FoundFile]:
    for path in walk(folder, left_out):
        yield FoundFile(path, place / path.relative_to(folder))


def _matched(fixed: Path, wanted: Sequence[str], left_out: LeftOut) -> Iterator[FoundFile]:
    """Find what lies below a folder and matches a pattern; clutter does only where the pattern names it."""
    if "**" in wanted:  # not by glob, which follows links around loops
        for path in walk(fixed, left_out, keep=wanted) if fixed.is_dir() else ():
            place = path.relative_to(fixed)
            if _fits(place.parts, wanted):
                yield FoundFile(path, place, matched=True)
            elif any(_fits(folder.parts, wanted) for folder in place.parents):
                yield FoundFile(path, place)
        return
    for place in map(Path, sorted(glob.glob(str(Path(*wanted)), root_dir=fixed))):  # noqa: PTH207  (Path.glob: no root)
        match = fixed / place
        if any(is_clutter(name) and name not in wanted for name in place.parts):
            pass_over(match, left_out, is_folder=match.is_dir())
        elif match.is_dir():
            yield from _below(match, place, left_out)
        else:
            yield FoundFile(match, place, matched=True)


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, where ``**`` stands for any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_fits(names[count:], pattern[1:]) for count in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def _divide(pattern: Path) -> tuple[Path, Sequence[str]]:
    """The folders of a pattern before its first wildcard, and the rest of its parts.

    A folder whose name looks like a pattern, such as ``holiday [2024]``, is a folder where it exists.
    """
    fixed, parts = Path(), pattern.parts
    for count, part in enumerate(parts):
        if glob.has_magic(part) and not named(fixed / part).is_dir():
            return named(fixed), parts[count:]
        fixed /= part
    return named(fixed), ()


def _without(found: Iterable[FoundFile], folder: Path, out: Path) -> Iterator[FoundFile]:
    """Leave out what lies in the output folder, when that lies somewhere below the folder that is searched."""
    inside, around = out.resolve(), folder.resolve()
    if inside == around or not inside.is_relative_to(around):
        yield from found
        return
    for item in found:
        if not item.source.parent.resolve().is_relative_to(inside):
            yield item


def _each_once(found: Iterable[FoundFile]) -> list[FoundFile]:
    """Files that were found in several ways are translated once, as what the most explicit way makes of them."""
    merged: dict[tuple[str, Path], FoundFile] = {}
    for item in found:
        key = (os.path.abspath(item.source), item.place)  # noqa: PTH100  (Path.resolve would follow links)
        before = merged.setdefault(key, item)
        merged[key] = replace(before, named=before.named or item.named, matched=before.matched or item.matched)
    return list(merged.values())


def require_name(what: str, text: str) -> Path:
    """A path that a person gave, ``~`` expanded; an empty one, as of a variable that is not set, is an error."""
    if not text:
        raise ConfigError(f"{what} must name a file or a folder; got an empty text: is a variable not set?")
    return named(text)


def suffix_of(path: Path) -> str:
    """A path's suffix in lower case."""
    return path.suffix.lower()
