"""How far the two images of a pair are shifted against each other: phase correlation of their edges. No torch.

Two pictures of one thing, a map and a photograph, differ in colours and agree in edges. The correlation's spectrum is
made flat, so that its peak is sharp, and rounded off by a Gaussian, so that the place of the peak between pixels can be
read from its neighbours. Where no peak stands out, nothing is claimed. (Kuglin and Hines, The phase correlation image
alignment method, 1975.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_FLOOR = 1e-9
_BLUR = 1.0
"""Of the peak, in pixels."""
CLEAR = 14.0
"""Height of a peak over the rest, in (robust) standard deviations of it, from which it is believed."""
SECOND = 0.6
"""Share of its height that no other place may reach."""
SMALLEST = 24


@dataclass(frozen=True)
class Shift:
    """How B lies on A, in pixels of A: to the right and down."""

    right: float
    down: float

    @property
    def length(self) -> float:
        """How far, in pixels."""
        return math.hypot(self.right, self.down)


def shift_between(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], width: int) -> Shift | None:
    """Measure it.

    Args:
        a: grey ``[H, W]``.
        b: grey of any size; it is stretched to that of ``a``, as training does.
        width: of A in its file, for the unit.

    Returns:
        None for pictures too small, flat or unlike to tell.
    """
    if min(a.shape) < SMALLEST:
        return None
    if b.shape != a.shape:
        b = np.asarray(Image.fromarray(b).resize((a.shape[1], a.shape[0]), Image.Resampling.BILINEAR))
    first, second = (_edges(each) for each in (a, b))
    if first is None or second is None:
        return None
    spectrum = np.conj(np.fft.rfft2(first)) * np.fft.rfft2(second)
    spectrum /= np.abs(spectrum) + _FLOOR * np.abs(spectrum).max()
    down, right = np.fft.fftfreq(a.shape[0])[:, None], np.fft.rfftfreq(a.shape[1])[None, :]
    spectrum *= np.exp(-2 * (math.pi * _BLUR) ** 2 * (down**2 + right**2))
    response = np.fft.irfft2(spectrum, s=a.shape)
    place = _clear_peak(response)
    if place is None:
        return None
    scale = width / a.shape[1]
    return Shift(*(round(scale * each, 3) for each in reversed(place)))


def _edges(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """How steep a picture is, faded out to its rim; None where it is flat."""
    if grey.std() < 2:
        return None
    down, right = np.gradient(grey)
    steep = np.hypot(down, right)
    fade = np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])[None, :]
    edges: npt.NDArray[np.float32] = ((steep - steep.mean()) * fade).astype(np.float32)
    return edges


def _clear_peak(response: npt.NDArray[Any]) -> tuple[float, float] | None:
    """The place of the highest value, (down, right) with signs and parts of a pixel, where it stands out."""
    height, width = response.shape
    row, column = (int(each) for each in np.unravel_index(int(response.argmax()), response.shape))
    peak = float(response[row, column])
    middle = float(np.median(response))
    spread = 1.4826 * float(np.median(np.abs(response - middle)))
    around = np.roll(response, (4 - row, 4 - column), axis=(0, 1))
    rest = around.copy()
    rest[:9, :9] = middle
    if peak - middle < CLEAR * spread or rest.max() - middle > SECOND * (peak - middle):
        return None
    down = row + _between(around[3:6, 4]) - (height if row > height // 2 else 0)
    right = column + _between(around[4, 3:6]) - (width if column > width // 2 else 0)
    return down, right


def _between(values: npt.NDArray[Any]) -> float:
    """Where a Gaussian through three values has its top, counted from the middle one."""
    before, middle, after = (math.log(max(float(value), 1e-12)) for value in values)
    bend = before - 2 * middle + after
    return 0.0 if bend >= 0 else max(-0.5, min(0.5, 0.5 * (before - after) / bend))
