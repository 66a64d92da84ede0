"""Reads and writes pictures: PNG, JPEG, WebP, BMP and TIFF. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.images.decoding import decode, decode_stream, header_of
from i2i.images.glance import Glance, glance
from i2i.images.metadata import Metadata
from i2i.images.writing import OPACITY_FORMATS, SIXTEEN_BIT_FORMATS, encode_image
from i2i.plugins import ImageHeader, ReadImage

_ANY_NUMBER = 1 << 62
"""Of pixels: the header was looked at before."""


class PictureReader:
    """The pictures that :mod:`i2i.images.decoding` accepts, and writing them in one format.

    Args:
        format_name: Pillow's name of it.
    """

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name

    def header(self, source: Path | BinaryIO) -> ImageHeader:
        """Size and kind, by the header alone.

        Raises:
            UnusableImageError: with the reason.
        """
        header = header_of(source)
        return ImageHeader(*header.size, header.channels, f"uint{header.bits}")

    def glance(self, path: Path) -> Glance | None:
        """What decoding a PNG, JPEG or WebP would show beside its pixels; None where its header does not tell."""
        return glance(path)

    def read(self, source: Path | BinaryIO, *, beside: bool) -> ReadImage:
        """Decode to a Pillow image, upright.

        Raises:
            UnusableImageError: with the reason.
        """
        if isinstance(source, Path):
            decoded = decode(source, max_pixels=_ANY_NUMBER, metadata=beside)
        else:
            decoded = decode_stream(source, max_pixels=_ANY_NUMBER, metadata=beside)
        found = None if decoded.metadata == Metadata() else decoded.metadata
        return ReadImage(decoded.image, found, decoded.notes, decoded.reduced, decoded.format)

    def holds(self, channels: int, dtype: str) -> bool:
        """Whether it is grey or RGB, of 8 bits, with opacity or grey of 16 where the format holds those."""
        if dtype == "uint8":
            return channels in (1, 3) or (channels in (2, 4) and self.format_name in OPACITY_FORMATS)
        return dtype == "uint16" and channels == 1 and self.format_name in SIXTEEN_BIT_FORMATS

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write a picture, with what of the other one's metadata stays true."""
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
        metadata = like if isinstance(like, Metadata) else Metadata()
        encode_image(image, file, format_name=self.format_name, metadata=metadata)
        return metadata.losses(image.mode, self.format_name)
