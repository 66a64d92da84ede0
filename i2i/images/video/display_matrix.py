"""How a video's frames are turned to be shown: the eight ways that a display matrix can turn and mirror a picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

CLOSE = 0.02
"""How far from a right angle, as a share of the matrix' largest number, still counts as one: a degree."""


@dataclass(frozen=True)
class Orientation:
    """What makes stored pixels upright, in this order.

    Attributes:
        transposed: rows become columns.
        mirrored: then left and right change places.
        flipped: then top and bottom change places.
        exact: whether that is all that the matrix asks for: no other angle, no scale, no shear.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False
    exact: bool = True

    def size(self, stored: tuple[int, int]) -> tuple[int, int]:
        """The upright (height, width) of a stored one."""
        return stored[::-1] if self.transposed else stored

    def upright(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn ``[H, W, C]``; what comes back is contiguous."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        turned = turned[:, ::-1] if self.mirrored else turned
        return np.ascontiguousarray(turned[::-1] if self.flipped else turned)


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read a frame's display matrix, which a container or the stream itself may hold; without one, nothing is turned.

    The matrix is nine numbers ``a b u, c d v, x y w``, by which the pixel (p, q) is shown at (a p + c q, b p + d q) and
    then moved into place. One angle cannot say all of that: FFmpeg's is that of a turned picture alone.
    """
    from av.sidedata.sidedata import Type

    side_data: Any = frame.side_data
    data = side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    straight, crossed = max(abs(a), abs(d)), max(abs(b), abs(c))
    largest = max(straight, crossed)
    if largest == 0:
        return Orientation(exact=False)
    transposed = crossed > straight
    kept, others = ((c, b), (a, d)) if transposed else ((a, d), (b, c))
    exact = max(map(abs, others)) <= CLOSE * largest and abs(abs(kept[0]) - abs(kept[1])) <= CLOSE * largest
    return Orientation(transposed, mirrored=kept[0] < 0, flipped=kept[1] < 0, exact=exact)
