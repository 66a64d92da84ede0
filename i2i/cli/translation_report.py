"""What ``i2i translate`` tells while it works and at its end, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from i2i.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from i2i.engine.translate_files import Outcome
    from i2i.engine.translation_plan import Job

LINE_EVERY_SECONDS = 10.0

Show = Callable[[int, "int | None"], None]
"""Is called with how many are done, and how many there will be, if that is known."""


class Report:
    """Counts outcomes and tells of them: a bar on a terminal, else a line now and then.

    Args:
        images: how many images there will be.
        videos: how many videos there will be.
    """

    def __init__(self, images: int, videos: int) -> None:
        from rich.console import Console

        self.images, self.videos = images, videos
        self.translated, self.translated_videos, self.frames, self.failed = 0, 0, 0, 0
        self._console = Console(stderr=True, soft_wrap=True)
        self._seconds = {"images": 0.0, "frames": 0.0}
        self._last_part = time.monotonic()

    def follow_images(self, outcomes: Iterable[Outcome]) -> None:
        """Tell of each outcome of an image as it comes."""
        done = 0
        with self._showing("images", self.images) as show:
            for outcome in outcomes:
                done += 1
                self.translated += outcome.problem is None
                self._tell(outcome)
                show(done, self.images)

    def follow_video(self, job: Job, translate: Callable[[Job, Show], Outcome]) -> None:
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

    def within(self, job: Job, part: float) -> None:
        """Tell how much of one large image is done, from 0 to 1, now and then."""
        now = time.monotonic()
        if part < 1 and now - self._last_part >= LINE_EVERY_SECONDS:
            self._last_part = now
            self._say(f"{printable(str(job.source))}: {part:.0%}")

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

    def _tell(self, outcome: Outcome) -> None:
        if outcome.problem is not None:
            self.failed += 1
            self._say(f"Failed: {printable(str(outcome.job.source))}: {outcome.problem}")
        if outcome.note:
            self._say(f"Note: {printable(str(outcome.job.source))}: {outcome.note}")

    def _pace(self, unit: str) -> str:
        count = self.translated if unit == "images" else self.frames
        return f"{count / max(self._seconds[unit], 1e-9):.1f} {unit}/s"

    @contextmanager
    def _showing(self, unit: str, total: int | None) -> Iterator[Show]:
        """Give a function that shows how many are done, on a bar or as a line; the time it takes is counted."""
        begin = last_line = time.monotonic()
        earlier = self._seconds[unit]
        bar = self._make_bar(total) if self._console.is_terminal else None

        def show(done: int, total: int | None) -> None:
            nonlocal last_line
            now = time.monotonic()
            self._seconds[unit] = earlier + now - begin
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done, total=total, description=self._pace(unit))
            elif now - last_line >= LINE_EVERY_SECONDS:
                last_line = now
                self._say(f"{done}/{total or '?'}  {self._pace(unit)}")

        with bar or nullcontext():
            yield show

    def _say(self, text: str) -> None:
        self._console.print(printable(text, lines=True), markup=False, highlight=False, emoji=False)

    def _make_bar(self, total: int | None) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
        )
        bar.add_task("", total=total)
        return bar
