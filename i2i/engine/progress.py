"""Telling a person how a run is getting on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY_SECONDS = 10.0


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

    def close(self) -> None:
        """The run is over."""
        ...


class Silent:
    """Tells nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def update(self, status: Status) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Terminal:
    """Two live lines on standard error: bar and speed, then losses; where that is no terminal, a line now and then.

    Args:
        console: where to draw, by default standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, soft_wrap=True)
        self.progress: _LiveLines | None = None
        self.task: TaskID | None = None
        self._gone = False
        self._last_line = -math.inf
        self._unsaid: Status | None = None

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        # On a terminal between words; elsewhere one line each, fit for grep.
        soft_wrap = not self.console.is_terminal
        self._show(lambda: self.console.print(text, markup=False, highlight=False, soft_wrap=soft_wrap))

    def update(self, status: Status) -> None:
        """Draw the bar, or print a line now and then."""
        if not self.console.is_terminal:
            self._unsaid = status
            if time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
                self._say()
            return
        self._show(lambda: self._draw(status))

    def _draw(self, status: Status) -> None:
        if self.progress is None:
            self.progress = _LiveLines(self.console)
            self.task = self.progress.add_task("", total=1.0)
            self.progress.start()
        assert self.task is not None
        self.progress.losses = status.losses
        self.progress.update(self.task, completed=status.fraction, description=describe_pace(status))

    def close(self) -> None:
        """Leave the lines as they stand, and the last status where none was drawn."""
        if self.progress is not None:
            self._show(self.progress.stop)
        self._say()

    def _show(self, draw: Callable[[], object]) -> None:
        """Say nothing more once nobody reads: the terminal is closed, or the pipe, for which rich ends the process."""
        if self._gone:
            return
        try:
            draw()
        except (OSError, ValueError, SystemExit):
            self._gone = True

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


@contextmanager
def counting(what: str, *, enabled: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function of how many are done and of how many, which moves a bar on a terminal's standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (enabled and console.is_terminal), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
