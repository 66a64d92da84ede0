"""Every error that i2i raises on purpose.

::

    I2IError                  anything i2i can explain; the command line prints it as one message, without a traceback
    |-- ConfigError           a setting, option or command-line value is wrong (exit code 2)
    |-- PluginError           a plugin is missing, broken or ambiguous
    |-- DataError             a data folder or an image in it cannot be used
    |-- RunFolderError        a run folder cannot be written, read or resumed
    |-- CheckpointError       a checkpoint is missing, damaged or does not fit
    |-- ExportError           a model cannot be exported, or the exported file does not give the same images
    |-- DivergedError         a loss became NaN or infinite
    `-- NativeError           the native kernels are required, and cannot be built or loaded

A message names the thing, what was expected, what came and what to do next.
"""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable


class I2IError(Exception):
    """Base of all errors that carry a message for a person. ``exit_code`` is what the command line exits with."""

    exit_code = 1


class ConfigError(I2IError):
    """A setting given by a person is wrong."""

    exit_code = 2


class PluginError(I2IError):
    """A plugin is missing, broken, or two packages claim its name."""


class DataError(I2IError):
    """A data folder or an image in it cannot be used."""


class RunFolderError(I2IError):
    """A run folder cannot be written, read or resumed."""


class CheckpointError(I2IError):
    """A checkpoint is missing, damaged or does not fit the networks."""


class ExportError(I2IError):
    """A model cannot be exported, or the exported file does not give the same images."""


class DivergedError(I2IError):
    """A loss became NaN or infinite during training."""


class NativeError(I2IError):
    """The native kernels are required (``I2I_BUILD=required``), and cannot be built or loaded."""


def reason_of(error: BaseException) -> str:
    """Return the first line of what an exception of others says, fit for our messages; its type if it says nothing."""
    return cut(printable((str(error).strip() or type(error).__name__).splitlines()[0]))


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return ``text`` with its control characters as escapes (``\x1b``); line breaks and tabs are escaped as well.

    For names and notes that strangers chose: of files, folders, domains, models. Shown raw, they could move the cursor,
    recolour a terminal, reverse the reading order or add lines to a log. Letters of every script, and the joiners
    between them, stay as they are.

    Args:
        text: a name; or a whole message.
        lines: keep line breaks, for a message of several lines; names in it need their own call to add none.
    """
    kept = "\n" if lines else ""
    return "".join(repr(char)[1:-1] if _controls(char) and char not in kept else char for char in text)


_REORDERING = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
"""Embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9, section 2)."""


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _REORDERING


LONGEST_LINE = 500
"""Characters of what others say, in a message of ours."""
LONGEST_SHOWN = 200
"""Characters of a value in a message."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 120, 120, 60


def cut(text: str, longest: int = LONGEST_LINE) -> str:
    """Return ``text``, ending in ``...`` where it is longer than ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def shown(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, cut where it is long, without control characters."""
    return cut(printable(_SHORT.repr(value)), LONGEST_SHOWN)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string when none is near."""
    by_lower = {each.lower(): each for each in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[matches[0]]!r}?" if matches else ""


def amount(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun, and perhaps a verb: ``"1 file is"``, ``"2 files are"``; without ``many``, an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
