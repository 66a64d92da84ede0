"""Translating one image from or to a stream, such as standard input and output."""

from __future__ import annotations

import io
from typing import BinaryIO

from i2i.errors import DataError
from i2i.images.unusable import UnusableImageError
from i2i.translation.kinds import require_files
from i2i.translation.pictures import encode_framed, read_frame, translate_read, write_framed
from i2i.translation.plan import FileOutcome, StreamJob
from i2i.translation.translator import Translator

FILE_NAME = "standard input"


def translate_stream(
    translator: Translator, job: StreamJob, source: BinaryIO, target: BinaryIO, *, force: bool = False
) -> FileOutcome:
    """Translate one image; a stream is read to its end, and written whole or not at all.

    Args:
        translator: what translates.
        job: which end, or both, is a stream, see :func:`~i2i.translation.plan.plan_stream`.
        source: where the image is read, unless from a file.
        target: where its translation is written, unless to a file.
        force: whether a file that exists may be replaced.

    Returns:
        What became of it; it has no ``problem``, for that is an error here.

    Raises:
        DataError: the image cannot be used or written.
        DivergedError: the network gave NaN or infinity.
    """
    info = translator.info
    require_files(info)
    try:
        read, frame = read_frame(job.source or _read(source), info, translator.readers, job.format_name)
    except UnusableImageError as error:
        raise DataError(f"{job.source or FILE_NAME}: {error}") from error
    pixels = translate_read(translator, read, frame)
    if job.target is None:
        content, note = encode_framed(pixels, frame, translator.readers)
        _write(content, target)
    else:
        note = write_framed(pixels, frame, job.target, translator.readers, force=force)
    return FileOutcome(job.source, job.target, note=note)


def _read(source: BinaryIO) -> BinaryIO:
    content = source.read()
    if not content:
        raise UnusableImageError("empty (0 bytes)")
    return io.BytesIO(content)


def _write(content: bytes, target: BinaryIO) -> None:
    try:
        target.write(content)
        target.flush()
    except BrokenPipeError:  # the reader has gone, which every program meets in silence
        raise
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"standard output cannot be written: {reason}; name a file with -o instead of -") from error
