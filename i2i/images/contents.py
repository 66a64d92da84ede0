"""What was read of an image file, as a picture or as values. No torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.images.colour_profiles import in_srgb
from i2i.images.metadata import in_srgb_beside
from i2i.images.unusable import UnusableImageError
from i2i.plugins.image_formats import Box, ReadImage


def require_channels(samples: npt.NDArray[Any], channels: int) -> None:
    """Raise an UnusableImageError for values ``[H, W, C]`` of other channels."""
    if samples.shape[2] != channels:
        raise UnusableImageError(f"it has {_counted(samples.shape[2])}; expected {channels}")


def _counted(channels: int) -> str:
    return f"{channels} {'channel' if channels == 1 else 'channels'}"


def is_picture(image: ReadImage) -> bool:
    """Whether it is one for the eye: a Pillow image, or an array of 8 bits and up to 4 channels, or grey of 16."""
    pixels = image.pixels
    if isinstance(pixels, Image.Image):
        return True
    return (pixels.dtype == np.uint8 and pixels.shape[2] <= 4) or (pixels.dtype == np.uint16 and pixels.shape[2] == 1)


def as_picture(image: ReadImage) -> Image.Image:
    """The image as a picture: a Pillow image as it is, an array where its values are those of a picture.

    Raises:
        UnusableImageError: it is none, see :func:`is_picture`.
    """
    pixels = image.pixels
    if isinstance(pixels, Image.Image):
        return pixels
    if is_picture(image):
        return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    kind = f"{_counted(pixels.shape[2])} of {pixels.dtype}"
    raise UnusableImageError(f"it has {kind}, which is no picture; convert it to grey or RGB of 8 bits")


def samples_of(image: ReadImage) -> npt.NDArray[Any]:
    """The values of an image as they stand in its file, ``[H, W, C]``; of a palette its colours.

    Raises:
        UnusableImageError: some of their bits were not read.
    """
    if image.reduced:
        raise UnusableImageError("its 16-bit colours are read as 8 bits, which are not its values; save it as TIFF")
    pixels = image.pixels
    if not isinstance(pixels, Image.Image):
        return pixels
    mode = _MODES_OF_SAMPLES.get(pixels.mode, pixels.mode)
    if pixels.mode == "P" and pixels.has_transparency_data:
        mode = "RGBA"
    return pixels_of(pixels if mode == pixels.mode else pixels.convert(mode))


_MODES_OF_SAMPLES = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB"}


def pixels_of(picture: Image.Image) -> npt.NDArray[Any]:
    """The values of a picture of mode ``L``, ``RGB`` or ``I;16`` as ``[H, W, C]``."""
    values = np.asarray(picture)
    return values[:, :, None] if values.ndim == 2 else values


def read_in_srgb(image: ReadImage) -> ReadImage:
    """The same with its colours by :func:`~i2i.images.colour_profiles.in_srgb`; values of an array as they are."""
    if not isinstance(image.pixels, Image.Image):
        return image
    pixels, notes = in_srgb(image.pixels)
    beside = image.beside if pixels is image.pixels else in_srgb_beside(image.beside)
    return replace(image, pixels=pixels, notes=(*image.notes, *notes), beside=beside)


def cut(samples: npt.NDArray[Any], box: Box | None) -> npt.NDArray[Any]:
    """The part of ``[H, W, C]`` that lies in a box; without one, all of it.

    Raises:
        UnusableImageError: the box is not inside.
    """
    if box is None:
        return samples
    height, width = samples.shape[:2]
    if not is_inside(box, width, height):
        raise UnusableImageError(f"it is {width}x{height}, and the part {box} (left, top, right, bottom) is not inside")
    left, top, right, bottom = box
    return samples[top:bottom, left:right]


def is_inside(box: Box, width: int, height: int) -> bool:
    """Whether a box has pixels, and an image of this size all of them."""
    left, top, right, bottom = box
    return 0 <= left < right <= width and 0 <= top < bottom <= height
