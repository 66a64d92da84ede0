"""Translating many files: reading and writing in threads, beside the computing."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from torch import Tensor

from i2i.errors import DataError, DivergedError
from i2i.images.reading import UnusableImageError, decode
from i2i.images.writing import write_image
from i2i.tensors.padding import padded_size
from i2i.translation.kinds import require_pictures
from i2i.translation.pictures import Picture, to_input, to_output
from i2i.translation.plan import FileJob, FileOutcome
from i2i.translation.translator import Translator

DEFAULT_WORKERS = min(4, os.cpu_count() or 1)


_Reading = tuple[FileJob, "Future[Picture]"]
_Read = tuple[FileJob, Picture]


def translate_files(
    translator: Translator,
    jobs: Iterable[FileJob],
    *,
    batch_size: int = 1,
    workers: int = DEFAULT_WORKERS,
    force: bool = False,
) -> Iterator[FileOutcome]:
    """Translate files, and tell of each, in order, once it is written.

    Images that follow each other and have one size when they are padded are computed together. At most
    ``batch_size + 2 * workers`` images wait before the computing, and as many behind it.

    Args:
        translator: what translates.
        jobs: see :func:`~i2i.translation.plan.make_plan`.
        batch_size: images computed at once, at most.
        workers: threads that read, and as many that write.
        force: whether outputs that exist may be replaced.

    Raises:
        DataError: the translator's images are no pictures. A file that cannot be used is an outcome, no error.
        PluginError: the generator is broken.
    """
    require_pictures(translator.info)
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
    """Threads that end what they are at, and begin nothing more, when the caller stops early."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"i2i-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _read(translator: Translator, job: FileJob) -> Picture:
    info = translator.info
    try:
        return to_input(decode(job.source, max_pixels=info.max_pixels, metadata=True), info, job.format_name)
    except UnusableImageError as error:
        raise DataError(str(error)) from error
    except MemoryError as error:
        raise DataError("there is not enough memory for its pixels") from error


def _take_batch(translator: Translator, reading: deque[_Reading], batch_size: int) -> list[_Read | FileOutcome]:
    """Take files from the queue: as many as make a batch, and those that cannot be read on the way."""
    taken: list[_Read | FileOutcome] = []
    sizes: list[tuple[int, int]] = []
    while reading and len(sizes) < batch_size:
        job, future = reading[0]
        try:
            picture = future.result()
        except DataError as error:
            taken.append(job.failed(str(error)))
        else:
            height, width = picture.image.shape[2:]
            sizes.append(padded_size((height, width), translator.info.size_multiple))
            if sizes[-1] != sizes[0]:
                break
            taken.append((job, picture))
        reading.popleft()
    return taken


def _compute(
    translator: Translator, taken: list[_Read | FileOutcome]
) -> Iterator[tuple[FileJob, Picture, Tensor] | FileOutcome]:
    outputs = iter(_translate(translator, [item[1] for item in taken if not isinstance(item, FileOutcome)]))
    for item in taken:
        if isinstance(item, FileOutcome):
            yield item
            continue
        output = next(outputs)
        yield (*item, output) if isinstance(output, Tensor) else item[0].failed(str(output))


def _translate(translator: Translator, pictures: list[Picture]) -> list[Tensor | DataError | DivergedError]:
    """Translate a batch; when that fails, each image alone, so that one bad image or a full memory costs no other."""
    try:
        return [output.cpu() for output in translator.translate([picture.image for picture in pictures])]
    except (DataError, DivergedError) as error:
        if len(pictures) == 1:
            return [error]
        return [output for picture in pictures for output in _translate(translator, [picture])]


def _write(translator: Translator, job: FileJob, picture: Picture, output: Tensor, force: bool) -> FileOutcome:
    try:
        write_image(
            to_output(picture, output, translator.info),
            job.target,
            format_name=picture.format_name,
            metadata=picture.metadata,
            replace=force,
        )
    except DataError as error:
        return job.failed(str(error))
    return job.done(picture.note)
