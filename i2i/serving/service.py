"""From a request to a translation: how many are taken at once, how much is read, and whose turn it is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import anyio
import anyio.to_thread
from starlette.requests import Request

from i2i.serving.messages import FORMATS, MEBIBYTE, Limits, Refusal, Translation, TranslationJob
from i2i.serving.problems import RefusedError

NO_FILES = ("multipart/", "application/json", "text/")
"""Types of bodies that are never an image file, however they begin."""

SLOW_SECONDS = 10.0
"""How long an upload may be slower than ``SLOWEST``; one that stalls loses its place."""

SLOWEST = 1024
"""Bytes a second."""

_FIRST_GUESS = 1.0
_WEIGHT_OF_THE_NEWEST = 0.3


class Translating(Protocol):
    """What does the work, such as ``serving.worker.Worker``; blocks, and is called by one thread at a time."""

    def translate(self, job: TranslationJob, seconds: float) -> Translation | Refusal:
        """Do a job within a time."""

    def stop(self) -> None:
        """End the job that is being done, and do no other."""


@dataclass(frozen=True)
class Timed:
    """A translated file.

    Attributes:
        content: the file.
        waited: seconds that its request waited for its turn.
        worked: seconds that it was worked on.
        place: its request's place among those that are handled; a context, which gives it back at its end.
    """

    content: bytes
    waited: float
    worked: float
    place: ExitStack


class Service:
    """Takes requests up to a number, reads their bodies up to a size, and has them translated one after the other.

    Every request that is taken holds at most one upload or one translation in memory, so the memory of the server is
    bounded by ``1 + queue`` of them.

    Args:
        worker: what translates.
        limits: how much is taken.
    """

    def __init__(self, worker: Translating, limits: Limits) -> None:
        self.limits = limits
        self._worker = worker
        self._taken = 0
        self._turn = asyncio.Lock()
        self._usual_seconds = _FIRST_GUESS
        self._uploads: set[anyio.CancelScope] = set()
        self._closed = False

    @property
    def taken(self) -> int:
        """Requests that are being read, waiting, translated or answered."""
        return self._taken

    async def translate(self, request: Request, direction: str, format_name: str) -> Timed | None:
        """Translate the body of a request.

        Args:
            request: its body is the image file.
            direction: one that the model has.
            format_name: one of ``FORMATS``.

        Returns:
            The translation, or ``None`` when the client has gone.

        Raises:
            RefusedError: the request is refused.
        """
        with ExitStack() as place:
            place.enter_context(self._place())
            content = await self._read(request)
            queued = time.perf_counter()
            async with self._turn:
                if await request.is_disconnected():
                    return None
                begin = time.perf_counter()
                job = TranslationJob(content, direction, FORMATS[format_name], self.limits.max_pixels)
                answer = await anyio.to_thread.run_sync(
                    self._worker.translate, job, self.limits.seconds, abandon_on_cancel=True
                )
                worked = time.perf_counter() - begin
                self._usual_seconds += _WEIGHT_OF_THE_NEWEST * (worked - self._usual_seconds)
            if isinstance(answer, Refusal):
                raise RefusedError(answer.status, answer.reason, retry_after=5 if answer.status == 503 else None)
            return Timed(answer.content, waited=begin - queued, worked=worked, place=place.pop_all())

    async def close(self) -> None:
        """Have every request that is still being handled answered with 503, and end what translates."""
        self._closed = True
        for uploading in list(self._uploads):
            uploading.cancel()
        await anyio.to_thread.run_sync(self._worker.stop)

    async def _read(self, request: Request) -> bytes:
        content = b""
        with anyio.CancelScope() as uploading:
            self._uploads.add(uploading)
            try:
                content = await read_upload(request, self.limits)
            finally:
                self._uploads.discard(uploading)
        if self._closed:
            raise RefusedError(503, "the server is shutting down", retry_after=5)
        return content

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._taken > self.limits.queue:
            raise RefusedError(
                503,
                f"the queue is full: {self._taken} requests are being handled; try again after a while",
                retry_after=max(1, math.ceil(self._taken * self._usual_seconds)),
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


async def read_upload(request: Request, limits: Limits) -> bytes:
    """Read the body of a request, up to a size and within a time.

    Raises:
        RefusedError: it is empty, of a kind that is not a file, too large, or too slow.
    """
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith(NO_FILES):
        raise RefusedError(
            415,
            f"the body must be the image file itself; got Content-Type {kind.partition(';')[0]}. "
            "With curl: --data-binary @photo.jpg",
        )
    too_large = RefusedError(413, f"the file is larger than {_mebibytes(limits.max_bytes)}, the most this server takes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_bytes:
        raise too_large
    content = bytearray()
    begin = anyio.current_time()
    with anyio.move_on_after(min(SLOW_SECONDS, limits.seconds)) as within:
        async for chunk in request.stream():
            content += chunk
            if len(content) > limits.max_bytes:
                raise too_large
            within.deadline = begin + min(SLOW_SECONDS + len(content) / SLOWEST, limits.seconds)
    if within.cancelled_caught:
        taken = within.deadline - begin
        least = "" if taken == limits.seconds else f", less than {SLOWEST} bytes a second"
        raise RefusedError(408, f"the upload took longer than {taken:.3g} s; {len(content)} bytes had come{least}")
    if not content:
        raise RefusedError(400, "the body is empty (0 bytes); send an image file. With curl: --data-binary @photo.jpg")
    return bytes(content)


def _mebibytes(count: int) -> str:
    return f"{count / MEBIBYTE:g} MiB ({count} bytes)"
