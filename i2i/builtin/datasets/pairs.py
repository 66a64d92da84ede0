"""Which pictures of two domains belong together, by their names. No torch."""

from __future__ import annotations

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.check import Inspection
from i2i.builtin.datasets.layout import Picture, Split
from i2i.builtin.datasets.preprocess import Geometry


def names_match(options: FolderOptions) -> bool:
    """Whether equal names mean pairs."""
    return options.pairing == "paired" or options.match_names


def pairs_of(part: Split, options: FolderOptions) -> list[tuple[Picture, Picture]]:
    """The pictures of one name, pair by pair; none where equal names mean nothing."""
    if not names_match(options):
        return []
    second = {picture.stem: picture for picture in part.second}
    return [(picture, second[picture.stem]) for picture in part.first if picture.stem in second]


def truths_of(test: Split, inspection: Inspection, options: FolderOptions) -> frozenset[str]:
    """Return the stems of the held-out pairs that lie on each other after the resize."""
    resized, sizes = Geometry.of(options, "test").resized, inspection.sizes
    return frozenset(a.stem for a, b in pairs_of(test, options) if resized(sizes[a]) == resized(sizes[b]))


def without_bad(part: Split, inspection: Inspection, options: FolderOptions) -> Split:
    """The pictures that can be used; of pairs those whose partner can be, too."""
    first, second = (
        tuple(picture for picture in pictures if picture in inspection.sizes) for pictures in (part.first, part.second)
    )
    if options.pairing == "paired":  # the partner of a bad file goes with it
        both = {picture.stem for picture in first} & {picture.stem for picture in second}
        first, second = (tuple(picture for picture in pictures if picture.stem in both) for pictures in (first, second))
    return Split(first, second)
