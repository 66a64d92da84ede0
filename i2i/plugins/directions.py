"""The two domains of a data set, and the directions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

Domain = Literal["A", "B"]
"""One of the two domains of a data set."""

DirectionName = Literal["AtoB", "BtoA"]
"""A :class:`Direction` as files, options and people write it."""


class Direction(str, Enum):
    """Which domain is translated into which. Each is a text as well, ``"AtoB"`` or ``"BtoA"``, and is shown as one."""

    A_TO_B = "AtoB"
    B_TO_A = "BtoA"

    @property
    def source(self) -> Domain:
        """The domain that is translated."""
        return "A" if self is Direction.A_TO_B else "B"

    @property
    def target(self) -> Domain:
        """The domain that it is translated into."""
        return self.reversed.source

    @property
    def reversed(self) -> Direction:
        """The way back."""
        return Direction.B_TO_A if self is Direction.A_TO_B else Direction.A_TO_B

    # As text in messages, in every version of Python: an enumeration's own are not, or not in all.
    def __str__(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        return str.__repr__(self)

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)


def given_names(data: Mapping[str, Any]) -> dict[str, str]:
    """What a person calls the domains ``"A"`` and ``"B"`` of a run, after its direction; empty where nobody named one.

    Args:
        data: the options of the data set, by name: ``name_A``, ``name_B`` and ``direction`` count.
    """
    names = [str(data.get(f"name_{domain}") or domain) for domain in ("A", "B")]
    if names == ["A", "B"]:
        return {}
    return dict(zip("AB", names[::-1] if data.get("direction") == Direction.B_TO_A else names, strict=True))


def spelled(direction: str, names: Mapping[str, str]) -> str:
    """A direction in words, such as ``"satellite to relief"``; as options spell it where no names are given."""
    if not names:
        return direction
    return f"{names[Direction(direction).source]} to {names[Direction(direction).target]}"
