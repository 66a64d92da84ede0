"""What to translate into what: files, folders and patterns become pairs of an input and an output. No torch."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2i.errors import ConfigError, DataError
from i2i.images.finding import bullets, walk
from i2i.images.reading import FORMAT_OF_SUFFIX
from i2i.images.writing import SUFFIX_OF_FORMAT


@dataclass(frozen=True)
class Job:
    """One file to translate.

    Attributes:
        source: the input.
        target: the output.
        format_name: Pillow's name of the output's format; ``None`` keeps the input's, whatever it turns out to be.
    """

    source: Path
    target: Path
    format_name: str | None


@dataclass(frozen=True)
class Plan:
    """All files to translate.

    Attributes:
        jobs: in the order of the inputs, and by name within a folder or pattern; no two have one target.
        ignored: files in folders and patterns that are no images by their suffix.
    """

    jobs: tuple[Job, ...]
    ignored: tuple[Path, ...]


@dataclass(frozen=True)
class _Found:
    """A file, the path that its output has below the output folder, and whether it was given by its own name."""

    source: Path
    place: Path
    named: bool = False


def make_plan(inputs: Sequence[str], out: Path, *, format_name: str | None = None, force: bool = False) -> Plan:
    """Decide which file is translated into which; nothing is written.

    Args:
        inputs: files; folders, whose images are taken with those of their sub-folders; and patterns such as
            ``photos/*.png`` (``**`` for any depth), for shells and callers that do not expand them. Names are kept, and
            sub-folders below a folder or below the fixed part of a pattern. ``out`` is left out of what lies around it.
        out: a folder; or, when there is one input and it is a file, also the name of the output.
        format_name: write in this format (a key of ``SAVE_OPTIONS``), with its suffix; ``None`` keeps each input's.
        force: whether outputs that exist may be replaced.

    Raises:
        DataError: an input is missing, there is no image, two inputs have one output, or an output exists.
        ConfigError: ``out`` does not fit the inputs or the format.
    """
    found = list(dict.fromkeys(_find(inputs, out)))
    images = [item for item in found if item.named or _is_image(item.place)]
    ignored = tuple(item.source for item in found if not (item.named or _is_image(item.place)))
    if not images:
        others = f"; {len(ignored)} other files, such as {ignored[0].name}" if ignored else ""
        raise DataError(
            f"{', '.join(inputs)}: no images; expected files ending in {', '.join(FORMAT_OF_SUFFIX)}{others}"
        )
    if _is_file_name(out):
        if len(images) > 1 or not images[0].named:
            raise ConfigError(f"-o {out} names a file, but {', '.join(inputs)} may be many images; name a folder")
        chosen = FORMAT_OF_SUFFIX[out.suffix.lower()]
        if format_name not in (None, chosen):
            raise ConfigError(f"-o {out} asks for {chosen} and --format for {format_name}; leave one out")
        jobs = [Job(images[0].source, out, chosen)]
    elif out.exists() and not out.is_dir():
        raise ConfigError(f"-o {out} is a file; name a folder, or a new file ending in {', '.join(FORMAT_OF_SUFFIX)}")
    else:
        jobs = [Job(item.source, out / _with_suffix(item.place, format_name), format_name) for item in images]
    _require_one_target_each(jobs)
    _require_inputs_untouched(jobs)
    if not force:
        _require_new(jobs)
    return Plan(tuple(jobs), ignored)


def _find(inputs: Sequence[str], out: Path) -> Iterator[_Found]:
    missing = []
    for text in inputs:
        path = Path(text).expanduser()
        if path.is_dir():
            yield from _without(_below(path, Path()), path, out)
        elif path.exists() or path.is_symlink():
            yield _Found(path, Path(path.name), named=True)
        elif glob.has_magic(text):
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  (Path.glob: no absolute ones)
            fixed = _fixed_part(path)
            yield from _without(_matched(matches, fixed), fixed, out)
            missing += [] if matches else [f"{text} (a pattern that nothing matches)"]
        else:
            missing.append(text)
    if missing:
        raise DataError(f"there is no such file or folder:\n{bullets(missing)}\nNothing was translated.")


def _below(folder: Path, place: Path) -> Iterator[_Found]:
    for path in walk(folder):
        yield _Found(path, place / path.relative_to(folder))


def _matched(matches: Iterable[str], fixed: Path) -> Iterator[_Found]:
    for match in map(Path, matches):
        place = match.relative_to(fixed)
        if match.is_dir():
            yield from _below(match, place)
        else:
            yield _Found(match, place)


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


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in FORMAT_OF_SUFFIX


def _is_file_name(out: Path) -> bool:
    return _is_image(out) and not out.is_dir()


def _with_suffix(place: Path, format_name: str | None) -> Path:
    if format_name is None or FORMAT_OF_SUFFIX.get(place.suffix.lower()) == format_name:
        return place
    stem = place.stem if _is_image(place) else place.name
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
