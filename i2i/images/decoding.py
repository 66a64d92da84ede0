"""Decoding one image file: what is accepted, and why all else is refused. No torch.

Accepted: PNG, JPEG, WebP, BMP and TIFF with one picture, of 1 bit, 8 bits or (greyscale) 16 bits a channel, with or
without palette and transparency, or JPEG and TIFF of CMYK. Colour profiles are not applied: that is done, where it
is asked for, by :mod:`~i2i.images.colour_profiles`. What stands beside the pixels never decides whether
they are read: where it is damaged or too much, it is left out.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from i2i.errors import reason_of
from i2i.images.beside import without_metadata
from i2i.images.colour_profiles import with_plain_inks
from i2i.images.georeference import take_georeference
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.images.metadata import Metadata, take_metadata
from i2i.images.orientation import orientation_of, turned
from i2i.images.png import PngError, is_png, open_png, scale_transparent_grey, with_16_bit_transparency
from i2i.images.refusals import name_of_content, reason_against_jpeg
from i2i.images.tiff import TiffPicture, examine, read_mask, read_with_tifffile, repair_palette, with_mask
from i2i.images.tiff_header import PIXEL_TAGS, TAGS_OF_SHAPE, TiffError, TiffHeader, is_tiff, read_header
from i2i.images.unusable import UnknownFormatError, UnusableImageError, opened, require_pixels

FORMAT_OF_SUFFIX = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The suffixes (in lower case) that make a file an image."""

_ACCEPTED = tuple(dict.fromkeys(FORMAT_OF_SUFFIX.values()))

SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"})
_CONVERT = "convert it to PNG, JPEG, WebP, BMP or TIFF"


@dataclass(frozen=True)
class DecodedImage:
    """An image as it stands in its file, decoded and turned upright.

    Attributes:
        image: of one of ``EIGHT_BIT_MODES`` or ``SIXTEEN_BIT_MODES``, or of ``CMYK``: 0 is no ink.
        format: Pillow's name of the file's format, one of those in ``FORMAT_OF_SUFFIX``.
        reduced: whether the file holds 16-bit colours, of which the upper 8 bits were read.
        metadata: what the file says beside the pixels, if it was asked for.
        notes: what of the file's pixels is left out, or what was assumed of them.
    """

    image: Image.Image
    format: str
    reduced: bool
    metadata: Metadata | None
    notes: tuple[str, ...] = ()


def decode(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS, metadata: bool = False) -> DecodedImage:
    """Decode a file to its last byte.

    Args:
        path: the file.
        max_pixels: more than this many pixels are refused, before anything is decoded.
        metadata: whether to collect what it says beside the pixels.

    Raises:
        UnusableImageError: with the reason: missing, empty, damaged, misnamed, too large, or of an unsupported kind.
    """
    with opened(path) as file, _telling_what_is_wrong(file):
        return _decode_open_file(file, _Wanted(path, max_pixels, metadata, None))


def decode_stream(file: BinaryIO, *, max_pixels: int = DEFAULT_MAX_PIXELS, metadata: bool = False) -> DecodedImage:
    """Decode what a client sent, to its last byte; only the parsers of the accepted formats see it.

    Args:
        file: open for reading, seekable, at its begin.
        max_pixels: more than this many pixels are refused, before anything is decoded.
        metadata: whether to collect what it says beside the pixels.

    Raises:
        UnknownFormatError: it is not a PNG, JPEG, WebP, BMP or TIFF.
        TooManyPixelsError: it is too large.
        UnusableImageError: with the reason: damaged, or of an unsupported kind.
    """
    with _telling_what_is_wrong(file):
        return _decode_open_file(file, _Wanted(None, max_pixels, metadata, _ACCEPTED))


@dataclass(frozen=True)
class PictureHeader:
    """What a picture's header says, before anything is decoded.

    Attributes:
        size: width and height, as stored.
        channels: of its colours, and one more for opacity.
        bits: 8 or 16, of its samples; 8 for fewer.
    """

    size: tuple[int, int]
    channels: int
    bits: int


def header_of(source: Path | BinaryIO) -> PictureHeader:
    """Read the header of a file, or of what a client sent, as :func:`decode` and :func:`decode_stream` do.

    Raises:
        UnusableImageError: with the reason that they would give.
    """
    if not isinstance(source, Path):
        with _telling_what_is_wrong(source):
            return _header_of_open_file(source, None, _ACCEPTED)
    with opened(source) as file, _telling_what_is_wrong(file):
        return _header_of_open_file(file, source, None)


@contextmanager
def without_pixel_limit() -> Iterator[None]:
    """Turn Pillow's own limit off for a moment: ``max_pixels`` is ours, and Pillow's is one number for all threads."""
    with _PIXEL_LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


_PIXEL_LIMIT_LOCK = threading.Lock()


@dataclass(frozen=True)
class _Wanted:
    """The arguments of a decoding: the file's path if it has one, and Pillow's formats that it may be of, or all."""

    path: Path | None
    max_pixels: int
    metadata: bool
    formats: tuple[str, ...] | None


@contextmanager
def _telling_what_is_wrong(file: BinaryIO) -> Iterator[None]:
    """Turn whatever Pillow and tifffile raise into the reason why a file cannot be used."""
    try:
        yield
    except (UnusableImageError, PermissionError):
        raise
    except MemoryError as error:
        raise UnusableImageError("there is not enough memory for its pixels") from error
    except TiffError as error:
        raise UnusableImageError(str(error)) from error
    except PngError as error:
        raise UnusableImageError(f"corrupt or truncated ({error})") from error
    except UnidentifiedImageError as error:
        if reason := reason_against_jpeg(file):
            raise UnusableImageError(f"it is {reason}") from error
        file.seek(0)
        name = name_of_content(file.read(512))
        told = f"its content is {name}; {_CONVERT}" if name else "not an image, or its header is damaged"
        raise UnknownFormatError(told) from error
    except Exception as error:  # Pillow's decoders raise many types for damaged data: OSError, SyntaxError, ValueError
        kind = reason_against_jpeg(file)
        reason = reason_of(error)
        what = f"of a kind that is not supported ({reason}); {_CONVERT}" if "nsupported" in reason else None
        raise UnusableImageError(f"it is {kind}" if kind else what or f"corrupt or truncated ({reason})") from error


def _header_of_open_file(file: BinaryIO, path: Path | None, formats: tuple[str, ...] | None) -> PictureHeader:
    if is_tiff(file):
        _check_format("TIFF", path)
        picture = examine(read_header(file))
        return PictureHeader(picture.size, picture.colours + (picture.alpha is not None), max(picture.bits, 8))
    try:
        image = _open_header(file, formats)
    except Exception:  # of what stands beside the picture, which does not count
        file.seek(0)
        bare = open_png(file).file if is_png(file) else without_metadata(file)
        if bare is None:
            raise
        image = _open_header(bare, formats)
    _check_format(_format(image), path)
    _check_frames(image)
    grey = image.mode in ("1", "L", "LA") or image.mode in SIXTEEN_BIT_MODES
    deep = image.mode in SIXTEEN_BIT_MODES or ";16" in _raw_mode(image)
    return PictureHeader(image.size, (1 if grey else 3) + image.has_transparency_data, 16 if deep else 8)


def _decode_open_file(file: BinaryIO, wanted: _Wanted) -> DecodedImage:
    if is_tiff(file):
        return _decode_tiff(file, wanted)
    if is_png(file):
        return _decode_png(file, wanted)
    try:
        return _decode_by_pillow(file, wanted)
    except UnusableImageError:
        raise
    except Exception:
        bare = without_metadata(file)
        if bare is None:
            raise
        return replace(_decode_by_pillow(bare, wanted), metadata=_DAMAGED if wanted.metadata else None)


def _decode_by_pillow(file: BinaryIO, wanted: _Wanted) -> DecodedImage:
    """Decode a JPEG, WebP or BMP."""
    image = _open_header(file, wanted.formats)
    _check_header(image, wanted)
    _check_frames(image)
    image.load()
    return _decoded(image, with_plain_inks(image), wanted)


def _decode_png(file: BinaryIO, wanted: _Wanted) -> DecodedImage:
    png = open_png(file)
    image = _open_header(png.file, wanted.formats)
    _check_header(image, wanted)
    _check_frames(image)
    raw_mode = _raw_mode(image)
    image.load()
    shown: Image.Image = image
    if "transparency" in image.info and raw_mode == "RGB;16B":
        png.file.seek(0)
        lower = _open_header(png.file, wanted.formats)
        _take_lower_bytes(lower)
        lower.load()
        shown = with_16_bit_transparency(image, lower)
    scale_transparent_grey(image, raw_mode)
    decoded = _decoded(image, shown, wanted, reduced=";16" in raw_mode and image.mode not in SIXTEEN_BIT_MODES)
    if decoded.metadata is None:
        return decoded
    told = replace(decoded.metadata, texts=png.descriptions, notes=(*decoded.metadata.notes, *png.notes))
    return replace(decoded, metadata=told)


def _decode_tiff(file: BinaryIO, wanted: _Wanted) -> DecodedImage:
    _check_format("TIFF", wanted.path)
    header = read_header(file)
    picture = examine(header)
    require_pixels(picture.size, wanted.max_pixels)
    page = header.pages[picture.frame]
    damaged = header.outside(page) + header.unbounded(page)
    source = io.BytesIO(header.without(page, damaged)) if damaged else file
    image = _load_page(source, header, picture, wanted) if picture.reader == "pillow" else None
    if image is None:
        image = turned(read_with_tifffile(header, picture, source), picture.orientation)
    if picture.mask is not None:
        image = with_mask(image, turned(read_mask(header, picture, file), picture.orientation))
    reduced = picture.bits == 16 and image.mode not in SIXTEEN_BIT_MODES
    metadata = None
    if wanted.metadata:
        sideways = picture.orientation > 4
        exif = _tiff_exif(source, header, page.offset)
        metadata = take_metadata(image, exif=exif, turned=sideways, broken=exif is None)
        place, notes = take_georeference(header, page, turned=picture.orientation > 1)
        notes += _DAMAGED.notes if damaged else ()
        metadata = replace(metadata, georeference=place, notes=(*metadata.notes, *notes))
    return DecodedImage(image, "TIFF", reduced, metadata, picture.notes)


def _load_page(source: BinaryIO, header: TiffHeader, picture: TiffPicture, wanted: _Wanted) -> Image.Image | None:
    """Decode the page by Pillow, which turns it upright; where its tags for people are damaged, without them.

    Returns:
        The picture; None where this version of Pillow does not know its kind, and tifffile does.

    Raises:
        UnusableImageError: its kind is not read.
        Exception: whatever Pillow raises for damaged data.
    """
    page = header.pages[picture.frame]
    try:
        image = _open_page(source, picture.frame, wanted)
        image.load()
    except UnusableImageError:
        raise
    except Exception:
        beside = tuple(tag for tag in page.entries if tag not in PIXEL_TAGS | TAGS_OF_SHAPE)
        try:
            image = _open_page(io.BytesIO(header.without(page, beside)), picture.frame, wanted)
        except UnidentifiedImageError as error:
            if picture.obstacle:
                raise UnusableImageError(picture.obstacle) from error
            return None
        image.load()
    if picture.inverted and image.mode in SIXTEEN_BIT_MODES:  # Pillow inverts those of 8 bits alone
        info = image.info
        image = Image.fromarray(np.uint16(65535) - np.asarray(image).astype(np.uint16))
        image.info = info
    repair_palette(image, header, picture)
    return image


def _open_page(file: BinaryIO, frame: int, wanted: _Wanted) -> Image.Image:
    file.seek(0)
    image = _open_header(file, wanted.formats)
    if frame:
        image.seek(frame)
    check_mode(image.mode, inks=True)
    return image


def _tiff_exif(file: BinaryIO, header: TiffHeader, offset: int) -> Image.Exif | None:
    exif = Image.Exif()
    exif.bigtiff, exif.endian = header.big, header.order
    try:
        exif.load_from_fp(file, offset)
    except Exception:  # Pillow's parser raises many types for damaged data, and does not know each kind of BigTIFF
        return None
    return exif


def _decoded(image: Image.Image, shown: Image.Image, wanted: _Wanted, *, reduced: bool = False) -> DecodedImage:
    """Turn what was decoded upright, and collect what the file says beside it.

    Args:
        image: as Pillow opened it.
        shown: the same, or made from it.
        wanted: the arguments.
        reduced: see :class:`DecodedImage`.
    """
    orientation = orientation_of(image)
    broken = orientation is None
    metadata = take_metadata(image, turned=(orientation or 1) > 4, broken=broken) if wanted.metadata else None
    return DecodedImage(turned(shown, orientation or 1), _format(image), reduced, metadata)


_DAMAGED = Metadata(notes=("some of what it says beside its pixels is damaged and was left out",))


def _open_header(file: BinaryIO, formats: tuple[str, ...] | None) -> Image.Image:
    with without_pixel_limit():
        return Image.open(file, formats=formats)


def _check_header(image: Image.Image, wanted: _Wanted) -> None:
    _check_format(_format(image), wanted.path)
    require_pixels(image.size, wanted.max_pixels)


def _check_format(found: str, path: Path | None) -> None:
    if found not in FORMAT_OF_SUFFIX.values():
        raise UnknownFormatError(f"its content is {found}; {_CONVERT}")
    expected = path and FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if path and expected not in (None, found):
        suffix = next(suffix for suffix, name in FORMAT_OF_SUFFIX.items() if name == found)
        raise UnusableImageError(f"misnamed: its content is {found}; rename it to {path.stem}{suffix}")


def _check_frames(image: Image.Image) -> None:
    """Refuse several frames, which the headers of the formats other than TIFF tell without a search."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise UnusableImageError(f"{frames} frames or pages; save each as a file of its own")
    check_mode(image.mode, inks=True)


def check_mode(mode: str, *, inks: bool = False) -> None:
    """Raise an UnusableImageError when a Pillow mode is not one of those that are read, to which CMYK may belong."""
    if mode == "CMYK":
        if not inks:
            raise UnusableImageError(f"colour mode {mode} is not supported; convert it to RGB, or set data.color=srgb")
    elif mode not in EIGHT_BIT_MODES | SIXTEEN_BIT_MODES:
        raise UnusableImageError(
            f"colour mode {mode} is not supported; convert it to RGB, or to greyscale of 8 or 16 bits"
        )


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with previews behind it


def _take_lower_bytes(image: Image.Image) -> None:
    """Have Pillow decode the lower bytes of 16-bit colours, of which it takes the upper ones by itself."""
    opened: Any = image
    opened.tile = [opened.tile[0]._replace(args="RGB;16L")]


def _raw_mode(image: Image.Image) -> str:
    """How pixels lie in the file, such as ``RGB;16B``; the decoder's first argument in every format that has one."""
    tiles: Any = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)
