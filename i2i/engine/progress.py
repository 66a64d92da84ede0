"""Telling a person how a run is getting on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

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
    """A progress bar on standard error; where that is no terminal, a line every ten seconds."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, soft_wrap=True)
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self._last_line = 0.0

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, markup=False, highlight=False)

    def update(self, status: Status) -> None:
        """Draw the bar, or print a line now and then."""
        if not self.console.is_terminal:
            now = time.monotonic()
            if now - self._last_line >= LINE_EVERY_SECONDS:
                self._last_line = now
                self.note(f"{status.fraction:4.0%}  {describe(status)}")
            return
        if self.progress is None:
            self.progress = Progress(
                BarColumn(bar_width=24),
                TextColumn("[progress.percentage]{task.percentage:>3.0f}%"),
                TextColumn("{task.description}", markup=False),
                console=self.console,
                refresh_per_second=4,
            )
            self.task = self.progress.add_task("", total=1.0)
            self.progress.start()
        assert self.task is not None
        self.progress.update(self.task, completed=status.fraction, description=describe(status))

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.progress is not None:
            self.progress.stop()


def describe(status: Status) -> str:
    """One line: step, speed, time left, losses."""
    left = status.seconds_left
    parts = [
        f"step {status.step}",
        f"{status.images_per_second:.1f} images/s",
        f"{_clock(left)} left" if left is not None else "",
        "  ".join(f"{name} {value:.2f}" for name, value in status.losses.items()),
    ]
    return "  ".join(part for part in parts if part)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
