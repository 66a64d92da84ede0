"""The one shape of an error: a status, and ``{"error": "..."}``."""

from __future__ import annotations

import json

from pydantic import BaseModel, Field

from i2i.errors import printable

MOST_SHOWN = 200
"""Characters of what a client sent that an error repeats."""


class ErrorBody(BaseModel):
    """What every error answers."""

    error: str = Field(description="what was expected, what came, and what to do")


class RefusedError(Exception):
    """A request that gets an error.

    Attributes:
        status: HTTP status.
        reason: for a person.
        retry_after: seconds after which it may be tried again, where that can help.
    """

    def __init__(self, status: int, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def error_body(reason: str) -> bytes:
    """Return the body of an error, JSON in ASCII."""
    return json.dumps({"error": reason}).encode()


def shown(text: str) -> str:
    """Return what a client sent, fit to be repeated: without control characters, and not longer than a line or two."""
    text = printable(text)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
