"""Reads and writes TIFF: pictures as all of them, and values of any number of bands and of any type. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from i2i.builtin.readers.pictures import PictureReader
from i2i.errors import reason_of
from i2i.images.metadata import Metadata
from i2i.images.tiff import examine
from i2i.images.tiff_bands import (
    NoBandsError,
    TiffBands,
    examine_bands,
    metadata_of_bands,
    read_bands,
    read_bands_within,
    write_bands,
)
from i2i.images.tiff_header import TiffError, TiffHeader, is_tiff, read_header
from i2i.images.unusable import UnusableImageError, opened
from i2i.images.value_range import TYPES
from i2i.plugins import Box, ImageHeader, ReadImage


class TiffReader(PictureReader):
    """TIFF files: what is no picture, such as five bands or floats, is values."""

    def __init__(self) -> None:
        super().__init__("TIFF")

    def header(self, source: Path | BinaryIO) -> ImageHeader:
        """Size and kind, of a picture or of values.

        Raises:
            UnusableImageError: with the reason.
        """
        if refused := _why_no_picture(source):
            with _bands(source, refused) as (_, _, bands):
                return ImageHeader(*bands.size, bands.channels, bands.type)
        return super().header(source)

    def read(self, source: Path | BinaryIO, *, beside: bool) -> ReadImage:
        """Decode to a Pillow image, or to ``[H, W, C]`` where it is no picture.

        Raises:
            UnusableImageError: with the reason.
        """
        if refused := _why_no_picture(source):
            return _values(source, refused)
        return super().read(source, beside=beside)

    def samples(self, source: Path | BinaryIO) -> ReadImage:
        """Decode every band with all its bits, also of a picture; one that tifffile does not read comes as a picture.

        Raises:
            UnusableImageError: with the reason.
        """
        try:
            return _values(source, UnusableImageError("it is no TIFF file of values"))
        except UnusableImageError:
            _rewind(source)
            return super().read(source, beside=True)

    def read_window(self, source: Path | BinaryIO, box: Box) -> npt.NDArray[Any] | None:
        """Decode the strips and tiles that a box touches; None where all of them are wanted.

        Raises:
            UnusableImageError: with the reason.
        """
        refused = UnusableImageError("it is no TIFF file of values")
        try:
            with _bands(source, refused) as (file, header, bands):
                return read_bands_within(header, bands, file, box)
        except UnusableImageError as error:
            if error is refused:
                return None
            raise

    def holds(self, channels: int, dtype: str) -> bool:  # noqa: ARG002
        """Any number of channels, of all types."""
        return dtype in TYPES

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write a picture, or the bands of what is none."""
        metadata = like if isinstance(like, Metadata) else Metadata()
        is_picture = super().holds(pixels.shape[2], pixels.dtype.name)
        if is_picture and (pixels.shape[2] in (1, 3) or metadata.opacity):
            return super().write(pixels, file, like=like)
        return write_bands(pixels, file, metadata)


def _why_no_picture(source: Path | BinaryIO) -> UnusableImageError | None:
    """Why a TIFF file is no picture; ``None`` for one that is, and for what is no TIFF file at all."""
    if isinstance(source, Path):
        with opened(source) as file:
            return _refusal_of(file)
    refused = _refusal_of(source)
    source.seek(0)
    return refused


def _refusal_of(file: BinaryIO) -> UnusableImageError | None:
    if not is_tiff(file):
        return None
    try:
        examine(read_header(file))
    except TiffError as error:
        return UnusableImageError(str(error))
    except Exception:  # of a damaged header: whoever decodes the picture says what is wrong
        return None
    return None


@contextmanager
def _bands(source: Path | BinaryIO, refused: UnusableImageError) -> Iterator[tuple[BinaryIO, TiffHeader, TiffBands]]:
    """The bands of a file.

    Raises:
        UnusableImageError: ``refused``, where it has none, or why they cannot be read.
    """
    _rewind(source)
    if isinstance(source, Path):
        with opened(source) as file, _telling(refused):
            yield (file, *_examined(file))
    else:
        with _telling(refused):
            yield (source, *_examined(source))


def _examined(file: BinaryIO) -> tuple[TiffHeader, TiffBands]:
    if not is_tiff(file):
        raise NoBandsError("it is no TIFF file")
    header = read_header(file)
    return header, examine_bands(header, file)


def _values(source: Path | BinaryIO, refused: UnusableImageError) -> ReadImage:
    with _bands(source, refused) as (file, header, bands):
        return ReadImage(read_bands(header, bands, file), metadata_of_bands(header, bands), format="TIFF")


@contextmanager
def _telling(refused: UnusableImageError) -> Iterator[None]:
    try:
        yield
    except (UnusableImageError, MemoryError):
        raise
    except NoBandsError as error:
        raise refused from error
    except TiffError as error:
        raise UnusableImageError(str(error)) from error
    except Exception as error:  # tifffile raises many types for damaged data
        raise UnusableImageError(f"corrupt or truncated ({reason_of(error)})") from error


def _rewind(source: Path | BinaryIO) -> None:
    if not isinstance(source, Path):
        source.seek(0)
