"""Reading one image file: what is accepted, what is refused and why, and how pixels become numbers. No torch.

Accepted: PNG, JPEG, WebP, BMP and TIFF with one picture, of 1 bit, 8 bits or (greyscale) 16 bits a channel, with or
without palette and transparency. Colour profiles are not applied.
"""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError

from i2i.errors import DataError, reason_of
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.images.metadata import Metadata, take_metadata

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

SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"})
_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0


class UnusableImageError(Exception):
    """An image file that cannot be used. The message is the reason alone, without the path."""


class UnknownFormatError(UnusableImageError):
    """The content is no picture of a format that is read, or its header is damaged."""


class TooManyPixelsError(UnusableImageError):
    """The header announces more pixels than are allowed; nothing was decoded.

    Attributes:
        size: width and height.
    """

    def __init__(self, size: tuple[int, int], max_pixels: int) -> None:
        super().__init__(
            f"{size[0]} x {size[1]} pixels, more than max_pixels = {max_pixels}: a decompression bomb? "
            "If it is meant, raise max_pixels"
        )
        self.size = size


@dataclass(frozen=True)
class DecodedImage:
    """An image as it stands in its file, decoded and turned upright.

    Attributes:
        image: of one of ``EIGHT_BIT_MODES`` or ``SIXTEEN_BIT_MODES``.
        format: Pillow's name of the file's format, one of those in ``FORMAT_OF_SUFFIX``.
        reduced: whether the file holds 16-bit colours, of which Pillow reads the upper 8 bits.
        metadata: what the file says beside the pixels, if it was asked for.
    """

    image: Image.Image
    format: str
    reduced: bool
    metadata: Metadata | None


def read_image(
    path: Path, *, channels: int, background: str = "#ffffff", max_pixels: int = DEFAULT_MAX_PIXELS
) -> Image.Image:
    """Read an image upright (EXIF orientation applied), opaque, in one or three channels.

    Args:
        path: the file.
        channels: 1 for greyscale (Rec. 601 luma: 0.299 R + 0.587 G + 0.114 B) or 3 for RGB.
        background: the colour ``#rrggbb`` that transparent pixels are laid over.
        max_pixels: more than this many pixels are refused, before anything is decoded.

    Returns:
        A Pillow image of mode ``L`` or ``RGB`` (0 to 255), or of mode ``F`` (0 to 1) for 16-bit greyscale, whatever
        the channels: hand it to :func:`to_array` with the same ``channels``.

    Raises:
        DataError: when the file cannot be used; the message holds the path and the reason.
    """
    try:
        decoded = decode(path, max_pixels=max_pixels)
    except UnusableImageError as error:
        raise DataError(f"{path}: {error}") from error
    return to_opaque(decoded.image, channels=channels, background=background)


def upright(image: Image.Image) -> Image.Image:
    """Check a picture that a program already holds as :func:`decode` checks a file, and apply its EXIF orientation.

    Raises:
        UnusableImageError: its colour mode is not supported.
    """
    _check_mode(image.mode)
    return ImageOps.exif_transpose(image)


def to_opaque(image: Image.Image, *, channels: int, background: str = "#ffffff") -> Image.Image:
    """Lay a decoded picture over ``background`` and bring it to its channels; arguments and result as in read_image."""
    if image.mode in SIXTEEN_BIT_MODES:
        return _to_unit_float(image, background)
    if image.has_transparency_data:
        over = Image.new("RGBA", image.size, background)
        image = Image.alpha_composite(over, image.convert("RGBA")).convert("RGB")
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def to_array(image: Image.Image, channels: int) -> npt.NDArray[np.float32]:
    """Turn what :func:`read_image` returned, resized or cropped since, into float32 ``[channels, H, W]`` in [-1, 1]."""
    pixels = np.asarray(image, dtype=np.float32)
    # Bicubic weights are partly negative: in mode F a resize can leave [0, 1], where Pillow clips 8-bit images itself.
    unit = np.clip(pixels, 0, 1) if image.mode == "F" else pixels / np.float32(255)
    planes = unit.transpose(2, 0, 1) if unit.ndim == 3 else unit[None]
    scaled = (planes - np.float32(0.5)) / np.float32(0.5)
    return np.array(
        np.broadcast_to(scaled, (channels, *planes.shape[1:])), order="C"
    )  # a copy: broadcasts are read-only


def decode(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS, metadata: bool = False) -> DecodedImage:
    """Decode a file to its last byte.

    Args:
        path: the file.
        max_pixels: more than this many pixels are refused, before anything is decoded.
        metadata: whether to collect what it says beside the pixels.

    Raises:
        UnusableImageError: with the reason: missing, empty, damaged, misnamed, too large, or of an unsupported kind.
    """
    try:
        status = path.stat()
    except OSError as error:
        kind = "a broken link" if path.is_symlink() else "not readable"
        raise UnusableImageError(f"{kind} ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise UnusableImageError("not a regular file")
    if status.st_size == 0:
        raise UnusableImageError("empty (0 bytes)")
    try:
        with path.open("rb") as file, _telling_what_is_wrong():
            return _decode_open_file(file, path, max_pixels, metadata)
    except PermissionError as error:
        raise UnusableImageError(f"not readable ({error.strerror})") from error


def decode_stream(file: BinaryIO, *, max_pixels: int = DEFAULT_MAX_PIXELS, metadata: bool = False) -> DecodedImage:
    """Decode what a stranger sent, to its last byte; only Pillow's parsers of the accepted formats see it.

    Args:
        file: open for reading, seekable, at its begin.
        max_pixels: more than this many pixels are refused, before anything is decoded.
        metadata: whether to collect what it says beside the pixels.

    Raises:
        UnknownFormatError: it is no PNG, JPEG, WebP, BMP or TIFF.
        TooManyPixelsError: it is too large.
        UnusableImageError: with the reason: damaged, or of an unsupported kind.
    """
    with _telling_what_is_wrong():
        return _decode_open_file(
            file, None, max_pixels, metadata, formats=tuple(dict.fromkeys(FORMAT_OF_SUFFIX.values()))
        )


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


@contextmanager
def _telling_what_is_wrong() -> Iterator[None]:
    """Turn whatever Pillow raises into the reason why a file cannot be used."""
    try:
        yield
    except (UnusableImageError, PermissionError):
        raise
    except UnidentifiedImageError as error:
        raise UnknownFormatError("not an image, or its header is damaged") from error
    except Exception as error:  # Pillow's decoders raise many types for damaged data: OSError, SyntaxError, ValueError
        reason = reason_of(error)
        raise UnusableImageError(f"corrupt or truncated ({reason})") from error


def _decode_open_file(
    file: BinaryIO, path: Path | None, max_pixels: int, metadata: bool, formats: tuple[str, ...] | None = None
) -> DecodedImage:
    image = _open_header(file, formats)
    _check_header(image, path, max_pixels)
    if image.format == "PNG":  # decoding skips the checksums; verifying reads them and makes the object unusable
        image.verify()
        file.seek(0)
        image = _open_header(file, formats)
    raw_mode = _raw_mode(image)
    inverted = image.mode in SIXTEEN_BIT_MODES and _tag(image, _PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
    image.load()
    turned = ImageOps.exif_transpose(image)
    if inverted:  # Pillow inverts 8-bit images of this kind, but not 16-bit ones
        info = turned.info
        turned = Image.fromarray(np.uint16(65535) - np.asarray(turned).astype(np.uint16))
        turned.info = info
    reduced = ";16" in raw_mode and image.mode not in SIXTEEN_BIT_MODES
    return DecodedImage(turned, _format(image), reduced, take_metadata(image) if metadata else None)


def _open_header(file: BinaryIO, formats: tuple[str, ...] | None) -> Image.Image:
    with without_pixel_limit():
        return Image.open(file, formats=formats)


def _check_header(image: Image.Image, path: Path | None, max_pixels: int) -> None:
    found = _format(image)
    if found not in FORMAT_OF_SUFFIX.values():
        raise UnknownFormatError(f"its content is {found}; convert it to PNG, JPEG, WebP, BMP or TIFF")
    expected = path and FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if path and expected not in (None, found):
        suffix = next(suffix for suffix, name in FORMAT_OF_SUFFIX.items() if name == found)
        raise UnusableImageError(f"misnamed: its content is {found}; rename it to {path.stem}{suffix}")
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixelsError((width, height), max_pixels)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise UnusableImageError(f"{frames} frames or pages; save each as a file of its own")
    _check_mode(image.mode)
    if "12" in _raw_mode(image):
        raise UnusableImageError("12 bits a pixel are not supported; convert it to 8 or 16 bits")


def _check_mode(mode: str) -> None:
    if mode not in EIGHT_BIT_MODES | SIXTEEN_BIT_MODES:
        raise UnusableImageError(
            f"colour mode {mode} is not supported; convert it to RGB, or to greyscale of 8 or 16 bits"
        )


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with previews behind it


def _raw_mode(image: Image.Image) -> str:
    """How pixels lie in the file, such as ``RGB;16B``; the decoder's first argument in every format that has one."""
    tiles: Any = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _tag(image: Image.Image, tag: int) -> Any:
    return getattr(image, "tag_v2", {}).get(tag)


def _to_unit_float(image: Image.Image, background: str) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    unit = values / np.float32(65535)
    transparent = image.info.get("transparency")  # PNG may name one grey as transparent
    if transparent is not None:
        unit[values == transparent] = ImageColor.getcolor(background, "L") / 255  # type: ignore[operator]
    return Image.fromarray(unit)
