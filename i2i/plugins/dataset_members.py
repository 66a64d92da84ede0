"""What a data set may tell beyond :class:`~i2i.plugins.protocols.Dataset`, and what holds for one that does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from i2i.plugins.protocols import Dataset


def notes_of(*datasets: Dataset) -> list[str]:
    """Sentences for the person who uses the data: the member ``notes``; none without it."""
    return [str(note) for dataset in datasets for note in getattr(dataset, "notes", ())]


def sizes_of(dataset: Dataset) -> Iterable[tuple[int, int]] | None:
    """Every (height, width) of the samples: the member ``sizes``; ``None`` without it, and samples are looked at."""
    sizes: Iterable[tuple[int, int]] | None = getattr(dataset, "sizes", None)
    return sizes


def image_names_of(dataset: Dataset) -> Mapping[str, Sequence[str]]:
    """The sorted names of all images of ``"A"`` and ``"B"``: the member ``names``; empty without it."""
    return {domain: sorted(names) for domain, names in getattr(dataset, "names", {}).items()}
