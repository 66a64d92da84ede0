"""Translating one image from or to a stream, such as standard input and output."""

from __future__ import annotations

import io
from typing import BinaryIO

from PIL import Image

from i2i.errors import DataError
from i2i.images.reading import UnusableImageError, decode, decode_stream
from i2i.images.writing import encode_image, write_image
from i2i.translation.kinds import require_pictures
from i2i.translation.pictures import Picture, to_input, to_output
from i2i.translation.plan import StreamJob
from i2i.translation.translator import Translator

FILE_NAME = "standard input"


def translate_stream(
    translator: Translator, stream: StreamJob, source: BinaryIO, target: BinaryIO, *, force: bool = False
) -> str:
    """Translate one image; a stream is read to its end, and written whole or not at all.

    Args:
        translator: what translates.
        stream: which of both ends is a stream, see :func:`~i2i.translation.plan.plan_stream`.
        source: where the image is read, unless from a file.
        target: where its translation is written, unless to a file.
        force: whether a file that exists may be replaced.

    Returns:
        What a person should know about the output, or an empty string.

    Raises:
        DataError: the image cannot be used or written.
        DivergedError: the network gave NaN or infinity.
    """
    require_pictures(translator.info)
    limit = translator.info.max_pixels
    try:
        if stream.source is None:
            content = source.read()
            if not content:
                raise UnusableImageError("empty (0 bytes)")
            decoded = decode_stream(io.BytesIO(content), max_pixels=limit, metadata=True)
        else:
            decoded = decode(stream.source, max_pixels=limit, metadata=True)
        picture = to_input(decoded, translator.info, stream.format_name)
    except UnusableImageError as error:
        raise DataError(f"{stream.source or FILE_NAME}: {error}") from error
    image = to_output(picture, translator.translate([picture.image])[0].cpu(), translator.info)
    if stream.target is None:
        encoded = _encode(image, picture)
        try:
            target.write(encoded)
            target.flush()
        except BrokenPipeError:  # the reader has gone, which every program meets in silence
            raise
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"standard output cannot be written: {reason}; name a file with -o instead of -") from error
    else:
        write_image(image, stream.target, format_name=picture.format_name, metadata=picture.metadata, replace=force)
    return picture.note


def _encode(image: Image.Image, picture: Picture) -> bytes:
    """Encode in memory, so that nothing of it is written when the encoder fails."""
    written = io.BytesIO()
    try:
        encode_image(image, written, format_name=picture.format_name, metadata=picture.metadata)
    except Exception as error:  # Pillow's encoders raise many types, such as for sizes that a format cannot hold
        raise DataError(f"the translation cannot be written as {picture.format_name}: {error}") from error
    return written.getvalue()
