"""What was read of an image file, as a picture or as values. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.images.unusable import UnusableImageError
from i2i.plugins.image_formats import ReadImage


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
