"""Looking at files before training, decoding no more of them than it takes. No torch.

What a header tells is enough for most: what is damaged further on shows when training reads it. Decoded are

- files whose header leaves a doubt, such as TIFF, arrays, 16 bits, or those that end too early;
- files that are held out, for they are measured before training;
- of a domain as many as it takes to know that its pictures use more than the darkest part of their range;
- all of them where that takes a few seconds: up to :data:`FEW_PIXELS`.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from i2i.builtin.datasets.file_facts import FileFacts, glance_at, look_at
from i2i.builtin.datasets.kept_check import SEVERAL, KeptCheck
from i2i.builtin.datasets.layout import Picture
from i2i.images.levels import of_all
from i2i.images.readers import Readers
from i2i.progress import counted

FEW_PIXELS = 200_000_000
"""Pixels of a folder that are all decoded before training: some seconds' work."""

AT_ONCE = 8
"""Pictures of a domain that are decoded before their range is looked at."""

Found = TypeVar("Found")


@dataclass
class Looking:
    """One look at files.

    Attributes:
        readers: the formats of image files.
        max_pixels: of a file.
        as_samples: the files that are no pictures, whatever they look like; of the others those are that can be.
        with_opacity: of these, the files that are pictures if they have opacity.
        by_halves: whether files may hold two pictures side by side.
        keep_some: whether some of the values of samples are kept.
        found: what was found in each file that can be used.
        reasons: why others cannot be.
    """

    readers: Readers
    max_pixels: int
    as_samples: Collection[Path] = ()
    with_opacity: Collection[Path] = ()
    by_halves: bool = False
    keep_some: bool = True
    found: dict[Path, FileFacts] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)

    def look(
        self,
        paths: Iterable[Path],
        domains: Iterable[Sequence[Picture]] = (),
        held_out: Iterable[Path] = (),
        kept: KeptCheck | None = None,
    ) -> None:
        """Look at files.

        Args:
            paths: the files.
            domains: the pictures of each that is trained on.
            held_out: files that are decoded.
            kept: what was found before.
        """
        paths = sorted(set(paths), key=str)  # much faster than paths, of a hundred thousand
        several = kept is not None and len(paths) >= SEVERAL
        before = kept.recall(paths) if several and kept is not None else {}
        self.found = {path: facts for path, facts in before.items() if self._is_small(facts)}
        self._glance([path for path in paths if path not in self.found and path not in self.as_samples])
        self._decode([path for path in paths if path not in self.found])
        if sum(width * height for width, height in (facts.size for facts in self.found.values())) <= FEW_PIXELS:
            self._decode([path for path in paths if self._is_unread(path)])
        self._decode([path for path in held_out if self._is_unread(path)])
        for pictures in domains:
            self._learn_range(pictures)
        if several and kept is not None and self.found != before:
            kept.keep(self.found)

    @property
    def unread(self) -> int:
        """Files of which the header alone was read."""
        return sum(not facts.is_decoded for facts in self.found.values())

    def _is_small(self, facts: FileFacts) -> bool:
        return facts.size[0] * facts.size[1] <= self.max_pixels

    def _is_unread(self, path: Path) -> bool:
        return path in self.found and not self.found[path].is_decoded

    def _glance(self, paths: Sequence[Path]) -> None:
        def at(path: Path) -> FileFacts | None:
            return glance_at(path, self.readers, self.max_pixels)

        for path, facts in _in_threads(at, paths, "reading the headers of images"):
            if facts is not None:
                self.found[path] = facts

    def _decode(self, paths: Sequence[Path]) -> None:
        def at(path: Path) -> FileFacts | str:
            return look_at(
                path,
                self.readers,
                self.max_pixels,
                as_samples=path in self.as_samples,
                with_opacity=path in self.with_opacity,
                by_halves=self.by_halves,
                keep_some=self.keep_some,
            )

        for path, facts in _in_threads(at, paths, "checking images"):
            if isinstance(facts, str):
                self.reasons[path] = facts
                self.found.pop(path, None)
            else:
                self.found[path] = facts

    def _learn_range(self, pictures: Sequence[Picture]) -> None:
        """Decode pictures of a domain until it is clear that they use much of the range of 8 bits, or all of them."""
        waiting: list[Picture] | None = None
        count = AT_ONCE
        while waiting is None or waiting:
            known = [
                facts.levels_of_half(picture.half)
                for picture in pictures
                if (facts := self.found.get(picture.path)) is not None and facts.levels
            ]
            whole = of_all(levels for levels in known if levels.stored_bits == 8)
            if whole is not None and whole.uses_much:
                return
            if waiting is None:  # from all over the folder
                waiting = [picture for picture in pictures if self._is_unread(picture.path)]
                waiting.sort(key=lambda picture: zlib.crc32(picture.stem.encode()))
            self._decode([path for path in {each.path: None for each in waiting[:count]} if self._is_unread(path)])
            waiting, count = waiting[count:], 2 * count


def _in_threads(look: Callable[[Path], Found], paths: Sequence[Path], what: str) -> Iterable[tuple[Path, Found]]:
    """Look at each file; Pillow's decoders let other threads run meanwhile."""
    if not paths:
        return
    pool = ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
    try:
        yield from counted(zip(paths, pool.map(look, paths), strict=True), what, len(paths))
    finally:  # Ctrl-C waits for the files at hand, not for all of them
        pool.shutdown(cancel_futures=True)
