"""What looking at the files before training showed: what cannot be used, does not fit, or may surprise. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from i2i._version import __version__
from i2i.builtin.datasets.domain_values import SampleFacts, Wanted
from i2i.builtin.datasets.kept_check import KeptCheck
from i2i.builtin.datasets.layout import Layout, Picture
from i2i.builtin.datasets.looking import Looking
from i2i.builtin.datasets.preprocess import Geometry, Size
from i2i.errors import DataError, amount
from i2i.images.finding import bullets
from i2i.images.levels import Levels
from i2i.images.limits import Color
from i2i.images.readers import Readers


@dataclass(frozen=True)
class BadFile:
    """A file that cannot be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Inspection:
    """What looking at every file showed.

    Attributes:
        sizes: ``(width, height)`` of each good picture, upright; of a half, the half's.
        bad: the files that cannot be used, ordered by path.
        reduced: how many files hold 16-bit colours, read as 8 bits.
        levels: the smallest and largest value of each good file that is a picture and was decoded.
        grey: whether each of these is grey.
        profiles: the colour profile of each good picture, by name; empty without one, and where it is applied.
        samples: what was found in the good files of samples.
        transparent: the good files that have opacity, of those in which it counts.
        notes: what was left out of files, or assumed of them, and of how many.
        unread: files of which the header alone was read.
    """

    sizes: dict[Picture, Size]
    bad: tuple[BadFile, ...]
    reduced: int
    levels: dict[Picture, Levels]
    grey: dict[Path, bool]
    profiles: dict[Path, str]
    samples: dict[Path, SampleFacts]
    transparent: frozenset[Path]
    notes: Counter[str]
    unread: int = 0

    def without(self, reasons: Mapping[Path, str]) -> Inspection:
        """The same, less some files, for reasons."""
        bad = [*self.bad, *(BadFile(path, reason) for path, reason in reasons.items())]
        return replace(
            self,
            sizes={picture: size for picture, size in self.sizes.items() if picture.path not in reasons},
            bad=tuple(sorted(bad, key=lambda each: each.path)),
            samples={path: facts for path, facts in self.samples.items() if path not in reasons},
        )


def inspect(
    layout: Layout, pictures: Sequence[Picture], domains: Sequence[Wanted], readers: Readers, max_pixels: int
) -> Inspection:
    """Look at the files of pictures of a layout: of all, or of those that are held out.

    Args:
        layout: the pictures of both splits.
        pictures: those whose files are looked at.
        domains: what the options say of each.
        readers: the formats of image files.
        max_pixels: of a file.
    """
    looking = Looking(
        readers,
        max_pixels,
        as_samples={path for each in domains if each.asks_for_samples for path in each.paths},
        with_opacity={path for each in domains if each.may_have_opacity for path in each.paths},
        by_halves=any(picture.half for picture in pictures),
        keep_some=any(each.range == "percentile" for each in domains),
    )
    settings = [__version__, readers.identity, readers.color, str(looking.by_halves), str(looking.keep_some)]
    settings += [f"{each.asks_for_samples} {each.may_have_opacity}" for each in domains]
    kept = KeptCheck(layout.root, settings)
    held_out = [path for each in domains for path in each.test]
    trained_on = (layout.train.first, layout.train.second)
    looking.look([picture.path for picture in pictures], trained_on, held_out, kept)
    return _inspection_of(pictures, looking)


def _inspection_of(pictures: Iterable[Picture], looked: Looking) -> Inspection:
    """What looking at the files of pictures says of these."""
    good, levels, reasons = {}, {}, dict(looked.reasons)
    for picture in dict.fromkeys(pictures):
        facts = looked.found.get(picture.path)
        if facts is None:
            continue
        width, height = facts.size
        if picture.half and width % 2:
            reasons[picture.path] = f"{width} pixels wide: an odd width has no two equal halves"
            continue
        good[picture] = (width // 2, height) if picture.half else (width, height)
        if facts.levels:
            levels[picture] = facts.levels_of_half(picture.half)
    bad = tuple(BadFile(path, reasons[path]) for path in sorted(reasons))
    reduced = sum(facts.reduced for facts in looked.found.values())
    notes = Counter(note for facts in looked.found.values() for note in facts.notes)
    used = {picture.path: looked.found[picture.path] for picture in good}
    grey = {path: facts.grey for path, facts in used.items() if facts.samples is None}
    profiles = {path: facts.profile for path, facts in used.items() if facts.samples is None}
    samples = {path: facts.samples for path, facts in used.items() if facts.samples is not None}
    transparent = frozenset(path for path, facts in used.items() if facts.transparent)
    return Inspection(good, bad, reduced, levels, grey, profiles, samples, transparent, notes, looked.unread)


def require_no_bad_files(bad: tuple[BadFile, ...], total: int) -> None:
    """Raise a DataError that lists the bad files, if there are any."""
    if bad:
        raise DataError(
            f"{len(bad)} of {total} image files cannot be used:\n{bullets(map(str, bad))}\n"
            "Repair or remove them, or leave them out with data.skip_bad=true (i2i run: --skip-bad)."
        )


def require_room_for_crop(sizes: dict[Picture, Size], geometry: Geometry) -> None:
    """Raise a DataError that lists the pictures which the crop does not fit in, if there are any."""
    small = [
        f"{picture.path}: {_text(size)}" + (f", {_text(resized)} after the resize" if resized != size else "")
        for picture, size in sizes.items()
        if not geometry.fits(size)
        for resized in [geometry.resized(size)]
    ]
    if small:
        images = amount(len(small), "image")
        raise DataError(
            f"a crop of {_text((geometry.crop, geometry.crop))} (image_size) does not fit in {images} (width x height, "
            f"mode {geometry.mode}):\n{bullets(small)}\n"
            "Make image_size smaller, or use mode resize_and_crop, which enlarges them."
        )


def require_equal_sizes(
    pairs: Iterable[tuple[Picture, Picture]], sizes: dict[Picture, Size], geometry: Geometry
) -> None:
    """Raise a DataError that lists the pairs whose two images would not lie on each other, if there are any."""
    different = [
        f"{first.path}: {_text(sizes[first])}, but {second.path}: {_text(sizes[second])}"
        for first, second in pairs
        if geometry.resized(sizes[first]) != geometry.resized(sizes[second])
    ]
    if different:
        pairs_have = amount(len(different), "pair has", "pairs have")
        raise DataError(
            f"{pairs_have} two sizes (width x height), which mode {geometry.mode} does not make equal:\n"
            f"{bullets(different)}\nMake them equal, or use mode resize_and_crop."
        )


def describe_resizes(sizes: dict[Picture, Size], geometry: Geometry) -> list[str]:
    """Return notes on resizes that a person may not expect: any of mode ``none``; stretching in the others, and
    enlarging beyond what a random crop needs.
    """
    return [*_describe_enlarging(sizes, geometry), *_describe_changes(sizes, geometry)]


def describe_colours(
    domains: tuple[str, str], pictures: Sequence[Iterable[Picture]], inspection: Inspection, color: Color
) -> list[str]:
    """Return notes on pictures whose numbers mean different colours, and on values, which have none."""
    if color == "srgb":
        values = [name for name, part in zip(domains, pictures, strict=True) if _are_values(part, inspection)]
        return [f"data.color=srgb is for pictures: the values of {name} are read as they stand" for name in values]
    found = [
        Counter(inspection.profiles[each.path] for each in part if each.path in inspection.profiles)
        for part in pictures
    ]
    if len(set().union(*found)) < 2:
        return []
    told = [
        f"{name} has " + ", ".join(f"{profile or 'sRGB or none'} in {count}" for profile, count in counts.most_common())
        for name, counts in zip(domains, found, strict=True)
        if counts
    ]
    return [
        f"colour profiles differ: {'; '.join(told)}. The same numbers mean different colours there, and count as they "
        "stand: data.color=srgb applies the profiles"
    ]


def _are_values(pictures: Iterable[Picture], inspection: Inspection) -> bool:
    return any(each.path in inspection.samples for each in pictures)


def _describe_enlarging(sizes: dict[Picture, Size], geometry: Geometry) -> list[str]:
    """Of images that are smaller than the crop: what is learnt of them has no more detail than they have."""
    if geometry.mode == "none":
        return []
    small = Counter(size for size in sizes.values() if min(size) < geometry.crop and geometry.resized(size) != size)
    if not small:
        return []
    listed = ", ".join(f"{count} of {_text(size)}" for size, count in small.most_common(3))
    more = f", and {len(small) - 3} other sizes" if len(small) > 3 else ""
    return [
        f"{sum(small.values())} of {len(sizes)} images are smaller than the crops of {geometry.crop} (image_size) and "
        f"are enlarged, which adds no detail: {listed}{more}; a smaller --image-size trains faster on the same"
    ]


def _describe_changes(sizes: dict[Picture, Size], geometry: Geometry) -> list[str]:
    changes = Counter(
        (size, geometry.resized(size))
        for size in sizes.values()
        if (geometry.resized(size) != size if geometry.mode == "none" else geometry.changes_aspect(size))
    )
    if not changes:
        return []
    shown = ", ".join(f"{count} from {_text(old)} to {_text(new)}" for (old, new), count in changes.most_common(3))
    more = f", and {len(changes) - 3} other sizes" if len(changes) > 3 else ""
    kind = f"resized to a multiple of {geometry.round_to}" if geometry.mode == "none" else "stretched to another aspect"
    return [f"{sum(changes.values())} of {len(sizes)} images are {kind} (mode {geometry.mode}): {shown}{more}"]


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
