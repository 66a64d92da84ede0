"""Writing one image file: whole or not at all. No torch."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from PIL import Image

from i2i.errors import DataError
from i2i.files.atomic import replacing
from i2i.images.metadata import Metadata

Result = TypeVar("Result")

SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True, "method": 2},  # as small as by the default 4, in a third of the time
    "BMP": {},
    "TIFF": {"compression": "raw"},  # libtiff, which compresses, cannot write the directories of EXIF
}
"""How each format is written: without loss, but for JPEG: quality 95, with colours at full resolution."""

OPACITY_FORMATS = frozenset({"PNG", "WEBP", "TIFF"})
SIXTEEN_BIT_FORMATS = frozenset({"PNG", "TIFF"})


class _Checked(io.BufferedWriter):
    """A file without a number, so that Pillow writes through Python.

    By the number Pillow's encoders write themselves, and take it for done when a full disk takes a part of it alone.
    """

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def encode_image(image: Image.Image, file: BinaryIO, *, format_name: str, metadata: Metadata | None = None) -> None:
    """Write a picture into an open file.

    Args:
        image: of mode ``L`` or ``RGB``; ``LA`` or ``RGBA`` for a format in ``OPACITY_FORMATS``, ``I;16`` for one in
            ``SIXTEEN_BIT_FORMATS``.
        file: open for writing.
        format_name: one of ``SAVE_OPTIONS``.
        metadata: what the file shall say beside the pixels; what the format or the picture's colours do not allow is
            left out, see :meth:`~i2i.images.metadata.Metadata.losses`.

    Raises:
        Exception: whatever Pillow's encoder or the file raises.
    """
    image.save(
        file,
        format=format_name,
        **SAVE_OPTIONS[format_name],
        **(metadata or Metadata()).save_options(image.mode, format_name),
    )


def in_memory(encode: Callable[[BinaryIO], Result], *, format_name: str) -> tuple[bytes, Result]:
    """Encode an image in memory.

    Args:
        encode: writes the image into an open file.
        format_name: of the format, for the message.

    Returns:
        The file's content, and what ``encode`` returned.

    Raises:
        DataError: the encoder refuses it, such as for a side that is too long for the format.
    """
    content = io.BytesIO()
    try:
        result = encode(content)
    except Exception as error:  # Pillow's encoders raise many types
        raise DataError(f"the translation cannot be written as {format_name}: {error}") from error
    return content.getvalue(), result


def write_image(encode: Callable[[BinaryIO], Result], path: Path, *, format_name: str, replace: bool = False) -> Result:
    """Write an image under a temporary name and rename it, so that a killed process leaves no half of a picture.

    Args:
        encode: writes the image into an open file.
        path: where to; missing folders above it are made.
        format_name: of the format, for the message.
        replace: whether a file that is there may be replaced.

    Returns:
        What ``encode`` returned.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    try:
        with replacing(path, replace=replace) as temporary, _Checked(io.FileIO(temporary, "wb")) as file:
            return encode(file)
    except Exception as error:  # OSError of the disk; Pillow's encoders raise ValueError and others, such as for sizes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path} cannot be written as {format_name}: {reason}") from error
