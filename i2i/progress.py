"""Work that may take long says so here, and whoever talks to a person listens. Imports nothing: every part may say so.

::

    with working("checking images", len(paths)) as step:  # in the part that works
        for path in paths:
            ...
            step()

    with listening(watch):  # in the part that talks, such as a command
        ...

Nobody listens unless asked to, so that the functions of the API are silent. What is shown, when and where is the
listener's (:class:`i2i.terminal.Watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass
class Work:
    """One piece of work and how far it is; written by who works, read by who listens, maybe in another thread.

    Attributes:
        what: what is done, such as ``"checking images"``.
        total: how many things there are to do; ``None`` where that is not known.
        done: how many of them are done.
        about: what else is known of it, such as its pace.
    """

    what: str
    total: int | None = None
    done: int = 0
    about: str = ""


Listener = Callable[[Work], AbstractContextManager[object]]
"""Is called when work begins; what it returns is entered then, and left when the work ends, however it ends."""


class _Audience:
    """Somebody who listens, and the work that is being shown to them."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._shown: ExitStack | None = None

    def show(self, work: Work) -> ExitStack:
        """Show work until what comes back is closed; inside of other work, show nothing."""
        stack = ExitStack()
        if self._shown is None:
            self._shown = stack
            stack.callback(self._forget, stack)
            stack.enter_context(self._listener(work))
        return stack

    def close(self) -> None:
        """Stop showing what is not over: an iterator that nobody asks any more, an error that is kept."""
        if self._shown is not None:
            self._shown.close()

    def _forget(self, stack: ExitStack) -> None:
        if self._shown is stack:
            self._shown = None


_audience: ContextVar[_Audience | None] = ContextVar("audience", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Learn of the work that is done meanwhile, in this thread."""
    audience = _Audience(listener)
    token = _audience.set(audience)
    try:
        yield
    finally:
        _audience.reset(token)
        audience.close()


@contextmanager
def working(what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Say that work is being done, and give a function that is called after each of its things.

    Work inside of other work is part of it and is not reported.
    """
    work = Work(what, total)

    def step() -> None:
        work.done += 1

    audience = _audience.get()
    with audience.show(work) if audience is not None else nullcontext():
        yield step


def counted(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items of a piece of work, each counted once the next one is asked for."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with working(what, total) as step:
        for item in items:
            yield item
            step()
