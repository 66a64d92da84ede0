"""Translating many image files: reading and writing in threads, beside the computing; large ones in tiles."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby

from torch import Tensor

from i2i.errors import DataError, DivergedError
from i2i.images.unusable import UnusableImageError
from i2i.translation.kinds import require_files
from i2i.translation.pictures import (
    Frame,
    pixels_from,
    read_frame,
    read_to_tensor,
    translate_read,
    why_not_held,
    write_framed,
)
from i2i.translation.plan import FileJob, FileOutcome
from i2i.translation.translator import Translator

DEFAULT_WORKERS = min(4, os.cpu_count() or 1)

_Reading = tuple[FileJob, "Future[tuple[Tensor, Frame]]"]
_Read = tuple[FileJob, Tensor, Frame]


def translate_files(
    translator: Translator,
    jobs: Iterable[FileJob],
    *,
    batch_size: int = 1,
    workers: int = DEFAULT_WORKERS,
    force: bool = False,
    progress: Callable[[FileJob, float], None] = lambda _job, _part: None,
) -> Iterator[FileOutcome]:
    """Translate image files, and report each, in order, once it is written.

    Images that follow each other and have one size when they are padded are computed together. At most
    ``batch_size + 2 * workers`` images wait before the computing, and as many behind it. Of the images that the
    translator divides into tiles, one alone is in memory at a time.

    Args:
        translator: what translates.
        jobs: see :func:`~i2i.translation.plan.make_plan`.
        batch_size: images computed at once, at most, where they are not divided.
        workers: threads that read, and as many that write, likewise.
        force: whether outputs that exist may be replaced.
        progress: called with an image that is divided and the part of it that is done, from 0 to 1.

    Raises:
        DataError: the translator's images are not pictures. A file that cannot be used is an outcome, not an error.
        ConfigError: the generator cannot be divided.
        PluginError: the generator is broken.
    """
    require_files(translator.info)
    for divided, group in groupby(jobs, partial(_is_divided, translator)):
        if divided:
            for job in group:
                yield _translate_in_tiles(translator, job, force, partial(progress, job))
        else:
            yield from _translate_in_batches(translator, group, batch_size, workers, force)


def require_held(translator: Translator, jobs: Iterable[FileJob]) -> None:
    """Raise a DataError, before anything is translated, for outputs of formats that hold no translation."""
    readers, names = translator.readers, dict[str, list[FileJob]]()
    for job in jobs:
        if name := job.format_name or readers.format_of(job.target):
            names.setdefault(name, []).append(job)
    for name, same in names.items():
        if why := why_not_held(name, translator.info, readers):
            raise DataError(f"{same[0].target}{_and_more(len(same))}: {why}; nothing was translated")


def _and_more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def _is_divided(translator: Translator, job: FileJob) -> bool:
    """Whether an image is divided; what cannot be opened is left to those who say why."""
    if translator.tiling is None:
        return False
    try:
        header = translator.readers.header(job.source, max_pixels=translator.info.max_pixels)
    except UnusableImageError:
        return False
    return translator.tiling.applies((header.height, header.width))


def _translate_in_tiles(
    translator: Translator, job: FileJob, force: bool, progress: Callable[[float], None]
) -> FileOutcome:
    assert translator.tiling is not None
    try:
        read, frame = read_frame(job.source, translator.info, translator.readers, job.format_name)
        pixels = translate_read(translator, read, frame, progress)
        del read
        note = write_framed(pixels, frame, job.target, translator.readers, force=force)
    except (UnusableImageError, DataError, DivergedError) as error:
        return job.failed(str(error))
    except MemoryError:
        return job.failed("there is not enough memory for its pixels")
    return job.done(note)


def _translate_in_batches(
    translator: Translator, jobs: Iterable[FileJob], batch_size: int, workers: int, force: bool
) -> Iterator[FileOutcome]:
    ahead = batch_size + 2 * workers
    waiting = iter(jobs)
    reading: deque[_Reading] = deque()
    writing: deque[Future[FileOutcome]] = deque()
    with _threads(workers, "read") as readers, _threads(workers, "write") as writers:

        def read_ahead() -> None:
            while len(reading) < ahead and (job := next(waiting, None)) is not None:
                reading.append((job, readers.submit(_read, translator, job)))

        read_ahead()
        while reading:
            for done in _compute(translator, _take_batch(translator, reading, batch_size)):
                if isinstance(done, FileOutcome):
                    finished: Future[FileOutcome] = Future()
                    finished.set_result(done)
                    writing.append(finished)
                else:
                    writing.append(writers.submit(_write, translator, *done, force))
            read_ahead()
            while writing and (len(writing) > ahead or writing[0].done()):
                yield writing.popleft().result()
        while writing:
            yield writing.popleft().result()


@contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads that finish what they are doing, and begin nothing more, when the caller stops early."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"i2i-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _read(translator: Translator, job: FileJob) -> tuple[Tensor, Frame]:
    read, frame = read_frame(job.source, translator.info, translator.readers, job.format_name)
    try:
        return read_to_tensor(read, translator.info), frame
    except MemoryError as error:
        raise UnusableImageError("there is not enough memory for its pixels") from error


def _take_batch(translator: Translator, reading: deque[_Reading], batch_size: int) -> list[_Read | FileOutcome]:
    """Take files from the queue: as many as make a batch, and those that cannot be read on the way."""
    taken: list[_Read | FileOutcome] = []
    sizes: list[tuple[int, int]] = []
    while reading and len(sizes) < batch_size:
        job, future = reading[0]
        try:
            image, frame = future.result()
            size = translator.padded_size((image.shape[2], image.shape[3]))
        except (UnusableImageError, DataError) as error:
            taken.append(job.failed(str(error)))
        else:
            sizes.append(size)
            if sizes[-1] != sizes[0]:
                break
            taken.append((job, image, frame))
        reading.popleft()
    return taken


def _compute(translator: Translator, taken: list[_Read | FileOutcome]) -> Iterator[_Read | FileOutcome]:
    """Give the translations for the images that were read, and what became of the other files, in order."""
    outputs = iter(_translate(translator, [item[1] for item in taken if not isinstance(item, FileOutcome)]))
    for item in taken:
        if isinstance(item, FileOutcome):
            yield item
            continue
        job, _, frame = item
        output = next(outputs)
        yield (job, output, frame) if isinstance(output, Tensor) else job.failed(str(output))


def _translate(translator: Translator, images: list[Tensor]) -> list[Tensor | DataError | DivergedError]:
    """Translate a batch; when that fails, each image alone, so that one bad image or a full memory costs no other."""
    try:
        return [output.cpu() for output in translator.translate(images)]
    except (DataError, DivergedError) as error:
        if len(images) == 1:
            return [error]
        return [output for image in images for output in _translate(translator, [image])]


def _write(translator: Translator, job: FileJob, output: Tensor, frame: Frame, force: bool) -> FileOutcome:
    pixels = pixels_from(output, translator.info, frame)
    try:
        note = write_framed(pixels, frame, job.target, translator.readers, force=force)
    except DataError as error:
        return job.failed(str(error))
    return job.done(note)
