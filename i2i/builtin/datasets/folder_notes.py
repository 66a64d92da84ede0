"""What a person should know of a folder before training on it, in sentences. No torch."""

from __future__ import annotations

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.check import Inspection
from i2i.builtin.datasets.layout import Layout, Split
from i2i.builtin.datasets.pairs import pairs_of, truths_of
from i2i.errors import amount, printable
from i2i.images.finding import bullets
from i2i.images.levels import describe_domain


def describe_files(layout: Layout, inspection: Inspection) -> list[str]:
    """Notes on files: what cannot be used, is ignored, left out or assumed, or not read yet."""
    notes = []
    if inspection.bad:
        notes.append(
            f"{amount(len(inspection.bad), 'file')} cannot be used, and left out:\n{bullets(map(str, inspection.bad))}"
        )
    if layout.ignored:
        ignored = amount(len(layout.ignored), "file is", "files are")
        notes.append(
            f"{ignored} ignored, for the suffix is not that of an image, such as {printable(str(layout.ignored[0]))}"
        )
    if inspection.reduced:
        held = amount(inspection.reduced, "image holds", "images hold")
        notes.append(f"{held} 16-bit colours, of which the upper 8 bits are read")
    if inspection.unread:
        of_all = len({picture.path for picture in inspection.sizes})
        notes.append(
            f"of {inspection.unread} of {of_all} image files only the header was read so far: whether the rest is "
            "whole shows when training comes to it"
        )
    notes += [f"{amount(count, 'image')}: {note}" for note, count in inspection.notes.most_common()]
    return notes


def describe_levels(layout: Layout, train: Split, inspection: Inspection) -> list[str]:
    """Notes on domains that use a small part of the range of their type."""
    return [
        note
        for name, pictures in zip(layout.domains, (train.first, train.second), strict=True)
        for note in describe_domain(
            name, [inspection.levels[picture] for picture in pictures if picture in inspection.levels]
        )
    ]


def describe_training(layout: Layout, train: Split, options: FolderOptions) -> list[str]:
    """Notes on the pairs among the training images."""
    if options.pairing != "partners":
        return []
    first, second = layout.domains
    count = len(pairs_of(train, options))
    held = amount(count, f"training image of {first} has its", f"training images of {first} have their")
    return [f"{held} true partner in {second}"]


def describe_test(test: Split, inspection: Inspection, options: FolderOptions) -> list[str]:
    """Notes on what held-out images can be measured by."""
    if not (test.first and test.second):
        return ["no held-out images in both domains: there is nothing to measure on"]
    if options.pairing == "paired":
        return []
    truths, pairs = len(truths_of(test, inspection, options)), len(pairs_of(test, options))
    notes = []
    if truths:
        notes.append(
            f"{amount(truths, 'held-out image shares', 'held-out images share')} a name with one of the other domain, "
            "which is taken for the truth that the translation is measured against; "
            "if equal names mean nothing here, set data.match_names=false"
        )
    if truths < pairs:
        held = amount(pairs - truths, "held-out image shares", "held-out images share")
        notes.append(f"{held} a name but not a size with one of the other domain: not taken as true pairs")
    return notes
