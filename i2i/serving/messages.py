"""What the server, its page and the process with the model tell each other. Imports no torch and no web framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

MEBIBYTE = 2**20
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
"""What a client may ask for, with Pillow's name of it."""


@dataclass(frozen=True)
class ModelOptions:
    """What to serve: the model, and what :func:`i2i.load` is given with it, plugin files apart."""

    model: str | Path
    options: dict[str, Any]
    plugins: tuple[str, ...] = ()


class OfferedDirection(BaseModel):
    """One way of a translator."""

    name: str = Field(description="what to ask for: AtoB or BtoA")
    source: str = Field(description="what goes in, in words")
    target: str = Field(description="what comes out, in words")


class ModelInfo(BaseModel):
    """What is served."""

    name: str = Field(description="the folder or file it was loaded from, without the path")
    title: str = Field("", description="what its run is called, where a person said so")
    directions: list[OfferedDirection] = Field(description="the first is taken when none is asked for")
    method: str | None = Field(description="how it was trained, where that is known")
    generator: str
    step: int | None = Field(description="training steps done, where that is known")
    checkpoint: str = Field("", description="which of a run's checkpoints it is, where a run folder is served")
    device: str
    background: str = Field(description="the colour #rrggbb that transparent parts are laid over")
    opacity: bool = Field(False, description="whether transparent parts go in as they are, or come out")


class Limits(BaseModel):
    """How much a client may ask of the server."""

    max_bytes: int = Field(20 * MEBIBYTE, ge=1, description="bytes of an upload")
    max_pixels: int = Field(2048 * 2048, ge=1, description="pixels of an image, checked before it is decoded")
    seconds: float = Field(60.0, gt=0, description="for an upload, and again for its translation")
    queue: int = Field(16, ge=0, description="requests that wait while one is translated")
    connections: int = Field(256, ge=8, description="open connections; one more gets 503")


@dataclass(frozen=True)
class TranslationJob:
    """A file to translate.

    Attributes:
        content: the file, as it came.
        direction: ``"AtoB"`` or ``"BtoA"``.
        format_name: Pillow's name of the format that is wanted.
        max_pixels: the most that are decoded.
    """

    content: bytes
    direction: str
    format_name: str
    max_pixels: int


@dataclass(frozen=True)
class Translation:
    """A translated file."""

    content: bytes


@dataclass(frozen=True)
class Refusal:
    """Why there is no translation, with the HTTP status that says so."""

    status: int
    reason: str
