"""From a decoded picture to the numbers that a network takes. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from i2i.errors import DataError
from i2i.images.colour_profiles import with_plain_inks
from i2i.images.decoding import (
    EIGHT_BIT_MODES,
    FORMAT_OF_SUFFIX,
    SIXTEEN_BIT_MODES,
    DecodedImage,
    check_mode,
    decode,
    decode_stream,
    without_pixel_limit,
)
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.images.orientation import orientation_of, turned
from i2i.images.scaling import EIGHT_BITS, SIXTEEN_BITS, to_unit
from i2i.images.unusable import TooManyPixelsError, UnknownFormatError, UnusableImageError

__all__ = [
    "EIGHT_BIT_MODES",
    "FORMAT_OF_SUFFIX",
    "SIXTEEN_BIT_MODES",
    "DecodedImage",
    "TooManyPixelsError",
    "UnknownFormatError",
    "UnusableImageError",
    "decode",
    "decode_stream",
    "read_image",
    "to_array",
    "to_opaque",
    "upright",
    "without_pixel_limit",
]


def read_image(
    path: Path, *, channels: int, background: str = "#ffffff", max_pixels: int = DEFAULT_MAX_PIXELS
) -> Image.Image:
    """Read a picture of a built-in format for a network, as programs written for i2i 0.1.0 do.

    :meth:`i2i.images.readers.Readers.read_opaque` reads those of every installed format.

    Args:
        path: the file.
        channels: 1 for greyscale or 3 for RGB.
        background: the colour ``#rrggbb`` that transparent pixels are laid over.
        max_pixels: more than this many pixels are refused, before anything is decoded.

    Returns:
        As :func:`to_opaque`.

    Raises:
        DataError: the file cannot be used; the message holds the path and the reason.
    """
    try:
        decoded = decode(path, max_pixels=max_pixels)
        check_mode(decoded.image.mode)
    except UnusableImageError as error:
        raise DataError(f"{path}: {error}") from error
    return to_opaque(decoded.image, channels=channels, background=background)


def upright(image: Image.Image, *, inks: bool = False) -> Image.Image:
    """Check a picture that a program already holds as :func:`decode` checks a file, and apply its EXIF orientation.

    Args:
        image: of a mode that is read.
        inks: whether CMYK is one.

    Raises:
        UnusableImageError: its colour mode is not supported.
        OSError: it is of a file that was opened, and whose pixels cannot be read.
    """
    check_mode(image.mode, inks=inks)
    image.load()  # damage shows here, not where EXIF is looked for
    return turned(with_plain_inks(image), orientation_of(image) or 1)


def to_opaque(image: Image.Image, *, channels: int, background: str = "#ffffff") -> Image.Image:
    """Lay a decoded picture over ``background``, and bring it to its channels.

    Args:
        image: as :func:`decode` gives it.
        channels: 1 for greyscale (Rec. 601 luma: 0.299 R + 0.587 G + 0.114 B) or 3 for RGB.
        background: the colour ``#rrggbb`` that transparent pixels are laid over.

    Returns:
        A Pillow image of mode ``L`` or ``RGB`` (0 to 255), or of mode ``F`` (0 to 1) for 16-bit greyscale, whatever
        the channels: hand it to :func:`to_array` with the same ``channels``.
    """
    if image.mode in SIXTEEN_BIT_MODES:
        return _to_unit_float(image, background)
    if image.has_transparency_data:
        over = Image.new("RGBA", image.size, background)
        image = Image.alpha_composite(over, image.convert("RGBA")).convert("RGB")
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def to_array(image: Image.Image, channels: int) -> npt.NDArray[np.float32]:
    """Turn what :func:`to_opaque` returned, resized or cropped since, into float32 ``[channels, H, W]`` in [-1, 1]."""
    pixels = np.asarray(image, dtype=np.float32)
    # Bicubic weights are partly negative: in mode F a resize can leave [0, 1], where Pillow clips 8-bit images itself.
    scaled = to_unit(np.clip(pixels, 0, 1), 1) if image.mode == "F" else to_unit(pixels)
    planes = scaled.transpose(2, 0, 1) if scaled.ndim == 3 else scaled[None]
    return np.array(
        np.broadcast_to(planes, (channels, *planes.shape[1:])), order="C"
    )  # a copy: broadcasts are read-only


def _to_unit_float(image: Image.Image, background: str) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    unit = values / SIXTEEN_BITS
    transparent = image.info.get("transparency")  # PNG may name one grey as transparent
    if transparent is not None:
        unit[values == transparent] = ImageColor.getcolor(background, "L") / EIGHT_BITS  # type: ignore[operator]
    return Image.fromarray(unit)
