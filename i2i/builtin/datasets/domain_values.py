"""What the values of a domain's files mean: pictures for the eye, or samples in units of their own. No torch.

A domain is of pictures with opacity where its channels are 2 or 4, its range and type are left open, and a file has
one. It is of pictures where its range is ``auto`` or ``type``, its channels are 1 or 3, and all its files are
pictures; then every file is read as a viewer shows it. Else it is of samples: its files have the channels that are
asked for, and the range says which values are -1 and 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from i2i.builtin.datasets import FolderOptions
from i2i.errors import DataError
from i2i.images import opacity
from i2i.images.finding import bullets
from i2i.images.readers import Readers
from i2i.images.value_range import TYPES, ValueRange
from i2i.plugins.directions import Domain

PICTURE_CHANNELS = (1, 3)
PERCENTILES = (0.1, 99.9)
MOST_KEPT = 4096
"""Values of a file that are kept for percentiles."""


@dataclass(frozen=True)
class SampleFacts:
    """What decoding a file of samples showed.

    Attributes:
        channels: of its pixels.
        type: of its values, by numpy's name.
        least: the smallest value.
        most: the largest.
        some: up to ``MOST_KEPT`` of its values, evenly spaced; none where nobody asks for percentiles.
    """

    channels: int
    type: str
    least: float
    most: float
    some: npt.NDArray[Any]


def facts_of(samples: npt.NDArray[Any], *, keep_some: bool = True) -> SampleFacts:
    """Look at every value of ``[H, W, C]``, and keep some of them on request.

    Raises:
        ValueError: one is NaN or infinite.
    """
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise ValueError("it holds NaN or infinity, which lie in no range; replace them")
    step = max(1, samples.size // MOST_KEPT)
    kind = samples.dtype.name
    some = samples.reshape(-1)[::step].copy() if keep_some else np.empty(0, samples.dtype)
    return SampleFacts(samples.shape[2], kind, float(samples.min()), float(samples.max()), some)


@dataclass(frozen=True)
class DomainValues:
    """How a domain's files are read.

    Attributes:
        channels: of its images.
        range: the values that are -1 and 1, in units of the files; ``None``: they are pictures.
        type: of the values, by numpy's name; empty for pictures.
        opacity: whether the last channel is opacity, see :mod:`~i2i.images.opacity`.
        notes: what a person should know about it.
    """

    channels: int
    range: ValueRange | None = None
    type: str = ""
    opacity: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any] | None:
        """Plain values for a checkpoint; ``None`` for pictures."""
        if self.range is None:
            return None
        found = {"range": [self.range.low, self.range.high], "type": self.type}
        return found | {"opacity": True} if self.opacity else found


@dataclass(frozen=True)
class Wanted:
    """What the options say of a domain, and its files.

    Attributes:
        domain: before ``direction`` swaps the two.
        called: what a person calls it: its letter, unless it was named.
        channels: how many, or ``auto``.
        range: ``auto``, ``type``, ``percentile`` or ``LOW:HIGH``.
        type: numpy's name, or ``auto``.
        opacity: whether the last channel is opacity, or ``auto``.
        train: the files that decide what is left open; none in the test split.
        test: the files that are held out.
    """

    domain: Domain
    called: str
    channels: int | Literal["auto"]
    range: str
    type: str
    opacity: bool | Literal["auto"]
    train: tuple[Path, ...]
    test: tuple[Path, ...]

    @classmethod
    def of(cls, options: FolderOptions, domain: Domain, train: Iterable[Path], test: Iterable[Path]) -> Wanted:
        """What the options of the data set say."""
        names = ("channels", "range", "type", "opacity")
        channels, values, kind, opacity = (getattr(options, f"{name}_{domain}") for name in names)
        called = getattr(options, f"name_{domain}") or domain
        return cls(
            domain, called, channels, values, kind, opacity, tuple(dict.fromkeys(train)), tuple(dict.fromkeys(test))
        )

    @property
    def paths(self) -> frozenset[Path]:
        """All files."""
        return frozenset((*self.train, *self.test))

    @property
    def may_have_opacity(self) -> bool:
        """Whether the last channel is opacity if files have one."""
        is_open = self.range in ("auto", "type") and self.type == "auto"
        return self.channels in opacity.CHANNELS and (self.opacity is True or (self.opacity == "auto" and is_open))

    @property
    def asks_for_samples(self) -> bool:
        """Whether files are samples whatever they are."""
        pictures = self.channels in (*PICTURE_CHANNELS, "auto") and self.range in ("auto", "type")
        return not pictures or self.type != "auto"

    def odd_ones(
        self, grey: Mapping[Path, bool], samples: Mapping[Path, SampleFacts], transparent: Collection[Path]
    ) -> dict[Path, str]:
        """The files that are no pictures where others are, and nobody says how all of them are read: each with why."""
        if self.has_opacity(transparent):
            why = f"is no picture, as the others of {self.called} are; convert it, or set "
            why += f"data.opacity_{self.domain}=false"
            pictures = ("uint8", 1), ("uint8", 3)
            odd = {path: samples[path] for path in self.paths & samples.keys()}
            return {
                path: f"{_described(facts)} {why}"
                for path, facts in odd.items()
                if (facts.type, facts.channels) not in pictures
            }
        if self.asks_for_samples or not self.paths & grey.keys():
            return {}
        why = (
            f"is no picture, as the others of {self.called} are; convert it, or say how all are read, with "
            f"data.channels_{self.domain} and data.range_{self.domain}=LOW:HIGH"
        )
        return {path: f"{_described(samples[path])} {why}" for path in self.paths & samples.keys()}

    def has_opacity(self, transparent: Collection[Path]) -> bool:
        """Whether the last channel is opacity, where these of all files have one."""
        return self.may_have_opacity and (self.opacity is True or any(path in transparent for path in self.paths))

    def decided(
        self, grey: Mapping[Path, bool], samples: Mapping[Path, SampleFacts], transparent: Collection[Path]
    ) -> DomainValues:
        """How the files are read, of those that can be used.

        Args:
            grey: whether it is grey, of each that is a picture.
            samples: what was found in each of the others.
            transparent: the files that have opacity.

        Raises:
            DataError: the files have other channels, or several numbers of them; or no range can be found.
        """
        if self.has_opacity(transparent):
            assert isinstance(self.channels, int)
            told = (
                f"{self.called}: {'grey' if self.channels == 2 else 'RGB'} and opacity, by which colours are multiplied"
            )
            return DomainValues(self.channels, ValueRange(*opacity.RANGE), opacity.TYPE, True, (told,))
        train, test = ([(path, samples[path]) for path in part if path in samples] for part in (self.train, self.test))
        if train or test:
            return _of_samples(self, train, test)
        if self.channels == "auto":
            are_grey = [is_grey for path, is_grey in grey.items() if path in self.paths]
            return DomainValues(1 if are_grey and all(are_grey) else 3)
        return DomainValues(self.channels)


def written_as_read(wanted: Wanted, found: DomainValues, readers: Readers, *, is_target: bool) -> DomainValues:
    """Look whether translations into a domain can be files like its own.

    Args:
        wanted: what the options say of it.
        found: how its files are read.
        readers: the formats of images.
        is_target: whether every method translates into it; into the other domain only some do.

    Returns:
        The same, with a note where such files cannot hold them.

    Raises:
        DataError: they cannot, nobody chose the type, and another one would do.
    """
    if found.range is None:
        return found
    names = dict.fromkeys(filter(None, (readers.format_of(path) for path in sorted(wanted.paths))))
    for name in names:
        if readers.holds(name, found.channels, found.type):
            continue
        held = [kind for kind in TYPES if readers.holds(name, found.channels, kind)]
        roomy = [kind for kind in held if np.dtype(kind).kind == "f" or _has_room(kind, found.range)]
        kind = f"{_counted(found.channels)} of {found.type}"
        told = f"translations into {wanted.called} are {kind}, which {name} files, as its images are, do not hold"
        option = f"data.type_{wanted.domain}"
        if is_target and roomy and wanted.type == "auto":
            raise DataError(
                f"{told}: set {option}={roomy[0]}, which holds {found.range}; or {option}={found.type}, and translate "
                "with --format"
            )
        cure = f"set {option}={roomy[0]}, or translate with --format" if roomy else "translate with --format"
        return replace(found, notes=(*found.notes, f"{told}; {cure}"))
    return found


def _has_room(kind: str, values: ValueRange) -> bool:
    bounds = np.iinfo(kind)
    return bounds.min <= values.low and values.high <= bounds.max


def settled(options: FolderOptions, values: Mapping[Domain, DomainValues]) -> dict[str, Any]:
    """The options that the files decided, by name."""
    found: dict[str, Any] = {}
    for domain, each in values.items():
        found[f"channels_{domain}"] = each.channels
        if each.range is not None:
            found |= {f"range_{domain}": str(each.range), f"type_{domain}": each.type}
        if each.opacity:
            found[f"opacity_{domain}"] = True
    return {name: value for name, value in found.items() if getattr(options, name) != value}


def _of_samples(
    wanted: Wanted, train: Sequence[tuple[Path, SampleFacts]], test: Sequence[tuple[Path, SampleFacts]]
) -> DomainValues:
    """What is left open is decided by the training images."""
    channels = _channels(wanted, [*train, *test])
    kinds = sorted({facts.type for _, facts in (*train, *test)})
    kind = wanted.type if wanted.type != "auto" else kinds[0] if len(kinds) == 1 else "float32"
    values = _range(wanted, kinds, [facts for _, facts in train])
    outside = sum(not values.holds(facts.least, facts.most) for _, facts in (*train, *test))
    notes = [
        f"{wanted.called}: {_counted(channels)} of {' and '.join(kinds)}; {values.low:g} to {values.high:g} are -1 to 1"
    ]
    if outside:
        notes.append(
            f"{outside} of {len(train) + len(test)} images of {wanted.called} have values outside {values}, which are "
            f"cut to it (data.range_{wanted.domain})"
        )
    return DomainValues(channels, values, kind, notes=tuple(notes))


def _described(facts: SampleFacts) -> str:
    return f"{_counted(facts.channels)} of {facts.type}"


def _counted(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def _channels(wanted: Wanted, files: Sequence[tuple[Path, SampleFacts]]) -> int:
    found = sorted({facts.channels for _, facts in files})
    option = f"data.channels_{wanted.domain}"
    if wanted.channels == "auto":
        if len(found) > 1:
            raise DataError(
                f"the images of {wanted.called} have different numbers of channels ({', '.join(map(str, found))}); "
                "give all of them the same"
            )
        return found[0]
    others = [f"{path}: {facts.channels}" for path, facts in files if facts.channels != wanted.channels]
    if others:
        raise DataError(
            f"{len(others)} of {len(files)} images of {wanted.called} do not have {wanted.channels} channels "
            f"({option}):\n{bullets(others)}\nSet {option} to what they have, or to auto."
        )
    return wanted.channels


def _range(wanted: Wanted, kinds: Sequence[str], train: Sequence[SampleFacts]) -> ValueRange:
    option = f"data.range_{wanted.domain}"
    if wanted.range not in ("auto", "type", "percentile"):
        return ValueRange.parse(wanted.range)
    if len(kinds) > 1:
        raise DataError(
            f"the images of {wanted.called} are of several types ({', '.join(kinds)}): set {option}=LOW:HIGH, in the "
            "units of the files"
        )
    if wanted.range == "type" or (wanted.range == "auto" and kinds == ["uint8"]):
        return ValueRange.of_type(kinds[0])
    if not train:
        raise DataError(
            f"which values of {wanted.called} are -1 and 1 is decided by training images, and there are none here: set "
            f"{option}=LOW:HIGH, in the units of the files"
        )
    if wanted.range == "percentile":
        low, high = (
            float(found) for found in np.percentile(np.concatenate([each.some for each in train]), PERCENTILES)
        )
    else:
        low, high = min(each.least for each in train), max(each.most for each in train)
    if not low < high:
        raise DataError(
            f"all values of the training images of {wanted.called} are {low:g}: set {option}=LOW:HIGH, in the units of "
            "the files"
        )
    return ValueRange(low, high)
