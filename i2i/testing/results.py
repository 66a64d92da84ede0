"""One result a check, and the list that collects them whatever the component does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: the promise, such as ``"value range"``.
        ok: whether it is kept.
        message: what was expected and what came, for a broken promise; sometimes a remark on one that is kept.
    """

    name: str
    ok: bool
    message: str = ""


class BrokenPromiseError(AssertionError):
    """A check found what it should not."""


def expect(condition: bool, message: str) -> None:
    """Raise :class:`BrokenPromiseError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise BrokenPromiseError(message)


def gradient_of(tensor: Tensor, missing: str) -> Tensor:
    """Return the gradient that a backward pass left on the tensor, or fail the check with ``missing``."""
    if tensor.grad is None:
        raise BrokenPromiseError(missing)
    return tensor.grad


class Checklist:
    """Runs checks one after the other; an exception of any kind is a failed check, never the end of the list."""

    def __init__(self) -> None:
        self.results: list[CheckResult] = []

    def run(self, name: str, check: Callable[[], str | None]) -> bool:
        """Run one check, keep its result and return whether it passed. ``check`` may return a remark."""
        try:
            remark = check()
        except BrokenPromiseError as broken:
            self.results.append(CheckResult(name, False, str(broken)))
            return False
        except Exception as error:  # a plugin's component may raise anything
            text = " ".join(str(error).split()) or "no message"
            self.results.append(CheckResult(name, False, f"raised {type(error).__name__}: {text}"))
            return False
        self.results.append(CheckResult(name, True, remark or ""))
        return True


def positive(question: str, answer: Any) -> int:
    """What a function of a spec, such as ``smallest_size``, answered, if it is a whole number from 1."""
    fits = isinstance(answer, int) and not isinstance(answer, bool) and answer >= 1
    expect(fits, f"{question} must return a whole number from 1; got {answer!r}")
    return int(answer)
