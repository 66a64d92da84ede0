"""The perceptual hash of a picture (pHash: the signs of its low frequencies), for all eight ways to turn and mirror it.

A mirrored picture has the same cosine coefficients with other signs, a turned one has them transposed too. So all eight
hashes come from one transform, where a library would transform eight pictures.

Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SIDE = 32
"""Pixels of the grey picture that is transformed."""
LOW = 8
"""Frequencies in each direction that are kept: 64 bits."""
WAYS = (
    "upright",
    "mirrored",
    "mirrored upside down",
    "turned by 180°",
    "mirrored along a diagonal",
    "turned by 90°",
    "turned by 270°",
    "mirrored along the other diagonal",
)
"""What is done to the other picture, in the order of :func:`turns`."""


def turns(picture: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The eight ways to turn and mirror ``[H, W, ...]``, as views; the first is the picture itself."""
    flips = [picture, picture[:, ::-1], picture[::-1], picture[::-1, ::-1]]
    return [*flips, *(each.swapaxes(0, 1) for each in flips)]


def hashes(grey: npt.NDArray[Any]) -> Floats:
    """The hashes of the eight :func:`turns` of a grey picture ``[32, 32]``: ``[8, 64]`` of -1 and 1.

    Two hashes a and b differ in ``(64 - a @ b) / 2`` bits.
    """
    cosines = _cosines()
    found = (cosines @ grey.astype(np.float32) @ cosines.T)[:LOW, :LOW]
    sign = np.where(np.arange(LOW) % 2, -1.0, 1.0).astype(np.float32)
    across, down = found * sign[None, :], found * sign[:, None]
    flips = [found, across, down, across * sign[:, None]]
    ways = np.stack([*flips, *(each.T for each in flips)]).reshape(8, -1)
    middle = np.median(ways[:, 1:], axis=1, keepdims=True)  # without the mean of the picture
    signs: Floats = np.where(ways > middle, 1.0, -1.0).astype(np.float32)
    return signs


@cache
def _cosines() -> Floats:
    """The discrete cosine transform of 32 numbers (DCT-II), ``[32, 32]``."""
    places = np.arange(SIDE)
    cosines: Floats = np.cos(np.pi / SIDE * (places[None, :] + 0.5) * places[:, None]).astype(np.float32)
    return cosines
