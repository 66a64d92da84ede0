"""What to translate into what: files, folders and patterns become pairs of an input and an output. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2i.errors import ConfigError, DataError, amount, printable
from i2i.images.finding import LeftOut, bullets
from i2i.images.inputs import CONTAINER_OF_SUFFIX, FoundFile, find, require_name, suffix_of
from i2i.images.readers import Readers

_OTHER_FORMATS = frozenset(
    {
        ".apng", ".avif", ".avifs", ".cr2", ".dcm", ".dds", ".dng", ".emf", ".eps", ".exr", ".gif", ".gifv",
        ".hdr", ".heic", ".heif", ".ico", ".icns", ".j2c", ".j2k", ".jfif", ".jp2", ".jpe", ".jpx", ".jxl",
        ".nef", ".nii", ".npy", ".npz", ".pbm", ".pcx", ".pdf", ".pgm", ".pnm", ".ppm", ".ps", ".psd", ".raw",
        ".svg", ".tga", ".xcf",
        ".3g2", ".3gp", ".asf", ".avi", ".divx", ".flv", ".h264", ".h265", ".hevc", ".m2ts", ".m2v", ".mjpeg",
        ".mjpg", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogv", ".qt", ".rm", ".ts", ".vob", ".wmv",
        ".y4m",
        ".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip",
    }
)  # fmt: skip
"""Suffixes of pictures, videos and archives that are not written: nobody means a folder by them."""

STREAM = "-"
"""What stands for standard input or output where a file is expected."""


@dataclass(frozen=True)
class FileJob:
    """One file to translate: an image or a video.

    Attributes:
        source: the input.
        target: the output.
        format_name: the output's format; ``None`` keeps the input's, whatever it turns out to be. Also ``None`` for a
            video.
    """

    source: Path
    target: Path
    format_name: str | None

    def done(self, note: str = "") -> FileOutcome:
        """Say that it was translated, and what a person should know about the output."""
        return FileOutcome(self.source, self.target, note=note)

    def failed(self, problem: str) -> FileOutcome:
        """Say why it has no output."""
        return FileOutcome(self.source, self.target, problem=problem)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        source: the input; ``None`` is standard input.
        target: the output; ``None`` is standard output.
        problem: why there is no output; ``None`` when there is one.
        note: what a person should know about the output, or an empty string.
    """

    source: Path | None
    target: Path | None
    problem: str | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        source, target = (None if path is None else str(path) for path in (self.source, self.target))
        return {"source": source, "target": target, "problem": self.problem, "note": self.note}


@dataclass(frozen=True)
class StreamJob:
    """One image, from or to a stream, or both.

    Attributes:
        source: the input; ``None`` is standard input.
        target: the output; ``None`` is standard output.
        format_name: the output's format; ``None`` keeps the input's.
    """

    source: Path | None
    target: Path | None
    format_name: str | None


@dataclass(frozen=True)
class Plan:
    """All files to translate.

    Attributes:
        jobs: the images, in the order of the inputs, and by name within a folder or pattern; no two have one target.
        ignored: files in folders and patterns whose suffix is not that of an image.
        videos: those that were named or matched by a pattern, in the same order.
        notes: what else a person should know before it begins.
        stream: the one image instead of all these, where a stream is an input or the output.
    """

    jobs: tuple[FileJob, ...]
    ignored: tuple[Path, ...]
    videos: tuple[FileJob, ...] = ()
    notes: tuple[str, ...] = ()
    stream: StreamJob | None = None


def plan_translation(
    inputs: Sequence[str], out: str | Path, readers: Readers, *, format_name: str | None, force: bool
) -> Plan:
    """Decide what is translated into what: files as :func:`make_plan` does, or a stream as :func:`plan_stream` does.

    Raises:
        DataError: as they do.
        ConfigError: as they do, or there is no input.
    """
    if not inputs:
        raise ConfigError("there is no input; name a file, a folder or a pattern")
    stream = plan_stream(inputs, out, readers, format_name=format_name, force=force)
    if stream is not None:
        return Plan((), (), stream=stream)
    return make_plan(inputs, out, readers, format_name=format_name, force=force)


def plan_stream(
    inputs: Sequence[str], out: str | Path, readers: Readers, *, format_name: str | None, force: bool
) -> StreamJob | None:
    """Decide what is read and written where ``-`` is an input or the output; ``None`` where it is neither.

    Args:
        inputs: one: ``-``, or an image file when the output is ``-``.
        out: ``-``, or the name of an image file.
        readers: the formats of images.
        format_name: as for :func:`make_plan`.
        force: as for :func:`make_plan`.

    Raises:
        DataError: the input is missing, or the output exists.
        ConfigError: there are several inputs, or the output is not a file.
    """
    if STREAM not in (*inputs, str(out)):
        return None
    if len(inputs) > 1:
        raise ConfigError(f"{STREAM} stands for one image; got {len(inputs)} inputs: name a folder with -o for several")
    source = None if inputs[0] == STREAM else require_name("INPUT", inputs[0])
    if source is not None and not source.exists():
        raise DataError(f"there is no such file: {source}; nothing was translated")
    if source is not None and (source.is_dir() or suffix_of(source) in CONTAINER_OF_SUFFIX):
        raise ConfigError(f"-o {STREAM} writes one image; {source} is a {'folder' if source.is_dir() else 'video'}")
    if str(out) == STREAM:
        return StreamJob(source, None, format_name)
    target = require_name("-o", str(out))
    if suffix_of(target) not in readers.suffixes or target.is_dir():
        raise ConfigError(f"-o {target} must be a file ending in {', '.join(readers.suffixes)}: {STREAM} has no name")
    if not force:
        _require_new([FileJob(Path(STREAM), target, None)])
    return StreamJob(source, target, _format_of(target, readers, format_name))


def make_plan(
    inputs: Sequence[str], out: str | Path, readers: Readers, *, format_name: str | None = None, force: bool = False
) -> Plan:
    """Decide which file is translated into which; nothing is written.

    Args:
        inputs: files; folders, whose images are taken with those of their sub-folders; and patterns such as
            ``photos/*.png`` (``**`` for any depth), for shells and callers that do not expand them. Names are kept, and
            sub-folders below a folder or below the fixed part of a pattern. ``out`` is left out of what lies around it.
        out: a folder; or, when there is one input and it is a file, also the name of the output.
        readers: the formats of images.
        format_name: write images in this one of them, with its suffix; ``None`` keeps each input's. A video keeps its
            container, unless ``out`` names a file of another.
        force: whether outputs that exist may be replaced.

    Raises:
        DataError: an input is missing, there is no image, two inputs have one output, or an output exists.
        ConfigError: ``out`` does not fit the inputs or the format.
    """
    out = require_name("-o", str(out))
    left_out = LeftOut(readers.suffixes)
    try:
        found = find(inputs, out, left_out)
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise DataError(f"{error.filename}: {error.strerror}; nothing was translated") from error
    images = [item for item in found if item.is_image(readers.suffixes)]
    videos = [item for item in found if item.is_video]
    ignored = tuple(item.source for item in found if not (item.is_image(readers.suffixes) or item.is_video))
    if not (images or videos):
        others = f"; {amount(len(ignored), 'other file')}, such as {printable(ignored[0].name)}" if ignored else ""
        others += "".join(f"; {note}" for note in left_out.notes())
        raise DataError(
            f"{', '.join(inputs)}: no images; expected files ending in {', '.join(readers.suffixes)}{others}"
        )
    if format_name and videos and not images:
        raise ConfigError(
            f"--format {format_name.lower()} is for images, and {videos[0].source} is a video, which keeps its "
            f"container unless -o names a file of another ({', '.join(CONTAINER_OF_SUFFIX)}): leave it out"
        )
    if _is_file_name(out, readers):
        jobs = [_only_job(images + videos, inputs, out, readers, format_name)]
    elif out.exists() and not out.is_dir():
        raise ConfigError(f"-o {out} is a file; name a folder, or a new file ending in {', '.join(readers.suffixes)}")
    else:
        _require_folder_name(out, found, readers)
        jobs = [
            FileJob(item.source, out / _with_suffix(item.place, readers, format_name), format_name) for item in images
        ]
        jobs += [FileJob(item.source, out / item.place, None) for item in videos]
    _require_one_target_each(jobs)
    _require_inputs_untouched(jobs)
    if not force:
        _require_new(jobs)
    notes = [*left_out.notes()]
    if format_name and videos:
        notes.append(f"--format is for images: {len(videos)} videos keep their containers")
    return Plan(tuple(jobs[: len(images)]), ignored, tuple(jobs[len(images) :]), tuple(notes))


def _only_job(
    found: Sequence[FoundFile], inputs: Sequence[str], out: Path, readers: Readers, format_name: str | None
) -> FileJob:
    """The job where the output is the name of a file; it is an error where there may be several inputs."""
    item = found[0]
    if len(found) > 1 or not item.named:
        raise ConfigError(f"-o {out} names a file, but {', '.join(inputs)} may be many images; name a folder")
    if item.is_video is not (suffix_of(out) in CONTAINER_OF_SUFFIX):
        is_what = ("a video", "an image") if item.is_video else ("an image", "a video")
        raise ConfigError(f"{item.source} is {is_what[0]}, and -o {out} names {is_what[1]}; name one of its kind")
    return FileJob(item.source, out, None if item.is_video else _format_of(out, readers, format_name))


def _is_file_name(out: Path, readers: Readers) -> bool:
    return (suffix_of(out) in readers.suffixes or suffix_of(out) in CONTAINER_OF_SUFFIX) and not out.is_dir()


def _require_folder_name(out: Path, found: Sequence[FoundFile], readers: Readers) -> None:
    """Refuse to make a folder of a file's name: one of another format, or any where one file is translated."""
    suffix = suffix_of(out)
    one_file = len(found) == 1 and found[0].named and suffix[1:].isalpha()
    if out.is_dir() or not (suffix in _OTHER_FORMATS or one_file):
        return
    written = (*readers.suffixes, *CONTAINER_OF_SUFFIX)
    raise ConfigError(
        f"-o {out}: files ending in {suffix} are not written; expected one ending in {', '.join(written)}, or a folder "
        "(one of this name must exist already)"
    )


def _format_of(out: Path, readers: Readers, format_name: str | None) -> str:
    """The format that an output's name asks for; an option that asks for another is an error."""
    chosen = readers.format_of(out)
    assert chosen is not None
    if format_name not in (None, chosen):
        raise ConfigError(f"-o {out} asks for {chosen} and --format for {format_name}; leave one out")
    return chosen


def _with_suffix(place: Path, readers: Readers, format_name: str | None) -> Path:
    if format_name is None or readers.format_of(place) == format_name:
        return place
    stem = place.stem if suffix_of(place) in readers.suffixes else place.name
    return place.with_name(stem + readers.suffix_of(format_name))


def _require_one_target_each(jobs: Iterable[FileJob]) -> None:
    sources: dict[Path, list[Path]] = defaultdict(list)
    for job in jobs:
        sources[job.target].append(job.source)
    twice = [f"{target}: {' and '.join(map(str, same))}" for target, same in sources.items() if len(same) > 1]
    if twice:
        raise DataError(
            f"{len(twice)} outputs would be written by more than one input:\n{bullets(twice)}\n"
            "Rename inputs, or translate into one folder each. Nothing was translated."
        )


def _require_inputs_untouched(jobs: Sequence[FileJob]) -> None:
    sources = {job.source.resolve() for job in jobs}
    replaced = [str(job.target) for job in jobs if job.target.resolve() in sources]
    if replaced:
        raise DataError(
            f"{len(replaced)} outputs would replace inputs:\n{bullets(replaced)}\n"
            "Pick another -o. Nothing was translated."
        )


def _require_new(jobs: Iterable[FileJob]) -> None:
    existing = [str(job.target) for job in jobs if job.target.exists() or job.target.is_symlink()]
    if existing:
        raise DataError(
            f"{len(existing)} outputs exist already:\n{bullets(existing)}\n"
            "Pick another -o, or replace them with --force. Nothing was translated."
        )
