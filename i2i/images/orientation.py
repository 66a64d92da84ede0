"""Turning a picture upright. No torch."""

from __future__ import annotations

from PIL import Image

from i2i.images.tiff_header import is_bounded_exif

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHERE_AN_ORIENTATION_IS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


def orientation_of(image: Image.Image) -> int | None:
    """Return how a picture lies by its EXIF, 1 (upright) to 8; None where that is damaged."""
    data = image.info.get("exif")
    if isinstance(data, bytes) and not is_bounded_exif(data):
        return None
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # Pillow's parser raises many types for damaged data
        return None


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture turned upright from an EXIF orientation; anything but 2 to 8 leaves it as it is."""
    method = _UPRIGHT.get(orientation)
    if method is None:
        return image
    result = image.transpose(method)
    for key in _WHERE_AN_ORIENTATION_IS:
        result.info.pop(key, None)
    return result
