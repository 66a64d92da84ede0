"""Formats of image files: what i2i asks of an object that reads and writes one. Imports neither numpy nor Pillow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image


Box = tuple[int, int, int, int]
"""A part of an image: its left, top, right and bottom in pixels, the latter two just outside, as Pillow has them."""


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of its image before anything is decoded.

    Attributes:
        width: in pixels, upright.
        height: likewise.
        channels: of its pixels.
        type: of their values, by numpy's name: ``"uint8"``, ``"uint16"``, ``"float32"``, ...
    """

    width: int
    height: int
    channels: int
    type: str


@dataclass(frozen=True)
class ReadImage:
    """An image as it stands in its file, decoded and upright.

    Attributes:
        pixels: an array ``[H, W, C]`` of whole numbers or floats, in the units of the file; or a Pillow image, where
            the file is a picture for the eye, with or without palette and transparency.
        beside: what the file says beside its pixels, for the ``write`` of a reader to hand on: anything, for a reader
            looks only for what is of a type of its own; None where there is nothing.
        notes: what of the file's pixels is left out, or was assumed of them, each in one sentence.
        reduced: whether the file holds 16 bits, of which the upper 8 were read.
        format: the format's name, where the file turned out to be of another one than its reader's; else empty.
    """

    pixels: npt.NDArray[Any] | Image.Image
    beside: Any = None
    notes: tuple[str, ...] = ()
    reduced: bool = False
    format: str = ""


class ImageReader(Protocol):
    """Reads and writes image files of one format. It can be pickled, for processes that load.

    Two more members are used where a reader has them:

    - ``samples(source)`` returns a :class:`ReadImage` with all the values of a file, with what stands beside them,
      where ``read`` gives a picture of fewer bands or bits.
    - ``read_window(source, box)`` returns those values of a part of the image, ``[h, w, C]``, and decodes no more
      of the file than it takes; or None for a file that has to be decoded whole. The :data:`Box` is upright and inside.

    A source is a file's path, or a file that is open for reading, at its begin. What is raised for a file that cannot
    be used is the reason alone, without the path: a sentence for people.
    """

    def header(self, source: Path | BinaryIO) -> ImageHeader:
        """What the file holds, without decoding it: a large one is refused before it costs memory."""
        ...

    def read(self, source: Path | BinaryIO, *, beside: bool) -> ReadImage:
        """Decode the whole file; ``beside`` asks for what it says beside the pixels."""
        ...

    def holds(self, channels: int, dtype: str) -> bool:
        """Whether the format holds such pixels, as exactly as it holds any; never, for one that is not written.

        Of 2 and 4 channels of ``uint8`` the last is opacity, where the format has such. Called by position.
        """
        ...

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write ``[H, W, C]`` of a kind that :meth:`holds`.

        Args:
            pixels: an array that may be kept, not changed.
            file: open for writing; seekable.
            like: the ``beside`` of the image that these pixels were made from, of whichever reader, or None.

        Returns:
            What of ``like`` the file does not hold, each in one sentence.
        """
        ...
