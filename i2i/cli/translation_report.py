"""What ``i2i translate`` tells while it works and at its end, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from i2i.errors import printable
from i2i.progress import Work

if TYPE_CHECKING:
    from i2i.translation.plan import FileJob, FileOutcome

Show = Callable[[int, "int | None"], None]
"""Is called with how many are done, and how many there will be, if that is known."""


class TranslationReport:
    """Counts outcomes and tells of them: a passing bar on a terminal, else a line now and then.

    Args:
        images: how many images there will be.
        videos: how many videos there will be.
    """

    def __init__(self, images: int, videos: int) -> None:
        from i2i.terminal import Watch

        self.images, self.videos = images, videos
        self.translated, self.translated_videos, self.frames, self.failed = 0, 0, 0, 0
        self._watch = Watch()
        self._work = Work("")
        self._seconds = {"images": 0.0, "frames": 0.0}

    def follow_images(self, outcomes: Iterable[FileOutcome]) -> None:
        """Tell of each outcome of an image as it comes."""
        done = 0
        with self._showing("images", self.images) as show:
            for outcome in outcomes:
                done += 1
                self.translated += outcome.problem is None
                self._tell(outcome)
                show(done, self.images)

    def follow_video(self, job: FileJob, translate: Callable[[FileJob, Show], FileOutcome]) -> None:
        """Tell of a video while ``translate`` is at it, which calls back with the frames that are done and in all."""
        before = self.frames

        def progress(done: int, total: int | None) -> None:
            self.frames = before + done
            show(done, total)

        self._say(f"{printable(str(job.source))} ...")
        with self._showing("frames", None) as show:
            outcome = translate(job, progress)
        self.translated_videos += outcome.problem is None
        self._tell(outcome)

    def within(self, job: FileJob, part: float) -> None:
        """Tell how much of one large image is done, from 0 to 1."""
        self._work.about = f"{printable(str(job.source))}: {part:.0%}" if part < 1 else self._pace("images")

    def summary(self, out: str) -> str:
        """One line for the end."""
        parts = []
        if self.images:
            parts.append(f"{self.translated} of {self.images} images")
        if self.videos:
            parts.append(f"{self.translated_videos} of {self.videos} videos ({self.frames} frames)")
        paces = [self._pace(unit) for unit, count in (("images", self.images), ("frames", self.videos)) if count]
        failed = f" {self.failed} could not be translated: they are named above." if self.failed else ""
        return f"{' and '.join(parts)} translated to {out} ({', '.join(paces)}).{failed}"

    def _tell(self, outcome: FileOutcome) -> None:
        if outcome.problem is not None:
            self.failed += 1
            self._say(f"Failed: {printable(str(outcome.source))}: {outcome.problem}")
        if outcome.note:
            self._say(f"Note: {printable(str(outcome.source))}: {outcome.note}")

    def _pace(self, unit: str) -> str:
        count = self.translated if unit == "images" else self.frames
        return f"{count / max(self._seconds[unit], 1e-9):.1f} {unit}/s"

    @contextmanager
    def _showing(self, unit: str, total: int | None) -> Iterator[Show]:
        """Give a function that shows how many are done; the time it takes is counted."""
        begin, earlier = time.monotonic(), self._seconds[unit]
        self._work = work = Work(unit, total)

        def show(done: int, total: int | None) -> None:
            self._seconds[unit] = earlier + time.monotonic() - begin
            work.done, work.total, work.about = done, total, self._pace(unit)

        with self._watch(work):
            yield show

    def _say(self, text: str) -> None:
        self._watch.console.print(printable(text, lines=True), markup=False, highlight=False, emoji=False)
