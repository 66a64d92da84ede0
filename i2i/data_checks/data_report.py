"""Everything that a look at a data set finds, before any training. No torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles
from typing import Any, Literal

from i2i.data_checks.cues import find_cues
from i2i.data_checks.duplicates import find_twins
from i2i.data_checks.findings import (
    Finding,
    PairShift,
    Weight,
    of_both_domains,
    of_odd_pictures,
    of_shifts,
    of_twins,
)
from i2i.data_checks.picture_facts import Look, PictureFacts, Place, look_at
from i2i.data_checks.shifts import shift_between
from i2i.errors import DataError, amount
from i2i.images.finding import bullets
from i2i.images.readers import Readers
from i2i.images.unusable import UnusableImageError
from i2i.plugins.dataset_members import (
    DOMAINS,
    held_out_by,
    leaks_of,
    notes_of,
    paired_names_of,
    pictures_of,
)
from i2i.plugins.protocols import Dataset
from i2i.progress import counted

SPLITS: tuple[Literal["train"], Literal["test"]] = ("train", "test")
UNBALANCED = 4
"""How many times as many images a domain has as the other, from which it is told."""


@dataclass(frozen=True)
class DataReport:
    """What was found.

    Attributes:
        root: the data, as they were named.
        domains: readable names of A and B.
        held_out_by: what decided which images are held out.
        counts: images by split and domain.
        shifts: of all pairs, how B lies on A; None where that cannot be told.
        findings: the gravest first.
        pictures: what is known of each image that can be read.
    """

    root: str
    domains: tuple[str, str]
    held_out_by: str
    counts: Mapping[str, Mapping[str, int]]
    shifts: tuple[PairShift, ...]
    findings: tuple[Finding, ...]
    pictures: tuple[PictureFacts, ...]

    @property
    def spoils(self) -> bool:
        """Whether anything spoils what will be measured."""
        return any(finding.weight == "error" for finding in self.findings)

    @property
    def warns(self) -> bool:
        """Whether there is anything that is more than a note."""
        return any(finding.weight != "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        known = [each.shift for each in self.shifts if each.shift is not None]
        return {
            "root": self.root,
            "domains": list(self.domains),
            "held_out_by": self.held_out_by,
            "counts": {split: dict(counts) for split, counts in self.counts.items()},
            "spoils": self.spoils,
            "findings": [finding.to_dict() for finding in self.findings],
            "shifts": {
                "pairs": len(self.shifts),
                "measured": len(known),
                "right": _quartiles([each.right for each in known]),
                "down": _quartiles([each.down for each in known]),
            },
        }


def examine(
    root: str, splits: Mapping[str, Dataset], readers: Readers, *, paired: bool, max_pixels: int, skipped: Sequence[str]
) -> DataReport:
    """Look at every image of a data set.

    Args:
        root: the data, as they were named.
        splits: the data set's ``"train"`` and ``"test"``; it must list its ``pictures``.
        readers: the formats of image files.
        paired: whether training takes pairs.
        max_pixels: images with more are refused.
        skipped: what cannot be used, each file with its reason.

    Raises:
        DataError: the data set does not list its files.
    """
    train = splits["train"]
    names = (train.domains["A"], train.domains["B"])
    places, pairs = _places(root, splits)
    looks = _look_at_all(places, pairs, readers, max_pixels)
    by_domain = {domain: [each for each in looks.pictures if each.place.domain == domain] for domain in DOMAINS}
    findings = [*_of_names(train), *_of_bad_files([*skipped, *looks.bad])]
    for domain, name in zip(DOMAINS, names, strict=True):
        findings += of_twins(name, find_twins(by_domain[domain]))
        findings += of_odd_pictures(name, by_domain[domain])
    findings += of_both_domains(looks.pictures, names)
    findings += of_shifts(looks.shifts)
    if not paired:
        findings += find_cues(by_domain["A"], by_domain["B"], names)
        findings += _balance([len(by_domain[domain]) for domain in DOMAINS], names)
    leaks = leaks_of(train)
    notes = [note for note in notes_of(*splits.values()) if note not in leaks and "i2i data check" not in note]
    findings += [Finding("told", "note", note) for note in notes]
    counts = Counter((place.split, place.domain) for place in places)
    return DataReport(
        root=root,
        domains=names,
        held_out_by=held_out_by(train),
        counts={split: {domain: counts[split, domain] for domain in DOMAINS} for split in SPLITS},
        shifts=tuple(looks.shifts),
        findings=tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.weight))),
        pictures=tuple(looks.pictures),
    )


_ORDER: tuple[Weight, ...] = ("error", "warning", "note")


def _places(root: str, splits: Mapping[str, Dataset]) -> tuple[list[Place], list[tuple[Place, Place]]]:
    """Every picture, and the pairs among them."""
    places, pairs = [], []
    for split in SPLITS:
        found = pictures_of(splits[split])
        if found is None:
            raise DataError(
                f"{root}: its data set does not list its files, which a check looks at; i2i run --dry-run says what it "
                "says of itself"
            )
        own = {domain: [Place(split, domain, picture) for picture in found[domain]] for domain in DOMAINS}
        places += [*own["A"], *own["B"]]
        paired = paired_names_of(splits[split])
        of_b = {place.picture.name: place for place in own["B"]}
        pairs += [(a, of_b[a.picture.name]) for a in own["A"] if a.picture.name in paired and a.picture.name in of_b]
    return places, pairs


@dataclass
class _Looks:
    pictures: list[PictureFacts] = field(default_factory=list)
    shifts: list[PairShift] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def _look_at_all(
    places: Sequence[Place], pairs: Sequence[tuple[Place, Place]], readers: Readers, max_pixels: int
) -> _Looks:
    """Look at each picture once, at the two of a pair together, in threads: decoders and numpy let others run."""
    in_pairs = {place for pair in pairs for place in pair}
    work: list[tuple[Place, ...]] = [*pairs, *((place,) for place in places if place not in in_pairs)]
    found = _Looks()
    pool = ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
    try:
        looks = pool.map(partial(_look_at_some, readers=readers, max_pixels=max_pixels), work)
        for pictures, shift, bad in counted(looks, "looking at images", len(work)):
            found.pictures += pictures
            found.shifts += shift
            found.bad += bad
    finally:  # Ctrl-C waits for the files at hand, not for all of them
        pool.shutdown(cancel_futures=True)
    return found


def _look_at_some(
    places: tuple[Place, ...], readers: Readers, max_pixels: int
) -> tuple[list[PictureFacts], list[PairShift], list[str]]:
    looks, bad = [], []
    for place in places:
        look = _tried(place, readers, max_pixels)
        if isinstance(look, str):
            bad.append(f"{place}: {look}")
        else:
            looks.append(look)
    shifts = []
    if len(looks) == 2:
        a, b = looks
        shifts.append(PairShift(a.facts.place, b.facts.place, shift_between(a.grey, b.grey, a.facts.size[0])))
    return [look.facts for look in looks], shifts, bad


def _tried(place: Place, readers: Readers, max_pixels: int) -> Look | str:
    """The picture, or why it cannot be read."""
    try:
        return look_at(place, readers, max_pixels)
    except (UnusableImageError, ValueError) as error:
        return str(error)


def _of_names(train: Dataset) -> Iterator[Finding]:
    for leak in leaks_of(train):
        text, _, rest = leak.partition(": what is measured")
        yield Finding("names", "error", text, f"set {rest.partition('Set ')[2].rstrip('.')}" if "Set " in rest else "")


def _of_bad_files(bad: Sequence[str]) -> Iterator[Finding]:
    if bad:
        text = f"{amount(len(bad), 'file')} cannot be used:\n{bullets(bad)}"
        yield Finding("unusable", "warning", text, "repair or remove them, or leave them out with --skip-bad")


def _balance(counts: Sequence[int], names: tuple[str, str]) -> Iterator[Finding]:
    few, many = sorted(zip(counts, names, strict=True))
    if few[0] and many[0] >= UNBALANCED * few[0]:
        yield Finding(
            "unbalanced",
            "warning",
            f"{many[1]} has {many[0]} images, {few[1]} has {few[0]}: an epoch shows each image of {few[1]} "
            f"{many[0] / few[0]:.0f} times",
            f"add images to {few[1]}, or the discriminator learns them by heart (--augment diffaugment helps)",
        )


def _quartiles(values: Sequence[float]) -> list[float] | None:
    """The least, the three quartiles and the greatest."""
    if len(values) < 2:
        return None
    return [round(each, 3) for each in (min(values), *quantiles(values, n=4, method="inclusive"), max(values))]
