"""``checkpoint.json``, checked against what it may say: a damaged value is named when it is read, not when it is used.

A value may be missing; whoever needs it says so. Values that are not known here are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator

from i2i.errors import CheckpointError, printable
from i2i.images.limits import Color
from i2i.plugins.directions import DirectionName

MOST_STEPS = 10**15
MOST_CHANNELS = 10_000
LONGEST_SIDE = 10_000
MOST_PROCESSES = 100_000
_LONGEST_SHOWN = 60
_PLAIN_NAME = re.compile(r"[^/\\:\0]+")


def _plain_name(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError("must be a name without a folder, for a file is called so")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]
Count = Annotated[int, Field(ge=0, le=MOST_STEPS)]
Channels = Annotated[int, Field(ge=1, le=MOST_CHANNELS)]
Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Component(_Part):
    name: str


class _Generator(_Part):
    file: Name | None = None
    direction: DirectionName | None = None
    component: _Component | None = None
    in_channels: Channels | None = None
    out_channels: Channels | None = None
    smallest_size: Side | None = None
    package: str | None = None
    moving_average: bool = False


class _Preprocessing(_Part):
    background: Colour = "#ffffff"
    color: Color = "keep"
    max_pixels: Annotated[int, Field(ge=1)] = 1


class _Samples(_Part):
    train: Count
    test: Count


class _Data(_Part):
    sha256: str
    samples: _Samples


class _Chosen(_Part):
    name: str | None = None


class _Config(_Part):
    method: _Chosen | None = None
    data: _Chosen | None = None


class _Recorded(_Part):
    kind: str
    name: str
    package: str
    version: str
    file: str = ""


class _Description(_Part):
    step: Count | None = None
    seconds: Annotated[FiniteFloat, Field(ge=0)] | None = None
    samples: Count | None = None
    world_size: Annotated[int, Field(ge=1, le=MOST_PROCESSES)]
    score: FiniteFloat | None = None
    metrics: dict[str, dict[str, FiniteFloat | None]] | None = None
    images: Count | None = None
    generators: dict[Name, _Generator] | None = None
    data: _Data | None = None
    domains: dict[str, str] | None = None
    value_range: Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)] | None = None
    preprocessing: _Preprocessing | None = None
    inference: Literal["deterministic", "paper"] | None = None
    versions: dict[str, Any] | None = None
    components: list[_Recorded] | None = None
    config: _Config | None = None
    notes: list[str] | None = None

    @field_validator("generators")
    @classmethod
    def _one_for_each_direction(cls, generators: Mapping[str, _Generator] | None) -> Mapping[str, _Generator] | None:
        ways = [entry.direction for entry in (generators or {}).values() if entry.direction]
        if len(ways) > len(set(ways)):
            raise ValueError("two generators must not have one direction")
        return generators


class _Record(_Part):
    """What an exported file says of its translator: :class:`~i2i.models.info.TranslatorInfo` as JSON."""

    checkpoint: str
    step: Count | None
    method: str | None
    direction: DirectionName
    directions: list[DirectionName]
    domains: Annotated[list[str], Field(min_length=2, max_length=2)]
    generator: str
    options: dict[str, Any]
    package: str
    versions: dict[str, str]
    moving_average: bool
    in_channels: Channels
    out_channels: Channels
    value_range: Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]
    size_multiple: Side
    smallest_size: Side = 1
    background: Colour
    max_pixels: Annotated[int, Field(ge=1)]
    color: Color = "keep"
    inference: Literal["deterministic", "paper"]
    metrics: dict[str, float | None]
    notes: list[str] = []


def check_record(record: Mapping[str, Any], source: str, cure: str) -> None:
    """Check what an exported file says of its translator; arguments and errors as of :func:`check_description`."""
    _check(_Record, record, source, cure)


def check_description(description: Mapping[str, Any], source: str, cure: str) -> None:
    """Check every value that this i2i knows.

    Args:
        description: the values of the file.
        source: the file, for the message.
        cure: what to do about it, for the message.

    Raises:
        CheckpointError: a value is invalid; the message names the file and the field.
    """
    _check(_Description, description, source, cure)


def _check(model: type[_Part], values: Mapping[str, Any], source: str, cure: str) -> None:
    try:
        model.model_validate(values)
    except ValidationError as error:
        said = [_said(detail) for detail in error.errors()]
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        raise CheckpointError(f"{source} is damaged: {said[0]}{more}; {cure}") from error


def _said(detail: Any) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    got = repr(detail["input"])
    shown = got if len(got) <= _LONGEST_SHOWN else f"{got[:_LONGEST_SHOWN]}..."
    message = detail["msg"].removeprefix("Value error, ")
    return printable(f"{field}: got {shown}: {message[:1].lower()}{message[1:]}")
