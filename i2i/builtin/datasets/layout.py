"""Recognising how a folder is laid out, and which of its pictures belong to training and to test. No torch."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.holding_out import HoldingOut, check_held_out, hold_out
from i2i.builtin.datasets.scan import Scan, scan
from i2i.builtin.datasets.wrong_layout import explain_missing_folder, explain_wrong_layout
from i2i.errors import ConfigError, DataError, amount, did_you_mean, printable
from i2i.images.finding import LeftOut, bullets, is_clutter
from i2i.paths import named
from i2i.plugins.specs import SAMPLE_PREFIX

SAMPLE_STYLES = ("line", "flat", "3d")

Half = Literal["", "left", "right"]


@dataclass(frozen=True)
class Picture:
    """One image of a domain: a file, or one half of a side-by-side file.

    Attributes:
        stem: its name, unique within the domain.
        path: the file.
        half: which half of the file; ``""`` for all of it.
    """

    stem: str
    path: Path
    half: Half = ""


@dataclass(frozen=True)
class Split:
    """The pictures of both domains, each in the order of the stems; with pairs, item by item."""

    first: tuple[Picture, ...]
    second: tuple[Picture, ...]


@dataclass(frozen=True)
class Layout:
    """What a folder was recognised as.

    Attributes:
        root: the folder as the person named it.
        domains: readable names of the first and the second domain.
        train: pictures for training.
        test: pictures held out.
        ignored: files in the domains' folders that are not images.
        notes: what a person should know about the choice made.
        held_out_by: what decided which images are held out, and what is wrong with that as far as names tell.
        leaks: of the notes those which say that training images give held-out ones away.
    """

    root: str
    domains: tuple[str, str]
    train: Split
    test: Split
    ignored: tuple[Path, ...]
    notes: tuple[str, ...]
    held_out_by: str = ""
    leaks: tuple[str, ...] = ()


def find_layout(root: str, options: FolderOptions, suffixes: Collection[str]) -> Layout:
    """Recognise a folder, or ``sample:X-Y``.

    Args:
        root: a folder, or a sample.
        options: of the data set.
        suffixes: those of images, in lower case.

    Raises:
        ConfigError: when there is no such sample.
        DataError: when the folder is missing, laid out in another way, empty, or its names do not pair.
    """
    if root.startswith(SAMPLE_PREFIX):
        first, second = _sample_folders(root)
        return _from_two_folders(root, (first, second), None, (first.name, second.name), options, suffixes)
    folder = named(root)
    if not folder.is_dir():
        raise DataError(explain_missing_folder(folder))
    try:
        return _recognise(root, folder, options, suffixes)
    except PermissionError as error:
        raise DataError(f"{error.filename}: not readable ({error.strerror}); check its permissions") from error


def _recognise(root: str, folder: Path, options: FolderOptions, suffixes: Collection[str]) -> Layout:
    entries = {entry.name: entry for entry in sorted(folder.iterdir()) if not is_clutter(entry.name)}
    present = {name for name, entry in entries.items() if entry.is_dir()}
    if {"trainA", "trainB"} <= present:
        layout = _from_train_and_test(root, folder, present, options, suffixes)
        used = {"trainA", "trainB", "testA", "testB"}
    elif {"A", "B"} <= present:
        layout = _from_two_folders(root, (folder / "A", folder / "B"), None, ("A", "B"), options, suffixes)
        used = {"A", "B"}
    elif options.pairing == "paired" and "train" in present:
        layout = _from_side_by_side(root, folder / "train", folder / "test", options, suffixes)
        used = {"train", "test"}
    elif options.pairing == "paired" and any(_is_image(entry, suffixes) for entry in entries.values()):
        return _from_side_by_side(root, folder, None, options, suffixes)
    else:
        raise DataError(explain_wrong_layout(folder, suffixes, paired=options.pairing == "paired"))
    unused = [
        name for name, entry in entries.items() if name not in used and (name in present or _is_image(entry, suffixes))
    ]
    if not unused:
        return layout
    more = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
    note = printable(f"not used in {folder}: {', '.join(unused[:5])}{more}")
    return dataclasses.replace(layout, notes=(*layout.notes, note))


def _is_image(path: Path, suffixes: Collection[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.is_dir()


def _sample_folders(root: str) -> tuple[Path, Path]:
    names = [f"{first}-{second}" for first in SAMPLE_STYLES for second in SAMPLE_STYLES if first != second]
    name = root.removeprefix(SAMPLE_PREFIX)
    if name not in names:
        raise ConfigError(f"there is no sample {name!r}{did_you_mean(name, names)} (samples: {', '.join(names)})")
    emoji = Path(str(importlib.resources.files("i2i"))) / "data" / "emoji"
    first, second = name.split("-")
    return emoji / first, emoji / second


def _from_train_and_test(
    root: str, folder: Path, present: set[str], options: FolderOptions, suffixes: Collection[str]
) -> Layout:
    held_out = {"testA", "testB"} & present
    if len(held_out) == 1:
        missing = ({"testA", "testB"} - held_out).pop()
        raise DataError(
            f"{folder}: found {held_out.pop()} but no {missing}; add it, or remove both to hold out a share of the "
            "training images"
        )
    test = (folder / "testA", folder / "testB") if held_out else None
    return _from_two_folders(root, (folder / "trainA", folder / "trainB"), test, ("A", "B"), options, suffixes)


def _from_two_folders(
    root: str,
    train: tuple[Path, Path],
    test: tuple[Path, Path] | None,
    domains: tuple[str, str],
    options: FolderOptions,
    suffixes: Collection[str],
) -> Layout:
    found = [_scan_images(folder, suffixes) for folder in train]
    held_out = [_scan_images(folder, suffixes) for folder in test] if test else []
    if options.pairing == "paired":
        _require_pairs(train, found)
        if test:
            _require_pairs(test, held_out)
    notes = []
    if test:
        train_split = Split(*(_pictures(part, part.images) for part in found))
        test_split = Split(*(_pictures(part, part.images) for part in held_out))
        rule = f"the folders {test[0].name} and {test[1].name}"
        chosen = check_held_out(root, _names(*found), _names(*held_out), options, rule)
    else:
        chosen = hold_out(root, _names(*found), options)
        train_split = Split(*(_pictures(part, part.images.keys() - chosen.test) for part in found))
        test_split = Split(*(_pictures(part, part.images.keys() & chosen.test) for part in found))
        notes.append(_split_note(train_split, test_split, chosen))
    notes += chosen.notes
    ignored = tuple(path for part in (*found, *held_out) for path in part.ignored)
    notes += _left_out_of(*found, *held_out)
    return Layout(root, domains, train_split, test_split, ignored, tuple(notes), chosen.held_out_by, chosen.leaks)


def _from_side_by_side(
    root: str, train: Path, test: Path | None, options: FolderOptions, suffixes: Collection[str]
) -> Layout:
    found = _scan_images(train, suffixes)
    notes = ["side-by-side pictures: the left half is the first domain, the right half the second"]
    held_out = None
    if test and test.is_dir():
        held_out = _scan_images(test, suffixes)
        train_split, test_split = _halves(found, found.images), _halves(held_out, held_out.images)
        ignored = found.ignored + held_out.ignored
        rule = f"the folder {test.name}"
        chosen = check_held_out(root, _names(found), _names(held_out), options, rule)
    else:
        chosen = hold_out(root, _names(found), options)
        train_split, test_split = _halves(found, found.images.keys() - chosen.test), _halves(found, chosen.test)
        ignored = found.ignored
        notes.append(_split_note(train_split, test_split, chosen))
    notes += chosen.notes
    notes += _left_out_of(found, *([held_out] if held_out else []))
    domains = ("left half", "right half")
    return Layout(root, domains, train_split, test_split, ignored, tuple(notes), chosen.held_out_by, chosen.leaks)


def _left_out_of(*scans: Scan) -> Iterable[str]:
    left_out = LeftOut()
    for each in scans:
        left_out.folders += each.left_out.folders
        left_out.files += each.left_out.files
    return left_out.notes()


def _scan_images(folder: Path, suffixes: Collection[str]) -> Scan:
    found = scan(folder, suffixes)
    if found.images:
        return found
    others = sorted({path.suffix or path.name for path in found.ignored})
    seen = (
        f"found {amount(len(found.ignored), 'other file')} ({printable(', '.join(others[:5]))})"
        if others
        else "the folder is empty"
    )
    raise DataError(f"{folder}: no images; expected files ending in {', '.join(suffixes)}, {seen}")


def _pictures(found: Scan, stems: Iterable[str]) -> tuple[Picture, ...]:
    return tuple(Picture(stem, found.images[stem]) for stem in sorted(stems))


def _halves(found: Scan, stems: Iterable[str]) -> Split:
    whole = _pictures(found, stems)
    return Split(
        tuple(Picture(picture.stem, picture.path, "left") for picture in whole),
        tuple(Picture(picture.stem, picture.path, "right") for picture in whole),
    )


def _require_pairs(folders: tuple[Path, Path], found: list[Scan]) -> None:
    first, second = (part.images.keys() for part in found)
    lonely = [str(found[0].images[stem]) for stem in sorted(first - second)]
    lonely += [str(found[1].images[stem]) for stem in sorted(second - first)]
    if not lonely:
        return
    hint = ""
    if {stem.lower() for stem in first - second} & {stem.lower() for stem in second - first}:
        hint = " Some names differ only in capital letters, which count."
    raise DataError(
        f"paired training needs the same names (without suffix) in {folders[0]} and {folders[1]}; "
        f"{amount(len(lonely), 'file has', 'files have')} no partner:\n{bullets(lonely)}\n"
        f"Add the partners, remove these files, or train without pairs (--method cyclegan).{hint}"
    )


def _names(*found: Scan) -> list[Collection[str]]:
    return [part.images.keys() for part in found]


def _split_note(train: Split, test: Split, chosen: HoldingOut) -> str:
    return (
        f"no test folders: held out by {chosen.rule}: "
        f"{len(test.first)} of {len(train.first) + len(test.first)} in the first domain, "
        f"{len(test.second)} of {len(train.second) + len(test.second)} in the second"
    )
