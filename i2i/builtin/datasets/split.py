"""Holding images out by a hash of their name. No torch.

The rule: an image is held out when the SHA-256 of its stem, read as a fraction of the largest value, is below
``test_fraction``. So a stem is on the same side in both domains, and adding or removing images moves no other one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection


def position(stem: str) -> float:
    """Return where a stem lies in [0, 1): the first 53 bits of the SHA-256 of its UTF-8 form."""
    digest = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53


def choose_test(domains: Collection[Collection[str]], fraction: float) -> frozenset[str]:
    """Return the stems to hold out.

    Args:
        domains: the stems of each domain.
        fraction: ``test_fraction``; 0 holds out nothing.

    Two exceptions keep tiny folders usable: in a domain of two or more images, where the rule holds out none, the stem
    lowest in position is held out, and where it holds out all, the highest is kept for training.
    """
    if fraction == 0:
        return frozenset()
    test = {stem for stems in domains for stem in stems if position(stem) < fraction}
    for stems in domains:
        if len(stems) > 1 and test.isdisjoint(stems):
            test.add(min(stems, key=position))
    for stems in domains:
        if test.issuperset(stems) and stems:
            test.discard(max(stems, key=position))
    return frozenset(test)
