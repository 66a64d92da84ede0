"""Calling components: whatever a plugin's code raises becomes one message that names it, its package and version.

``I2I_TRACE_PLUGINS`` shows the traceback as well, and tells what is loaded.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from i2i.errors import DataError, I2IError, PluginError, reason_of
from i2i.plugins.plugin_files import is_file, provider

TRACE_VARIABLE = "I2I_TRACE_PLUGINS"

_MARK = "_i2i_called"
"""The attribute of an object that a component built, by which a traceback tells whose it is."""


@dataclass(frozen=True)
class Called:
    """A component that is called, as messages name it.

    Attributes:
        kind: of component.
        name: of the component.
        package: the distribution that brought it.
        version: that distribution's version.
        module: the module that registered it.
        parts: the components that it was given, and that it calls.
    """

    kind: str
    name: str
    package: str
    version: str
    module: str
    parts: tuple[Called, ...] = ()

    def __str__(self) -> str:
        return f"{'data set' if self.kind == 'dataset' else self.kind} {self.name!r} of {provider(self.owner)}"

    @property
    def owner(self) -> str:
        """Package and version."""
        return f"{self.package} {self.version}"

    @property
    def advice(self) -> str:
        """What to do when it fails."""
        where = f"{TRACE_VARIABLE}=1 shows where"
        if self.package == "i2i":
            return f"do the chosen parts go with these images and options? {where}"
        if is_file(self.version):
            return f"correct {self.package}, or choose another {self.kind}; {where}"
        return f"report it to package {self.package}, or choose another {self.kind}; {where}"


def mark(built: Any, called: Called) -> None:
    """Let tracebacks know whose object this is, where it takes an attribute."""
    with suppress(Exception):  # an object with slots, or with a __setattr__ of its own; then its module tells
        object.__setattr__(built, _MARK, called)


def unmark(built: Any) -> None:
    """Take the mark off an object that leaves i2i: its attributes are its author's."""
    with suppress(Exception):
        object.__delattr__(built, _MARK)


@contextmanager
def calling(component: Any, doing: str, way_on: str = "") -> Iterator[None]:
    """Turn what a component raises into a :class:`PluginError` that names the innermost component on the way there.

    Errors of i2i pass unchanged. A file that cannot be read, and memory that is short, are no component's fault.

    Args:
        component: what is called, or the object that it built; it may call others.
        doing: what the person was after, such as ``"step 3"``: the message begins with it.
        way_on: what is lost or kept by it.
    """
    try:
        yield
    except I2IError:
        raise
    except (Exception, SystemExit) as error:
        raise explain(error, component, doing, way_on) from error


def explain(error: BaseException, component: Any, doing: str, way_on: str = "") -> I2IError:
    """The error to raise from an exception of a component; shows its traceback if that is asked for."""
    called = component if isinstance(component, Called) else called_of(component)
    show_trace(error)
    way_on = f"; {way_on}" if way_on else ""
    if lacks_memory(error):
        return I2IError(
            f"{doing} failed: there is not enough memory: {reason_of(error)}{way_on}. Take smaller images "
            "(--image-size), fewer at once (--batch-size) or a narrower network (base_channels)"
        )
    culprit = _culprit(error.__traceback__, called)
    if isinstance(error, OSError) and culprit.kind == "dataset":
        return DataError(f"{doing} failed: {culprit} could not read: {reason_of(error)}{way_on}")
    said = f": {reason_of(error)}" if str(error).strip() else ""
    return PluginError(
        f"{doing} failed: {culprit} raised {type(error).__name__}{said}{way_on}. What to do: {culprit.advice}"
    )


def called_of(built: Any) -> Called:
    """What to call an object that a component built."""
    return _mark_of(built) or _unknown(built)


def show_trace(error: BaseException) -> None:
    """Print the traceback of what a component raised, if that is asked for."""
    if os.environ.get(TRACE_VARIABLE):
        sys.stderr.write("".join(traceback.format_exception(error)))


def lacks_memory(error: BaseException) -> bool:
    """Whether memory was short: Python's error, torch's for a GPU (without importing it), or torch's for the CPU."""
    if isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error):  # a class of its own is for GPUs only
        return True
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _culprit(trace: TracebackType | None, called: Called) -> Called:
    """Whose code raised: of the frames from the innermost on, the first that belongs to a component.

    That is where ``self`` was built by one. Where there is none, as in a function, the module tells, and of several
    components of one package the nearest ``self`` outside.
    """
    strangers: dict[str, list[Called]] = {}
    for each in (*called.parts, called):
        if (top := _top(each.module)) != "i2i" and each not in strangers.setdefault(top, []):
            strangers[top].append(each)
    one_of: list[Called] = []
    for frame, _ in reversed(list(traceback.walk_tb(trace))):
        found = _mark_of(frame.f_locals.get("self"))
        if found is not None:
            return one_of[0] if one_of and found not in one_of else found
        one_of = one_of or strangers.get(_top(str(frame.f_globals.get("__name__", ""))), [])
        if len(one_of) == 1:
            return one_of[0]
    return one_of[0] if one_of else called


def _top(module: str) -> str:
    """The package that a module lies in."""
    return module.partition(".")[0]


def _unknown(built: Any) -> Called:
    """What to call an object that bears no mark."""
    module = type(built).__module__
    return Called("component", type(built).__name__, module.partition(".")[0], "(of unknown version)", module)


def _mark_of(instance: Any) -> Called | None:
    with suppress(Exception):
        found = vars(instance).get(_MARK)
        return found if isinstance(found, Called) else None
    return None
