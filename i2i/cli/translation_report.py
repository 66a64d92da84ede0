"""What ``i2i translate`` reports while it works, on standard error."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from i2i.cli.output import say
from i2i.errors import amount, printable
from i2i.progress import Work
from i2i.translation.observer import TranslationObserver

if TYPE_CHECKING:
    from i2i.translation.plan import FileJob, FileOutcome, Plan
    from i2i.translation.translator import Translator

IMAGES, FRAMES = "images", "frames"


class TranslationReport(TranslationObserver):
    """Counts outcomes and reports them: a passing bar on a terminal, else a line now and then. Use it as a context.

    Attributes:
        failed: files that could not be translated.

    Args:
        out: where to, as it was asked for.
    """

    def __init__(self, out: str) -> None:
        from i2i.terminal import Watch

        self.failed = 0
        self._out = out
        self._plan: Plan | None = None
        self._ready = False
        self._images, self._videos, self._frames, self._images_told = 0, 0, 0, 0
        self._video: FileJob | None = None
        self._seconds = {IMAGES: 0.0, FRAMES: 0.0}
        self._watch = Watch()
        self._work = Work("")
        self._shown = ExitStack()

    def __enter__(self) -> TranslationReport:
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.close()

    @property
    def summary(self) -> str | None:
        """One line for the end; None where nothing was begun, or one image was translated from or to a stream."""
        if self._plan is None or not self._ready or self._plan.stream is not None:
            return None
        images, videos = len(self._plan.jobs), len(self._plan.videos)
        parts, paces = [], []
        if images:
            parts.append(f"{self._images} of {images} images")
            paces.append(self._pace(IMAGES))
        if videos:
            parts.append(f"{self._videos} of {videos} videos ({self._frames} frames)")
            paces.append(self._pace(FRAMES))
        failed = f" {self.failed} could not be translated: they are named above." if self.failed else ""
        return f"{' and '.join(parts)} translated to {self._out} ({', '.join(paces)}).{failed}"

    def planned(self, plan: Plan) -> None:
        """Say what is left out."""
        self._plan = plan
        if plan.ignored:
            count, first = len(plan.ignored), plan.ignored[0]
            ignored = amount(count, "file is", "files are")
            say(f"{ignored} ignored, for the suffix is not that of an image, such as {first}", err=True)
        for note in plan.notes:
            say(f"Note: {note}", err=True, lines=True)

    def loaded(self, translator: Translator) -> None:
        """Say which translator turns what into what."""
        assert self._plan is not None
        info = translator.info
        source, target = info.domains
        say(f"{source} to {target}: {info.generator}, {info.origin}, on {translator.device}", err=True)
        for note in info.notes:
            say(f"Note: {note}", err=True, lines=True)
        self._ready = True
        if self._plan.jobs:
            self._show(IMAGES, len(self._plan.jobs))

    def tiled(self, job: FileJob, part: float) -> None:
        """Show how much of one large image is done."""
        self._work.about = f"{printable(str(job.source))}: {part:.0%}" if part < 1 else self._pace(IMAGES)

    def began_video(self, job: FileJob) -> None:
        """Name the video, and show its frames from now on."""
        self._video = job
        self._say(f"{printable(str(job.source))} ...")
        self._show(FRAMES, None)

    def wrote_frames(self, job: FileJob, done: int, total: int | None) -> None:
        """Show how many frames are written."""
        del job
        self._frames += done - self._work.done
        self._count(FRAMES, done, total)

    def finished(self, outcome: FileOutcome) -> None:
        """Report a file that could not be translated, and what a person should know about another."""
        assert self._plan is not None
        translated = outcome.problem is None
        self.failed += not translated
        if self._plan.stream is not None:
            if outcome.note:
                say(f"Note: {outcome.note}", err=True, lines=True)
            return
        if self._video is not None:
            self._videos += translated
            self._shown.close()
            self._tell(outcome)
            return
        self._images += translated
        self._images_told += 1
        self._tell(outcome)
        self._count(IMAGES, self._images_told, self._work.total)
        if self._images_told == self._work.total:
            self._shown.close()

    def _tell(self, outcome: FileOutcome) -> None:
        if outcome.problem is not None:
            self._say(f"Failed: {printable(str(outcome.source))}: {outcome.problem}")
        if outcome.note:
            self._say(f"Note: {printable(str(outcome.source))}: {outcome.note}")

    def _show(self, unit: str, total: int | None) -> None:
        """Show work of a kind from now on; the time it takes is counted."""
        self._work = Work(unit, total)
        self._begin, self._earlier = time.monotonic(), self._seconds[unit]
        self._shown.enter_context(self._watch(self._work))

    def _count(self, unit: str, done: int, total: int | None) -> None:
        self._seconds[unit] = self._earlier + time.monotonic() - self._begin
        self._work.done, self._work.total, self._work.about = done, total, self._pace(unit)

    def _pace(self, unit: str) -> str:
        count = self._images if unit == IMAGES else self._frames
        return f"{count / max(self._seconds[unit], 1e-9):.1f} {unit}/s"

    def _say(self, text: str) -> None:
        self._watch.console.print(printable(text, lines=True), markup=False, highlight=False, emoji=False)
