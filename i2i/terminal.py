"""Telling a person how a run is getting on.

May import nothing.
"""

from __future__ import annotations

import io
import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import IO, Any, Protocol, TextIO, cast

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from i2i.errors import printable
from i2i.progress import Work, listening

FIRST_WORD_SECONDS = 2.0
"""How long work may last without a word."""

LINE_EVERY_SECONDS = 10.0
REDRAW_SECONDS = 0.25


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes:
        step: steps done.
        fraction: share of the budget used, 0 to 1.
        seconds: training time so far, resumed runs included.
        images_per_second: recent speed.
        losses: recent mean of each term.
    """

    step: int
    fraction: float
    seconds: float
    images_per_second: float
    losses: Mapping[str, float]

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the speed so far."""
        return self.seconds * (1 - self.fraction) / self.fraction if self.fraction > 0 else None


class Reporter(Protocol):
    """Receives what happens during a run."""

    def note(self, text: str) -> None:
        """Something a person should know."""
        ...

    def update(self, status: Status) -> None:
        """Called after every step."""
        ...

    def watch(self, work: Work) -> AbstractContextManager[object]:
        """Show work beside the steps while it is done, see :class:`Watch`."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class Silent:
    """Tells nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def update(self, status: Status) -> None:
        """Do nothing."""

    def watch(self, work: Work) -> AbstractContextManager[object]:
        """Do nothing."""
        del work
        return nullcontext()

    def close(self) -> None:
        """Do nothing."""


class StandardError(io.TextIOBase):
    """Standard error, whatever that is at the moment; once nobody reads it any more, words are lost and no work is.

    Rich's own answer to a pipe without a reader is to end the process, and to send standard output nowhere.
    """

    def __init__(self) -> None:
        self._gone = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What the letters are written in; rich draws with plain ones where it is not UTF-8."""
        return getattr(self._stream(), "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._try(lambda stream: bool(stream.isatty())) or False

    def fileno(self) -> int:
        """The number of the file behind it."""
        stream = self._stream()
        if stream is None:
            raise io.UnsupportedOperation("there is no standard error")
        return stream.fileno()

    def write(self, text: str) -> int:
        """Write, if there is somebody to read."""
        self._try(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        self._try(lambda stream: stream.flush())

    def _stream(self) -> TextIO | None:
        stream: TextIO | None = sys.stderr
        return getattr(stream, "rich_proxied_file", stream)  # what rich puts in its place while a bar is drawn

    def _try(self, use: Callable[[TextIO], Any]) -> Any:
        stream = self._stream()
        if stream is None or self._gone:
            return None
        try:
            return use(stream)
        except (OSError, ValueError):  # a pipe without a reader, a terminal that was closed, a closed file
            self._gone = True
            return None


def make_console() -> Console:
    """A console on standard error that outlives it."""
    return Console(file=cast("IO[str]", StandardError()), soft_wrap=True)


class Terminal:
    """Two live lines on standard error: bar and speed, then losses; where that is not a terminal, a line now and then.

    Args:
        console: where to draw, by default standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or make_console()
        self.progress: _LiveLines | None = None
        self.task: TaskID | None = None
        self._watch = Watch(self.console, busy=lambda: self.progress is not None)
        self._last_line = -math.inf
        self._unsaid: Status | None = None

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        # On a terminal between words; elsewhere one line each, fit for grep.
        text = printable(text, lines=True)
        self.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=not self.console.is_terminal)

    def update(self, status: Status) -> None:
        """Draw the bar, or print a line now and then."""
        if not self.console.is_terminal:
            self._unsaid = status
            if time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
                self._say()
            return
        if self.progress is None:
            self.progress = _LiveLines(self.console)
            self.task = self.progress.add_task("", total=1.0)
            self.progress.start()
        assert self.task is not None
        self.progress.losses = status.losses
        self.progress.update(self.task, completed=status.fraction, description=describe_pace(status))

    def watch(self, work: Work) -> AbstractContextManager[object]:
        """Draw a bar that passes; beside the bar of the run, print a line now and then."""
        return self._watch(work)

    def close(self) -> None:
        """Leave the lines as they stand, and the last status where none was drawn."""
        if self.progress is not None:
            self.progress.stop()
        self._say()

    def _say(self) -> None:
        if self._unsaid is not None:
            status, self._unsaid, self._last_line = self._unsaid, None, time.monotonic()
            self.note(f"{status.fraction:4.0%}  {describe_pace(status)}  {describe_losses(status.losses)}".rstrip())


class _LiveLines(Progress):
    """A bar with the pace beside it, and the losses below; both are cut rather than wrapped where room is short."""

    def __init__(self, console: Console) -> None:
        self.losses: Mapping[str, float] = {}
        super().__init__(
            BarColumn(bar_width=24),
            TextColumn("[progress.percentage]{task.percentage:>3.0f}%"),
            TextColumn("{task.description}", markup=False),
            console=console,
            refresh_per_second=4,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the two lines."""
        yield from super().get_renderables()
        yield Text(describe_losses(self.losses), no_wrap=True, overflow="ellipsis")


def describe_pace(status: Status) -> str:
    """Step, speed and time left; at the end, the time it took."""
    left = status.seconds_left
    parts = [f"step {status.step}", f"{status.images_per_second:.1f} images/s"]
    if status.fraction >= 1:
        parts.append(f"{_clock(status.seconds)} in all")
    elif left is not None:
        parts.append(f"{_clock(left)} left")
    return "  ".join(parts)


def describe_losses(losses: Mapping[str, float]) -> str:
    """Each term's value; the terms of the two domains, such as ``cycle_A`` and ``cycle_B``, share a name."""
    grouped: dict[str, list[str]] = {}
    for term, value in losses.items():
        base, _, domain = term.rpartition("_")
        number = f"{value:.2f}" if abs(value) < 100 else f"{value:.3g}"
        grouped.setdefault(base if base and domain in ("A", "B") else term, []).append(number)
    return "  ".join(f"{name} {'/'.join(numbers)}" for name, numbers in grouped.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watch:
    """Shows work that lasts longer than a person waits in silence: a passing bar on a terminal, else a line at times.

    For :func:`i2i.progress.listening`. A thread draws, so that even work that is one long call is seen.

    Args:
        console: where to draw, by default standard error.
        busy: whether something else draws on the terminal at the time, so that lines must do.
    """

    def __init__(self, console: Console | None = None, busy: Callable[[], bool] = lambda: False) -> None:
        self.console = console or make_console()
        self._busy = busy

    @contextmanager
    def __call__(self, work: Work) -> Iterator[None]:
        """Show a piece of work while it is done."""
        over = threading.Event()
        thread = threading.Thread(target=self._follow, args=(work, over), name="i2i-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _follow(self, work: Work, over: threading.Event) -> None:
        if over.wait(FIRST_WORD_SECONDS) and FIRST_WORD_SECONDS > 0:
            return
        if self.console.is_terminal and not self._busy():
            self._draw(work, over)
        else:
            self._tell(work, over)

    def _draw(self, work: Work, over: threading.Event) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24))
        count = () if work.total is None and not work.done else (MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, *count, console=self.console, transient=True) as bar:
            task = bar.add_task("", total=None)
            ends = False
            while not ends:
                ends = over.wait(REDRAW_SECONDS)
                description = printable(f"{work.what}  {work.about}".rstrip())
                bar.update(task, completed=work.done, total=work.total, description=description)

    def _tell(self, work: Work, over: threading.Event) -> None:
        began, said, ends = time.monotonic() - FIRST_WORD_SECONDS, "", False
        while True:
            line = describe_work(work)
            if line != said or not ends:
                seconds = "" if work.done else f" ({_clock(time.monotonic() - began)})"
                self.console.print(printable(line + seconds), markup=False, highlight=False, emoji=False)
                said = line
            if ends:
                return
            ends = over.wait(LINE_EVERY_SECONDS)


def describe_work(work: Work) -> str:
    """How far work is, in one line."""
    if work.total is None and not work.done:
        return f"{work.what} ..."
    return f"{work.what}: {work.done}/{'?' if work.total is None else work.total}  {work.about}".rstrip()


@contextmanager
def watching(enabled: bool = True) -> Iterator[None]:
    """Show what is done meanwhile on standard error, where it takes long."""
    if not enabled:
        yield
        return
    with listening(Watch()):
        yield
