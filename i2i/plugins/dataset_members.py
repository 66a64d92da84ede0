"""What a data set may tell beyond :class:`~i2i.plugins.protocols.Dataset`, and what holds for one that does not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from i2i.plugins.calls import calling
from i2i.plugins.directions import Domain
from i2i.plugins.protocols import Dataset


def notes_of(*datasets: Dataset) -> list[str]:
    """Sentences for the person who uses the data: the member ``notes``; none without it."""
    notes = []
    for dataset in datasets:
        with calling(dataset, "asking the data set for its notes"):
            notes += [str(note) for note in getattr(dataset, "notes", ())]
    return notes


def news_of(dataset: Dataset) -> list[str]:
    """Sentences on what reading samples showed since the last time: the member ``take_news``; none without it."""
    take = getattr(dataset, "take_news", None)
    if take is None:
        return []
    with calling(dataset, "asking the data set what it found"):
        return [str(text) for text in take()]


def sizes_of(dataset: Dataset) -> Iterable[tuple[int, int]] | None:
    """Every (height, width) of the samples: the member ``sizes``; ``None`` without it, and samples are looked at."""
    with calling(dataset, "asking the data set for its sizes"):
        sizes = getattr(dataset, "sizes", None)
        return None if sizes is None else [(int(height), int(width)) for height, width in sizes]


def image_names_of(dataset: Dataset) -> Mapping[str, Sequence[str]]:
    """The sorted names of all images of ``"A"`` and ``"B"``: the member ``names``; empty without it."""
    with calling(dataset, "asking the data set for its names"):
        return {domain: sorted(names) for domain, names in getattr(dataset, "names", {}).items()}


DOMAINS: tuple[Domain, Domain] = ("A", "B")


class ListedPicture(NamedTuple):
    """A picture of a data set: what ``i2i data check`` looks at.

    Attributes:
        name: within its domain and split.
        path: its file.
        half: ``"left"`` or ``"right"``, where it is one half of a side-by-side file; else empty.
    """

    name: str
    path: Path
    half: str = ""


def pictures_of(dataset: Dataset) -> Mapping[Domain, Sequence[ListedPicture]] | None:
    """The files of ``"A"`` and ``"B"``: the member ``pictures``; ``None`` without it."""
    with calling(dataset, "asking the data set for its files"):
        found = getattr(dataset, "pictures", None)
        if found is None:
            return None
        return {domain: [ListedPicture(str(n), Path(p), str(h)) for n, p, h in found[domain]] for domain in DOMAINS}


def paired_names_of(dataset: Dataset) -> Collection[str]:
    """Names that mean a true pair where both domains have them: the member ``paired_names``; none without it."""
    with calling(dataset, "asking the data set which names are pairs"):
        return frozenset(str(name) for name in getattr(dataset, "paired_names", ()))


def leaks_of(dataset: Dataset) -> Sequence[str]:
    """Sentences on held-out images that training images give away, by their names: the member ``leaks``."""
    with calling(dataset, "asking the data set for its leaks"):
        return [str(leak) for leak in getattr(dataset, "leaks", ())]


def held_out_by(dataset: Dataset) -> str:
    """What decided which images are held out, as in "held out by ...": the member ``held_out_by``; empty without it."""
    with calling(dataset, "asking the data set what its images are held out by"):
        return str(getattr(dataset, "held_out_by", ""))


def settled_options_of(dataset: Dataset) -> Mapping[str, Any]:
    """The options that the training images decided, by name: the member ``settled``; empty without it."""
    with calling(dataset, "asking the data set for what its images decided"):
        return dict(getattr(dataset, "settled", {}))


def values_of(dataset: Dataset) -> Mapping[str, Any]:
    """What the values of ``"A"`` and ``"B"`` are in the files: the member ``values``; ``None`` for pictures.

    Each holds ``range``, the values that are -1 and 1, and ``type``, by numpy's name; ``opacity`` is true where the
    last channel is that, and the others are multiplied by it.
    """
    with calling(dataset, "asking the data set for the values of its files"):
        values = getattr(dataset, "values", {})
        return {domain: values.get(domain) for domain in ("A", "B")}
