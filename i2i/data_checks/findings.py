"""What is found in a data set, each with how much it matters, the pictures that show it, and what to do. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, NamedTuple

from i2i.data_checks.duplicates import Twins
from i2i.data_checks.picture_facts import PictureFacts, Place
from i2i.data_checks.shifts import Shift
from i2i.errors import amount

Weight = Literal["error", "warning", "note"]

NAMED = 20
"""Pictures of a finding that its page and the command line name; JSON has all."""


class Shown(NamedTuple):
    """Pictures that show a finding, one or two side by side, with a word on them."""

    places: tuple[Place, ...]
    about: str = ""

    def __str__(self) -> str:
        return " and ".join(map(str, self.places)) + (f": {self.about}" if self.about else "")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: its name, such as ``"same-across-split"``.
        weight: ``"error"`` spoils what is measured; ``"warning"`` may spoil what is learnt; ``"note"`` is to be known.
        text: what it is, in one sentence without a full stop.
        cure: what to do about it, likewise; empty where there is nothing to do.
        shown: the pictures.
    """

    kind: str
    weight: Weight
    text: str
    cure: str = ""
    shown: tuple[Shown, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        images = [{"files": [str(place) for place in each.places], "about": each.about} for each in self.shown]
        return {"kind": self.kind, "weight": self.weight, "text": self.text, "cure": self.cure, "images": images}


def of_twins(domain: str, twins: Sequence[Twins]) -> Iterator[Finding]:
    """The same picture twice in a domain, on two sides of the split or on one."""
    for crossing, same in ((True, True), (True, False), (False, True), (False, False)):
        found = [each for each in twins if each.crosses == crossing and (each.way == "same pixels") == same]
        if not found:
            continue
        shown = tuple(Shown((each.first.place, each.second.place), each.way) for each in found)
        what = "the same" if same else "nearly the same"
        if crossing:
            held_out = {place for each in shown for place in each.places if place.split == "test"}
            yield Finding(
                "same-across-split" if same else "near-across-split",
                "error",
                f"{amount(len(held_out), 'held-out image')} of {domain} {'is' if len(held_out) == 1 else 'are'} {what} "
                "as a training image",
                "keep them on one side, with data.group or data.test_names, or take one of each away: what is measured "
                "on them is how well the network remembers",
                shown,
            )
        else:
            yield Finding(
                "same-inside-split" if same else "near-inside-split",
                "warning" if same else "note",
                f"{amount(len(found), 'image')} of {domain} {'is' if len(found) == 1 else 'are'} {what} as another one "
                "on its side of the split",
                "they count twice in training; take one of each away, unless that is meant" if same else "",
                shown,
            )


def of_both_domains(pictures: Sequence[PictureFacts], names: tuple[str, str]) -> Iterator[Finding]:
    """The same pixels in A and in B."""
    sides = {side: {each.digest: each for each in pictures if each.place.domain == side} for side in ("A", "B")}
    both = [digest for digest in sides["A"] if digest in sides["B"] and not sides["A"][digest].is_blank]
    if both:
        yield Finding(
            "same-in-both-domains",
            "warning",
            f"{amount(len(both), 'image is', 'images are')} in {names[0]} and in {names[1]}, with the same pixels",
            "the network learns to leave such images as they are; take them out of one domain, unless that is meant",
            tuple(Shown((sides["A"][digest].place, sides["B"][digest].place)) for digest in both),
        )


def of_odd_pictures(domain: str, pictures: Sequence[PictureFacts]) -> Iterator[Finding]:
    """Blank, dark and blurred pictures, and those of a size of their own."""
    if not pictures:
        return
    blank, dark = [each for each in pictures if each.is_blank], [each for each in pictures if each.is_dark]
    lively = [each for each in pictures if not (each.is_blank or each.is_dark)]
    usual = median(each.sharpness for each in lively) if lively else 0.0
    blurred = [each for each in lively if each.sharpness < usual / 20]
    kinds = (
        (
            "blank",
            blank,
            "shows next to nothing",
            "show next to nothing",
            "take them out, or they teach to show nothing",
        ),
        (
            "dark",
            dark,
            "is nearly black",
            "are nearly black",
            "look whether they are exposed or stored as they should be",
        ),
        ("blurred", blurred, "is far less sharp than the others", "are far less sharp than the others", "look at them"),
    )
    for kind, found, one, many, cure in kinds:
        if found:
            shown = tuple(Shown((each.place,)) for each in found)
            text = f"{amount(len(found), f'image of {domain} {one}', f'images of {domain} {many}')}"
            yield Finding(kind, "warning", text, cure, shown)
    sizes = Counter(each.size for each in pictures)
    size, count = sizes.most_common(1)[0]
    others = [each for each in pictures if each.size != size]
    if others and count >= 0.9 * len(pictures):
        yield Finding(
            "odd-size",
            "note",
            f"{amount(len(others), 'image')} of {domain} {'has' if len(others) == 1 else 'have'} another size than the "
            f"{count} of {size[0]} x {size[1]}",
            "",
            tuple(Shown((each.place,), f"{each.size[0]} x {each.size[1]}") for each in others),
        )


class PairShift(NamedTuple):
    """A pair and how its images lie on each other; None where that cannot be told."""

    first: Place
    second: Place
    shift: Shift | None


def of_shifts(pairs: Sequence[PairShift]) -> Iterator[Finding]:
    """Pairs that do not lie on each other, all alike or each on its own."""
    known = [each for each in pairs if each.shift is not None]
    if not known:
        return
    right = median(each.shift.right for each in known if each.shift)
    down = median(each.shift.down for each in known if each.shift)
    usual = Shift(right, down)
    if usual.length >= 1 and len(known) >= 4:
        yield Finding(
            "shifted",
            "warning",
            f"B lies {_described(usual)} of A in the middle of {len(known)} pairs",
            f"move B by {-right:+.1f} pixels across and {-down:+.1f} down, or what is learnt is blurred",
            tuple(Shown((each.first, each.second), _told(each)) for each in known[:NAMED]),
        )
    far = [each for each in known if each.shift and _apart(each.shift, usual) >= FAR]
    if far:
        far.sort(key=lambda each: -_apart(each.shift or usual, usual))
        yield Finding(
            "shifted-pairs",
            "warning",
            f"{amount(len(far), 'pair lies', 'pairs lie')} {FAR:g} pixels or more from how the others lie",
            "align them anew, or leave them out",
            tuple(Shown((each.first, each.second), _told(each)) for each in far),
        )


FAR = 3.0
"""Pixels from the usual shift of a pair, from which it is named."""


def _apart(one: Shift, other: Shift) -> float:
    return Shift(one.right - other.right, one.down - other.down).length


def _told(pair: PairShift) -> str:
    return _described(pair.shift) if pair.shift else "not told"


def _described(shift: Shift) -> str:
    across = f"{abs(shift.right):.1f} pixels {'right' if shift.right >= 0 else 'left'}"
    return f"{across} and {abs(shift.down):.1f} pixels {'below' if shift.down >= 0 else 'above'}"
