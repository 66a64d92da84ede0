"""Translating a video frame by frame: decoding and encoding in threads, beside the computing."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from i2i.errors import DataError, DivergedError
from i2i.files.atomic import replacing
from i2i.images.reading import to_opaque
from i2i.images.video.frames import VideoFrame, VideoReader, VideoWriter
from i2i.tensors.pixels import to_pixels
from i2i.translation.kinds import require_pictures, to_tensor
from i2i.translation.plan import FileJob, FileOutcome
from i2i.translation.translator import Translator

if TYPE_CHECKING:
    from av.packet import Packet

FRAMES_AHEAD = 8
"""Frames that wait before the computing beside those of a batch, and as many behind it."""

Item = TypeVar("Item")
FrameBatch = list["VideoFrame | Packet[Any]"]
FrameProgress = Callable[[int, "int | None"], None]


def translate_video(
    translator: Translator,
    job: FileJob,
    *,
    batch_size: int = 1,
    force: bool = False,
    progress: FrameProgress = lambda _done, _total: None,
) -> FileOutcome:
    """Translate every frame of a video, each on its own; times, rate, other streams and metadata are kept.

    At most ``2 * (batch_size + FRAMES_AHEAD)`` frames are in memory. The output is written under a hidden name and
    renamed once it is whole.

    Args:
        translator: what translates.
        job: its source and its target, with suffixes of ``CONTAINER_OF_SUFFIX``.
        batch_size: frames computed at once, at most.
        force: whether an output that exists may be replaced.
        progress: called with the frames that are written, and how many there will be if the file says so.

    Raises:
        DataError: the translator's images are not pictures. A video that cannot be used is an outcome, not an error.
        PluginError: the generator is broken.
    """
    require_pictures(translator.info)
    try:
        with (
            VideoReader(job.source, max_pixels=translator.info.max_pixels) as reader,
            replacing(job.target, replace=force) as temporary,
            VideoWriter(temporary, suffix=job.target.suffix, reader=reader) as writer,
        ):
            done = _translate(translator, reader, writer, batch_size, progress)
            notes = [*reader.notes(done), *writer.notes]
    except (DataError, DivergedError) as error:
        return job.failed(str(error))
    except OSError as error:
        return job.failed(f"{job.target} cannot be written: {error.strerror or error}")
    return job.done("; ".join(notes))


def _translate(
    translator: Translator, reader: VideoReader, writer: VideoWriter, batch_size: int, progress: FrameProgress
) -> int:
    """Translate every frame that can be decoded and return how many those are."""
    done = 0
    writing: deque[Future[int]] = deque()
    with _ahead(reader.read(), FRAMES_AHEAD) as items, ThreadPoolExecutor(1, "i2i-write-video") as pool:
        try:
            for batch in _batches(items, batch_size):
                frames = [item for item in batch if isinstance(item, VideoFrame)]
                outputs = iter(translator.translate([_to_tensor(frame, translator) for frame in frames]))
                pixels = [to_pixels(next(outputs)[0]) if isinstance(item, VideoFrame) else None for item in batch]
                writing.append(pool.submit(_write, writer, batch, pixels))
                while len(writing) > 1 + FRAMES_AHEAD // batch_size or (writing and writing[0].done()):
                    done += writing.popleft().result()
                    progress(done, reader.frames)
            while writing:
                done += writing.popleft().result()
                progress(done, reader.frames)
            writer.close()
        finally:
            pool.shutdown(cancel_futures=True)
    if done == 0:
        raise DataError("it has no frame that can be decoded")
    return done


def _batches(items: Iterable[VideoFrame | Packet[Any]], batch_size: int) -> Iterator[FrameBatch]:
    """Group frames with the packets between them, ``batch_size`` frames a group."""
    batch: FrameBatch = []
    frames = 0
    for item in items:
        batch.append(item)
        frames += isinstance(item, VideoFrame)
        if frames == batch_size:
            yield batch
            batch, frames = [], 0
    if batch:
        yield batch


def _to_tensor(frame: VideoFrame, translator: Translator) -> Tensor:
    channels = translator.info.in_channels
    opaque = to_opaque(Image.fromarray(frame.pixels), channels=channels, background=translator.info.background)
    return to_tensor(opaque, channels)


def _write(writer: VideoWriter, batch: FrameBatch, pixels: list[npt.NDArray[np.uint8] | None]) -> int:
    """Write frames and packets in their order; return how many frames there were."""
    for item, picture in zip(batch, pixels, strict=True):
        if isinstance(item, VideoFrame):
            assert picture is not None
            writer.write_frame(picture, item)
        else:
            writer.write_packet(item)
    return sum(picture is not None for picture in pixels)


@contextmanager
def _ahead(items: Iterator[Item], most: int) -> Iterator[Iterator[Item]]:
    """Run an iterator in a thread that is ``most`` items ahead, and end it when the caller leaves early."""
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(most)
    stop = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            with suppress(queue.Full):
                waiting.put((kind, value), timeout=0.1)
                return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # whatever it is, the caller shall see it
            put("error", error)

    def consume() -> Iterator[Item]:
        while True:
            kind, value = waiting.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    thread = threading.Thread(target=produce, name="i2i-read-video", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        thread.join()
