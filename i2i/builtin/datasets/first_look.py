"""What ``i2i data check`` would say, as far as files tell without a look at their pixels: one line at a run's start.

No torch.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.layout import Layout, Picture, Split
from i2i.builtin.datasets.preprocess import Size
from i2i.errors import amount, printable

FEWEST = 8
"""Images of a domain below which what differs between domains is chance."""
TELLING = 0.9
"""Share of each domain's images that must have what the other's have not."""
UNBALANCED = 4
"""How many times as many images a domain has as the other, from which it is told."""
BEGIN = 4096
"""Bytes of files of one size that are compared first."""
MOST_READ = 2000
"""Files that are compared; where more have the size of another, sizes tell nothing and they are left to the check."""


def first_look(
    layout: Layout, train: Split, test: Split, sizes: Mapping[Picture, Size], options: FolderOptions
) -> list[str]:
    """One line, or none where nothing is known against the data.

    Args:
        layout: names of the data and of the domains.
        train: what is trained on.
        test: what is held out.
        sizes: of the training pictures.
        options: of the data set.
    """
    found = []
    for name, trained, held_out in zip(
        layout.domains, (train.first, train.second), (test.first, test.second), strict=True
    ):
        count = len(set(same_files({picture.path for picture in held_out}, {picture.path for picture in trained})))
        if count:
            found.append(f"{amount(count, 'held-out file')} of {name} {'is' if count == 1 else 'are'} in training too")
    if options.pairing != "paired" and min(len(train.first), len(train.second)) >= FEWEST:
        found += _differences(layout.domains, train, sizes)
    if not found:
        return []
    return [
        printable(
            f"a check would say, from the files alone: {'; '.join(found)} (i2i data check {quote(layout.root)} shows "
            "it, looks at the pixels, and says what to do)"
        )
    ]


def _differences(domains: tuple[str, str], train: Split, sizes: Mapping[Picture, Size]) -> Iterator[str]:
    counts = sorted(zip((len(train.first), len(train.second)), domains, strict=True))
    if counts[1][0] >= UNBALANCED * counts[0][0]:
        yield f"{counts[1][1]} has {counts[1][0]} images and {counts[0][1]} {counts[0][0]}"
    suffixes = [[picture.path.suffix.lower() for picture in side] for side in (train.first, train.second)]
    shapes = [
        [f"{sizes[picture][0]} x {sizes[picture][1]}" for picture in side] for side in (train.first, train.second)
    ]
    for kind, (first, second) in (("kind of file", suffixes), ("size", shapes)):
        (one, in_first), (other, in_second) = (Counter(side).most_common(1)[0] for side in (first, second))
        if one != other and in_first >= TELLING * len(first) and in_second >= TELLING * len(second):
            yield f"the {kind} alone tells {domains[0]} ({one}) from {domains[1]} ({other})"


def same_files(some: set[Path], others: set[Path]) -> Iterator[Path]:
    """Those of ``some`` whose bytes are those of one of ``others``; none where too many files have one size."""
    by_size: dict[int, tuple[list[Path], list[Path]]] = defaultdict(lambda: ([], []))
    for place, paths in enumerate((some, others)):
        for path in paths:
            if (size := _size_of(path)) is not None:
                by_size[size][place].append(path)
    alike = [pair for pair in by_size.values() if pair[0] and pair[1]]
    if sum(len(first) + len(second) for first, second in alike) > MOST_READ:
        return
    for first, second in alike:
        yield from _same_bytes(first, second)


def _same_bytes(some: Sequence[Path], others: Sequence[Path]) -> Iterator[Path]:
    begins = Counter(_content_of(path, BEGIN) for path in others)
    likely = [path for path in some if _content_of(path, BEGIN) in begins]
    if not likely:
        return
    known = {_digest_of(path) for path in others}
    yield from (path for path in likely if _digest_of(path) in known)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # told where it is read
        return None


def _digest_of(path: Path) -> bytes:
    return hashlib.blake2b(_content_of(path, -1), digest_size=16).digest()


def _content_of(path: Path, most: int) -> bytes:
    """The first bytes of a file, all for -1; what no other file has where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError:  # told where it is read
        return repr(path).encode("utf-8", "surrogateescape")
