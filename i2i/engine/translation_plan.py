"""What to translate into what: files, folders and patterns become pairs of an input and an output. No torch."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from i2i.errors import ConfigError, DataError
from i2i.images.finding import bullets, walk
from i2i.images.reading import FORMAT_OF_SUFFIX
from i2i.images.writing import SUFFIX_OF_FORMAT

CONTAINER_OF_SUFFIX = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""The suffixes (in lower case) that make a file a video, each with FFmpeg's name of its format."""

STREAM = "-"
"""What stands for standard input or output where a file is expected."""


@dataclass(frozen=True)
class Job:
    """One file to translate.

    Attributes:
        source: the input.
        target: the output.
        format_name: Pillow's name of the output's format; ``None`` keeps the input's, whatever it turns out to be. Also
            ``None`` for a video.
    """

    source: Path
    target: Path
    format_name: str | None


@dataclass(frozen=True)
class Plan:
    """All files to translate.

    Attributes:
        jobs: the images, in the order of the inputs, and by name within a folder or pattern; no two have one target.
        ignored: files in folders and patterns that are no images by their suffix.
        videos: those that were named or matched by a pattern, in the same order.
    """

    jobs: tuple[Job, ...]
    ignored: tuple[Path, ...]
    videos: tuple[Job, ...] = ()


@dataclass(frozen=True)
class Stream:
    """One image, from or to a stream, or both.

    Attributes:
        source: the input; ``None`` is standard input.
        target: the output; ``None`` is standard output.
        format_name: Pillow's name of the output's format; ``None`` keeps the input's.
    """

    source: Path | None
    target: Path | None
    format_name: str | None


@dataclass(frozen=True)
class _Found:
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
        return (self.named or self.matched) and _suffix(self.place) in CONTAINER_OF_SUFFIX

    @property
    def is_image(self) -> bool:
        return not self.is_video and (self.named or _suffix(self.place) in FORMAT_OF_SUFFIX)


def plan_stream(inputs: Sequence[str], out: str | Path, *, format_name: str | None, force: bool) -> Stream | None:
    """Decide what is read and written where ``-`` is an input or the output; ``None`` where it is neither.

    Args:
        inputs: one: ``-``, or an image file when the output is ``-``.
        out: ``-``, or the name of an image file.
        format_name: as for :func:`make_plan`.
        force: as for :func:`make_plan`.

    Raises:
        DataError: the input is missing, or the output exists.
        ConfigError: there are several inputs, or the output is no file.
    """
    if STREAM not in (*inputs, str(out)):
        return None
    if len(inputs) > 1:
        raise ConfigError(f"{STREAM} stands for one image; got {len(inputs)} inputs: name a folder with -o for several")
    source = None if inputs[0] == STREAM else _require_name("INPUT", inputs[0])
    if source is not None and not source.exists():
        raise DataError(f"there is no such file: {source}; nothing was translated")
    if source is not None and (source.is_dir() or _suffix(source) in CONTAINER_OF_SUFFIX):
        raise ConfigError(f"-o {STREAM} writes one image; {source} is a {'folder' if source.is_dir() else 'video'}")
    if str(out) == STREAM:
        return Stream(source, None, format_name)
    target = _require_name("-o", str(out))
    if _suffix(target) not in FORMAT_OF_SUFFIX or target.is_dir():
        raise ConfigError(f"-o {target} must be a file ending in {', '.join(FORMAT_OF_SUFFIX)}: {STREAM} has no name")
    if not force:
        _require_new([Job(Path(STREAM), target, None)])
    return Stream(source, target, _format_of(target, format_name))


def make_plan(inputs: Sequence[str], out: Path, *, format_name: str | None = None, force: bool = False) -> Plan:
    """Decide which file is translated into which; nothing is written.

    Args:
        inputs: files; folders, whose images are taken with those of their sub-folders; and patterns such as
            ``photos/*.png`` (``**`` for any depth), for shells and callers that do not expand them. Names are kept, and
            sub-folders below a folder or below the fixed part of a pattern. ``out`` is left out of what lies around it.
        out: a folder; or, when there is one input and it is a file, also the name of the output.
        format_name: write images in this format (a key of ``SAVE_OPTIONS``), with its suffix; ``None`` keeps each
            input's. A video keeps its container, unless ``out`` names a file of another.
        force: whether outputs that exist may be replaced.

    Raises:
        DataError: an input is missing, there is no image, two inputs have one output, or an output exists.
        ConfigError: ``out`` does not fit the inputs or the format.
    """
    out = _require_name("-o", str(out))
    try:
        found = _each_once(_find(inputs, out))
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise DataError(f"{error.filename}: {error.strerror}; nothing was translated") from error
    images = [item for item in found if item.is_image]
    videos = [item for item in found if item.is_video]
    ignored = tuple(item.source for item in found if not (item.is_image or item.is_video))
    if not (images or videos):
        others = f"; {len(ignored)} other files, such as {ignored[0].name}" if ignored else ""
        raise DataError(
            f"{', '.join(inputs)}: no images; expected files ending in {', '.join(FORMAT_OF_SUFFIX)}{others}"
        )
    if _is_file_name(out):
        item = (images + videos)[0]
        if len(images) + len(videos) > 1 or not item.named:
            raise ConfigError(f"-o {out} names a file, but {', '.join(inputs)} may be many images; name a folder")
        if item.is_video is not (_suffix(out) in CONTAINER_OF_SUFFIX):
            is_what = ("a video", "an image") if item.is_video else ("an image", "a video")
            raise ConfigError(f"{item.source} is {is_what[0]}, and -o {out} names {is_what[1]}; name one of its kind")
        chosen = None if item.is_video else _format_of(out, format_name)
        jobs = [Job(item.source, out, chosen)]
    elif out.exists() and not out.is_dir():
        raise ConfigError(f"-o {out} is a file; name a folder, or a new file ending in {', '.join(FORMAT_OF_SUFFIX)}")
    else:
        jobs = [Job(item.source, out / _with_suffix(item.place, format_name), format_name) for item in images]
        jobs += [Job(item.source, out / item.place, None) for item in videos]
    _require_one_target_each(jobs)
    _require_inputs_untouched(jobs)
    if not force:
        _require_new(jobs)
    return Plan(tuple(jobs[: len(images)]), ignored, tuple(jobs[len(images) :]))


def _require_name(what: str, text: str) -> Path:
    """A path that a person gave, ``~`` expanded; an empty one, as of a variable that is not set, is an error."""
    if not text:
        raise ConfigError(f"{what} must name a file or a folder; got an empty text: is a variable not set?")
    return Path(text).expanduser()


def _each_once(found: Iterable[_Found]) -> list[_Found]:
    """Files that were found in several ways are translated once, as what the most explicit way makes of them."""
    merged: dict[tuple[str, Path], _Found] = {}
    for item in found:
        key = (os.path.abspath(item.source), item.place)  # noqa: PTH100  (Path.resolve would follow links)
        before = merged.setdefault(key, item)
        merged[key] = replace(before, named=before.named or item.named, matched=before.matched or item.matched)
    return list(merged.values())


def _find(inputs: Sequence[str], out: Path) -> Iterator[_Found]:
    missing = []
    for text in inputs:
        path = _require_name("INPUT", text)
        if path.is_dir():
            yield from _without(_below(path, Path()), path, out)
        elif path.exists() or path.is_symlink():
            yield _Found(path, Path(path.name), named=True)
        elif glob.has_magic(text):
            fixed = _fixed_part(path)
            matched = list(_matched(path, fixed))
            yield from _without(matched, fixed, out)
            missing += [] if matched else [f"{text} (a pattern that nothing matches)"]
        else:
            missing.append(text)
    if missing:
        raise DataError(f"there is no such file or folder:\n{bullets(missing)}\nNothing was translated.")


def _below(folder: Path, place: Path) -> Iterator[_Found]:
    for path in walk(folder):
        yield _Found(path, place / path.relative_to(folder))


def _matched(pattern: Path, fixed: Path) -> Iterator[_Found]:
    wanted = pattern.relative_to(fixed).parts
    if "**" in wanted:  # not by glob, which follows links around loops
        for path in walk(fixed) if fixed.is_dir() else ():
            place = path.relative_to(fixed)
            if _fits(place.parts, wanted):
                yield _Found(path, place, matched=True)
            elif any(_fits(folder.parts, wanted) for folder in place.parents):
                yield _Found(path, place)
        return
    for match in map(Path, sorted(glob.glob(str(pattern)))):  # noqa: PTH207  (Path.glob: no absolute ones)
        place = match.relative_to(fixed)
        if match.is_dir():
            yield from _below(match, place)
        else:
            yield _Found(match, place, matched=True)


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, where ``**`` stands for any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_fits(names[count:], pattern[1:]) for count in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def _fixed_part(pattern: Path) -> Path:
    """The folders of a pattern before the first one with a wildcard."""
    fixed = Path()
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed


def _without(found: Iterable[_Found], folder: Path, out: Path) -> Iterator[_Found]:
    """Leave out what lies in the output folder, when that lies somewhere below the folder that is searched."""
    inside, around = out.resolve(), folder.resolve()
    if inside == around or not inside.is_relative_to(around):
        yield from found
        return
    for item in found:
        if not item.source.parent.resolve().is_relative_to(inside):
            yield item


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _is_file_name(out: Path) -> bool:
    return (_suffix(out) in FORMAT_OF_SUFFIX or _suffix(out) in CONTAINER_OF_SUFFIX) and not out.is_dir()


def _format_of(out: Path, format_name: str | None) -> str:
    """The format that an output's name asks for; an option that asks for another is an error."""
    chosen = FORMAT_OF_SUFFIX[_suffix(out)]
    if format_name not in (None, chosen):
        raise ConfigError(f"-o {out} asks for {chosen} and --format for {format_name}; leave one out")
    return chosen


def _with_suffix(place: Path, format_name: str | None) -> Path:
    if format_name is None or FORMAT_OF_SUFFIX.get(_suffix(place)) == format_name:
        return place
    stem = place.stem if _suffix(place) in FORMAT_OF_SUFFIX else place.name
    return place.with_name(stem + SUFFIX_OF_FORMAT[format_name])


def _require_one_target_each(jobs: Iterable[Job]) -> None:
    sources: dict[Path, list[Path]] = defaultdict(list)
    for job in jobs:
        sources[job.target].append(job.source)
    twice = [f"{target}: {' and '.join(map(str, same))}" for target, same in sources.items() if len(same) > 1]
    if twice:
        raise DataError(
            f"{len(twice)} outputs would be written by more than one input:\n{bullets(twice)}\n"
            "Rename inputs, or translate into one folder each. Nothing was translated."
        )


def _require_inputs_untouched(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    replaced = [str(job.target) for job in jobs if job.target.resolve() in sources]
    if replaced:
        raise DataError(
            f"{len(replaced)} outputs would replace inputs:\n{bullets(replaced)}\n"
            "Pick another -o. Nothing was translated."
        )


def _require_new(jobs: Iterable[Job]) -> None:
    existing = [str(job.target) for job in jobs if job.target.exists() or job.target.is_symlink()]
    if existing:
        raise DataError(
            f"{len(existing)} outputs exist already:\n{bullets(existing)}\n"
            "Pick another -o, or replace them with --force. Nothing was translated."
        )
