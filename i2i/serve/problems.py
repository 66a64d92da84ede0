"""The one shape of an error: a status, and ``{"error": "..."}``."""

from __future__ import annotations

from pydantic import BaseModel, Field


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
