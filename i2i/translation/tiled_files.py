"""Translating files of which some are divided into tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

from i2i.errors import DataError, DivergedError
from i2i.images.reading import UnusableImageError, decode, size_of, to_opaque
from i2i.images.writing import write_image
from i2i.translation.image_files import DEFAULT_WORKERS, translate_files
from i2i.translation.kinds import require_pictures
from i2i.translation.pictures import to_frame
from i2i.translation.plan import FileJob, FileOutcome
from i2i.translation.translator import Translator


def translate_large_files(
    translator: Translator,
    jobs: Sequence[FileJob],
    *,
    batch_size: int = 1,
    workers: int = DEFAULT_WORKERS,
    force: bool = False,
    progress: Callable[[FileJob, float], None] = lambda _job, _part: None,
) -> Iterator[FileOutcome]:
    """Translate files, and tell of each, in order, once it is written.

    Of the images that are divided, one alone is in memory at a time. Those between them are translated as by
    :func:`~i2i.translation.image_files.translate_files`.

    Args:
        translator: what translates; it has a ``tiling``.
        jobs: see :func:`~i2i.translation.plan.make_plan`.
        batch_size: images computed at once, at most, where they are not divided.
        workers: threads that read, and as many that write, likewise.
        force: whether outputs that exist may be replaced.
        progress: called with an image and the part of it that is done, from 0 to 1.

    Raises:
        DataError: the translator's images are no pictures. A file that cannot be used is an outcome, no error.
        ConfigError: the generator cannot be divided.
    """
    require_pictures(translator.info)
    for large, group in groupby(jobs, partial(_is_large, translator)):
        if large:
            for job in group:
                yield _translate(translator, job, force, partial(progress, job))
        else:
            yield from translate_files(translator, group, batch_size=batch_size, workers=workers, force=force)


def _is_large(translator: Translator, job: FileJob) -> bool:
    """Whether an image is divided; what cannot be opened is left to those who say why."""
    assert translator.tiling is not None
    size = size_of(job.source)
    if size is None:
        return False
    width, height = size
    return width * height <= translator.info.max_pixels and translator.tiling.applies(
        (height, width), translator.device
    )


def _translate(translator: Translator, job: FileJob, force: bool, progress: Callable[[float], None]) -> FileOutcome:
    assert translator.tiling is not None
    info = translator.info
    try:
        decoded = decode(job.source, max_pixels=info.max_pixels, metadata=True)
        frame = to_frame(decoded, info, job.format_name)
        opaque = to_opaque(decoded.image, channels=info.in_channels, background=info.background)
        del decoded
        picture = translator.tiling.translate_picture(opaque, translator.device, progress, deep=frame.deep)
        del opaque
        write_image(picture, job.target, format_name=frame.format_name, metadata=frame.metadata, replace=force)
    except (UnusableImageError, DataError, DivergedError) as error:
        return job.failed(str(error))
    except MemoryError:
        return job.failed("there is not enough memory for its pixels")
    return job.done(frame.note)
