"""The same picture twice, or nearly the same, also turned and mirrored. No torch.

Perceptual hashes find candidates, pixels of thumbnails decide. Blank pictures are left out: all of them are alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from i2i.data_checks.perceptual_hash import WAYS, Floats, turns
from i2i.data_checks.picture_facts import PictureFacts
from i2i.progress import working

NEAR_BITS = 8
"""Of 64: hashes that differ in more belong to different pictures."""
ALIKE = 0.985
"""Least correlation of two grey thumbnails of nearly the same picture."""
FARTHEST_COLOURS = 24.0
"""Most that two such thumbnails differ by on average, in levels: a heart in red is not the heart in blue."""
MOST_COMPARED = 1 << 22
"""Pairs of hashes that are compared at once."""


class Twins(NamedTuple):
    """Two pictures of one domain that are the same, or nearly."""

    first: PictureFacts
    second: PictureFacts
    way: str
    """What is done to one of them: one of ``WAYS``, or ``"same pixels"``."""

    @property
    def crosses(self) -> bool:
        """Whether they are on two sides of the split."""
        return self.first.place.split != self.second.place.split


def find_twins(pictures: Sequence[PictureFacts]) -> list[Twins]:
    """Compare all pictures of one domain with each other, but for blank ones.

    Returns:
        Those that are the same by their pixels, a chain for each; then those nearly the same. On two sides of the
        split first.
    """
    pictures = [each for each in pictures if not each.is_blank]
    found = [*_same(pictures), *_nearly(pictures)]
    return sorted(found, key=lambda twins: (not twins.crosses, str(twins.first.place), str(twins.second.place)))


def _same(pictures: Sequence[PictureFacts]) -> Iterator[Twins]:
    by_digest: dict[bytes, list[PictureFacts]] = defaultdict(list)
    for each in pictures:
        by_digest[each.digest].append(each)
    for same in by_digest.values():
        ordered = sorted(same, key=lambda each: each.place.split)  # held-out ones first, each beside a training image
        sides = {side: [each for each in ordered if each.place.split == side] for side in ("test", "train")}
        base = sides["train"] or sides["test"]
        yield from (Twins(base[0], each, "same pixels") for each in (*sides["test"], *base[1:]) if each is not base[0])


def _nearly(pictures: Sequence[PictureFacts]) -> Iterator[Twins]:
    kept = list({(each.digest, each.place.split): each for each in pictures}.values())
    if len(kept) < 2:
        return
    upright = np.stack([each.hashes[0] for each in kept])
    ways = np.stack([each.hashes for each in kept])
    rows = max(1, MOST_COMPARED // (len(kept) * len(WAYS)))
    with working("comparing images", len(kept)) as step:
        for start in range(0, len(kept), rows):
            block = upright[start : start + rows]
            agreeing = (block @ ways[start:].reshape(-1, ways.shape[2]).T).reshape(len(block), -1, len(WAYS))
            bits = (ways.shape[2] - agreeing) / 2
            for i, j in np.argwhere(bits.min(axis=2) <= NEAR_BITS):
                if j > i and (twins := _judged(kept[start + i], kept[start + j], bits[i, j])):
                    yield twins
            for _ in block:
                step()


def _judged(first: PictureFacts, second: PictureFacts, bits: Floats) -> Twins | None:
    if first.digest == second.digest:
        return None
    a, turned = first.thumbnail.astype(np.float32), turns(second.thumbnail.astype(np.float32))
    for way in np.argsort(bits, kind="stable"):
        if bits[way] > NEAR_BITS:
            break
        b = turned[int(way)]
        if np.abs(a - b).mean() <= FARTHEST_COLOURS and _correlation(a.mean(axis=2), b.mean(axis=2)) >= ALIKE:
            return Twins(first, second, WAYS[int(way)])
    return None


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(1e-6, float(np.sqrt((a * a).sum() * (b * b).sum()))))
