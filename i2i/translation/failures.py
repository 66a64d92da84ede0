"""Why a translation may fail, in the same words for networks and exported files, as a whole and in tiles."""

from __future__ import annotations

from i2i.errors import DataError, DivergedError, reason_of
from i2i.tensors.padding import Size


def diverged(translator: str, cure: str) -> DivergedError:
    """The error for values that are not finite.

    Args:
        translator: what gave them, such as ``"generator resnet of runs/NAME"``, or an exported file.
        cure: what to do about it.
    """
    return DivergedError(f"{translator} gave NaN or infinity; {cure}")


def cannot_translate(translator: str, count: int, size: Size, error: Exception, how: str = "") -> DataError:
    """The error for images that a network or a runtime refuses, or that there is not enough memory for.

    Args:
        translator: what refused them.
        count: how many images.
        size: their height and width in pixels.
        error: what was raised.
        how: such as ``" in tiles of 512"``.
    """
    images = "an image" if count == 1 else f"{count} images"
    height, width = size
    return DataError(f"{translator} cannot translate {images} of {height}x{width} pixels{how}: {reason_of(error)}")
