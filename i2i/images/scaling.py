"""The only scaling between the levels of pictures and the [-1, 1] of networks, for numpy and torch alike. No torch."""

from __future__ import annotations

from typing import Any, TypeVar

Floats = TypeVar("Floats", bound=Any)
"""An array of numpy or a tensor of torch, of floats."""

EIGHT_BITS = 255
SIXTEEN_BITS = 65535


def to_unit(levels: Floats, top: int = EIGHT_BITS) -> Floats:
    """Map levels 0..``top``, as floats of any shape, to [-1, 1]; with a ``top`` of 1, what is in [0, 1] already."""
    scaled: Floats = (levels / top - 0.5) / 0.5
    return scaled


def unrounded_levels(values: Floats, top: int = EIGHT_BITS) -> Floats:
    """Map floats of any shape in [-1, 1] to 0..``top``, where most of them lie between two levels."""
    levels: Floats = (values + 1) * (top / 2)
    return levels
