"""Where tiles come from and go to: tensors, or pictures of 8 or 16 bits, which take a quarter of the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i.errors import DivergedError
from i2i.tensors.padding import Size, side_padding
from i2i.tensors.pixels import to_picture
from i2i.translation.kinds import to_tensor
from i2i.translation.tiles.boxes import Box, Extent, Span
from i2i.translation.tiles.compute import Sink, Source
from i2i.translation.tiles.operations import Padding


class SizedSource(Source, Protocol):
    """A source that knows its size."""

    @property
    def size(self) -> Size:
        """Height and width."""


class TensorSource:
    """A tensor ``[1, C, H, W]``."""

    def __init__(self, image: Tensor) -> None:
        self._image = image

    @property
    def size(self) -> Size:
        """Height and width."""
        return self._image.shape[2], self._image.shape[3]

    def read(self, box: Box) -> Tensor:
        """A view."""
        return self._image[:, :, slice(*box.rows), slice(*box.columns)]


class PictureSource:
    """What :func:`~i2i.images.reading.to_opaque` gave; each tile becomes numbers as the whole picture would."""

    def __init__(self, opaque: Image.Image, channels: int) -> None:
        self._opaque = opaque
        self._channels = channels

    @property
    def size(self) -> Size:
        """Height and width."""
        return self._opaque.height, self._opaque.width

    def read(self, box: Box) -> Tensor:
        """``[1, C, h, w]`` in [-1, 1]."""
        part = self._opaque.crop((box.columns.start, box.rows.start, box.columns.stop, box.rows.stop))
        return to_tensor(part, self._channels)


class PaddedSource:
    """A source padded to a size as :func:`~i2i.tensors.padding.pad` pads images; each tile is padded as it is read."""

    def __init__(self, source: SizedSource, channels: int, size: Size) -> None:
        self._source = source
        height, width = source.size
        self.size = size
        above, below, vertical = side_padding(height, self.size[0])
        left, right, horizontal = side_padding(width, self.size[1])
        self.offset = (above, left)
        self._extents = (Extent(channels, height, width), Extent(channels, self.size[0], width))
        self._paddings = (Padding((above, below), (0, 0), vertical), Padding((0, 0), (left, right), horizontal))

    def read(self, box: Box) -> Tensor:
        """A rectangle of the padded image."""
        rows, columns = self._paddings
        (wide,) = columns.needs(box, self._extents[1:])
        (inner,) = rows.needs(wide, self._extents[:1])
        part = rows.compute(wide, self._extents[:1], [self._source.read(inner)])
        return columns.compute(box, self._extents[1:], [part])


class TensorSink:
    """A tensor ``[1, C, H, W]`` of float32, to be filled."""

    def __init__(self, channels: int, size: Size, device: torch.device) -> None:
        self.image = torch.empty(1, channels, *size, dtype=torch.float32, device=device)

    def write(self, box: Box, tile: Tensor) -> None:
        """Put a tile in its place."""
        self.image[:, :, slice(*box.rows), slice(*box.columns)] = tile


class PictureSink:
    """The pixels of a picture, to be filled; rounded as :func:`~i2i.tensors.pixels.to_picture` rounds."""

    def __init__(self, channels: int, size: Size, *, deep: bool) -> None:
        self._deep = deep and channels == 1
        shape = size if channels == 1 else (*size, channels)
        self._pixels = np.empty(shape, np.uint16 if self._deep else np.uint8)

    def write(self, box: Box, tile: Tensor) -> None:
        """Put a tile in its place."""
        self._pixels[slice(*box.rows), slice(*box.columns)] = np.asarray(to_picture(tile, deep=self._deep))

    def picture(self) -> Image.Image:
        """The picture."""
        return Image.fromarray(self._pixels)


class CroppedSink:
    """Hands on what lies inside the image that was padded, as float32.

    Args:
        sink: what takes it.
        offset: pixels of padding above and left of the image.
        size: height and width of the image.
        diverged: gives the error to raise when the network gave NaN or infinity.

    Raises:
        DivergedError: from ``diverged``; by :meth:`write`.
    """

    def __init__(self, sink: Sink, offset: tuple[int, int], size: Size, diverged: Callable[[], DivergedError]) -> None:
        self._sink = sink
        self._offset = offset
        self._size = size
        self._diverged = diverged

    def write(self, box: Box, tile: Tensor) -> None:
        """Take a tile of the padded result."""
        if not torch.isfinite(tile).all():
            raise self._diverged()
        places, cuts = [], []
        for span, offset, size in zip(box, self._offset, self._size, strict=True):
            place = Span(span.start - offset, span.stop - offset).clipped(size)
            places.append(place)
            cuts.append(slice(place.start + offset - span.start, place.stop + offset - span.start))
        if all(place.length for place in places):
            self._sink.write(Box(*places), tile[:, :, cuts[0], cuts[1]].float())
