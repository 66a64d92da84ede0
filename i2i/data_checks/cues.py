"""What tells two domains apart without their content: a discriminator finds it first, and the generator paints it.

Only for unpaired training: there, whatever differs between the domains becomes part of the translation. No torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from i2i.data_checks.findings import Finding, Shown
from i2i.data_checks.picture_facts import PictureFacts

TELLING = 0.9
"""Share of images, both domains counted alike, that a cue puts into the right domain, from which it is told."""
FEWEST = 8
"""Images of a domain below which a cue is chance."""

_KINDS: tuple[tuple[str, str, Callable[[PictureFacts], Any]], ...] = (
    ("format", "the format of the file", lambda facts: facts.format),
    ("kind", "how values are stored", lambda facts: facts.kind),
    ("size", "the size", lambda facts: f"{facts.size[0]} x {facts.size[1]}"),
    ("grey-as-colour", "grey stored as colour", lambda facts: "grey as RGB" if facts.grey_as_colour else "other"),
    ("border", "a border of one colour", lambda facts: facts.border or "none"),
)
_NUMBERS: tuple[tuple[str, str, Callable[[PictureFacts], float]], ...] = (
    ("sharpness", "sharpness", lambda facts: facts.sharpness),
)
_CURES = {
    "format": "store both alike: JPEG leaves traces that PNG has not",
    "kind": "store both alike",
    "size": "cut or scale both to one size",
    "grey-as-colour": "make both grey, with data.channels_A=1 and data.channels_B=1, or both coloured",
    "border": "cut the border off",
    "sharpness": "scale both from pictures of one sharpness, or the network learns to sharpen or to blur",
}


def find_cues(
    first: Sequence[PictureFacts], second: Sequence[PictureFacts], names: tuple[str, str]
) -> Iterator[Finding]:
    """Each cue that alone tells the two domains apart, with the two pictures that show it best."""
    if min(len(first), len(second)) < FEWEST:
        return
    for kind, called, value in _KINDS:
        values = Counter(value(each) for each in first), Counter(value(each) for each in second)
        if len(values[0].keys() | values[1].keys()) > (len(first) + len(second)) / 4:
            continue  # nearly every image has a value of its own
        shares = [{key: count / found.total() for key, count in found.items()} for found in values]
        right = sum(max(shares[0].get(key, 0), shares[1].get(key, 0)) for key in {*shares[0], *shares[1]}) / 2
        if right >= TELLING:
            common = [found.most_common(1)[0][0] for found in values]
            examples = [
                next(each for each in side if value(each) == key)
                for side, key in zip((first, second), common, strict=True)
            ]
            yield _cue(kind, called, right, [f"{common[0]}", f"{common[1]}"], examples, names)
    for kind, called, number in _NUMBERS:
        sides = [np.array([number(each) for each in side]) for side in (first, second)]
        right, less = _separation(*sides)
        if right >= TELLING:
            examples = [
                side[int(np.argsort(found)[len(found) // 2])]
                for side, found in zip((first, second), sides, strict=True)
            ]
            yield _cue(kind, called, right, ["less" if less else "more", "more" if less else "less"], examples, names)


def _cue(
    kind: str,
    called: str,
    right: float,
    values: Sequence[str],
    examples: Sequence[PictureFacts],
    names: tuple[str, str],
) -> Finding:
    return Finding(
        f"cue-{kind}",
        "warning",
        f"{called} alone tells {names[0]} ({values[0]}) from {names[1]} ({values[1]}) in {right:.0%} of the images",
        _CURES[kind],
        (Shown(tuple(each.place for each in examples)),),
    )


def _separation(first: Any, second: Any) -> tuple[float, bool]:
    """How many images the best threshold puts on the right side, both domains counted alike; whether A has less."""
    values = np.concatenate([first, second])
    order = np.argsort(values, kind="stable")
    of_first = np.concatenate([np.full(len(first), 1 / len(first)), np.zeros(len(second))])[order].cumsum()
    of_second = np.concatenate([np.zeros(len(first)), np.full(len(second), 1 / len(second))])[order].cumsum()
    last = np.append(np.diff(values[order]) > 0, True)  # a threshold lies between two different values
    less = float(((of_first + 1 - of_second) / 2)[last].max())
    more = float(((of_second + 1 - of_first) / 2)[last].max())
    return max(less, more), less >= more
