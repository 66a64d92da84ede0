"""Which part of its type's range the values of a picture use. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

_MODES_WITH_OTHER_VALUES = {"1": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBX": "RGB", "LA": "L"}


@dataclass(frozen=True)
class Levels:
    """The smallest and largest value among some pixels.

    Attributes:
        least: the smallest.
        most: the largest.
        bits: 8 or 16, of the numbers above.
        stored_bits: of the numbers in the file; 16 where ``bits`` is 8 for colours of which the upper 8 were read.
    """

    least: int
    most: int
    bits: int
    stored_bits: int

    @property
    def full(self) -> int:
        """The largest value that there is room for."""
        return (1 << self.bits) - 1

    @property
    def most_in_file(self) -> int:
        """The largest value as the file has it; at most so large where its lower bits were not read."""
        return ((self.most + 1) << (self.stored_bits - self.bits)) - 1

    @property
    def describes_dark(self) -> bool:
        """Whether a network sees no more than the darkest quarter of its range."""
        return 0 < self.most < 1 << (self.bits - 2)

    @property
    def is_narrow(self) -> bool:
        """Whether the values are of 16 bits and use half of them or less."""
        return self.stored_bits == 16 and 0 < self.most - self.least <= self.full // 2 + 1

    @property
    def uses_much(self) -> bool:
        """Whether neither holds, and would not with more pixels either."""
        wide = self.stored_bits == 8 or self.most - self.least > self.full // 2 + 1
        return wide and self.most >= 1 << (self.bits - 2)


def levels_of(image: Image.Image, *, reduced: bool) -> Levels:
    """Look at every value of a decoded picture; of a transparent one also at what hides below.

    Args:
        image: as :func:`~i2i.images.reading.decode` returns it.
        reduced: whether it is the upper 8 of 16 bits.
    """
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        return Levels(int(values.min()), int(values.max()), 16, 16)
    mode = _MODES_WITH_OTHER_VALUES.get(image.mode)
    extrema = np.array((image.convert(mode) if mode else image).getextrema())  # (least, most), or that of each band
    return Levels(int(extrema.min()), int(extrema.max()), 8, 16 if reduced else 8)


def of_all(levels: Iterable[Levels]) -> Levels | None:
    """Return the range of several pictures of one type; None without pictures."""
    levels = list(levels)
    if not levels:
        return None
    first = levels[0]
    return Levels(min(one.least for one in levels), max(one.most for one in levels), first.bits, first.stored_bits)


def describe_picture(levels: Levels) -> list[str]:
    """Return a note on a single picture that a network sees as nearly black, if it is one.

    With 8 bits nothing is reported: a dark photograph is meant to be dark.
    """
    if levels.stored_bits != 16 or not levels.describes_dark:
        return []
    return [
        f"its 16-bit values reach no further than {levels.most_in_file} of 65535 ({levels.most_in_file.bit_length()} "
        "bits), so the network saw it nearly black; unless it was trained on such, multiply them by "
        f"{65536 // (levels.most_in_file + 1)} first"
    ]


def describe_domain(name: str, levels: Iterable[Levels]) -> list[str]:
    """Return notes on a domain of which all pictures of a type use a small part of the range."""
    by_type: dict[tuple[int, int], list[Levels]] = {}
    for one in levels:
        by_type.setdefault((one.stored_bits, one.bits), []).append(one)
    notes = []
    for (stored_bits, _), group in sorted(by_type.items()):
        whole = of_all(group)
        assert whole is not None
        if not (whole.describes_dark or whole.is_narrow):
            continue
        full = (1 << stored_bits) - 1
        least = whole.least << (whole.stored_bits - whole.bits)
        share = (whole.most_in_file - least) / full
        most_bits = whole.most_in_file.bit_length()
        looks = f", as {most_bits} bits" if whole.describes_dark and stored_bits == 16 else ""
        notes.append(
            f"all {len(group)} images of {name} with {stored_bits} bits use the range {least} to {whole.most_in_file} "
            f"of 0 to {full} alone ({share:.1%}{looks}): the network sees them as nearly "
            f"{'black' if whole.describes_dark else 'flat'}; stretch the values to 0 to {full} before training"
        )
    return notes
