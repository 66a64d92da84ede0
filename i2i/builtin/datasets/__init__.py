"""The built-in data sets: their options and specs. Imports no torch.

``folder`` reads a folder of images, or the sample that ships inside the package (``sample:flat-3d``). The data set is
in :mod:`~i2i.builtin.datasets.folder`; :mod:`~i2i.builtin.datasets.layout` recognises how the folder is laid out,
:mod:`~i2i.builtin.datasets.holding_out` holds images out, :mod:`~i2i.builtin.datasets.preprocess` resizes, crops and
flips.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from i2i.errors import printable
from i2i.images.limits import DEFAULT_MAX_PIXELS, Color
from i2i.images.value_range import ValueRange
from i2i.paths import named
from i2i.plugins import DatasetSpec, Options
from i2i.plugins.directions import DirectionName
from i2i.plugins.specs import SAMPLE_PREFIX, Pairing

Mode = Literal["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"]
"""The preprocessing modes of the reference implementation, by its names."""

MOST_CHANNELS = 64


def _check_channels(value: Any) -> Any:
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    whole = isinstance(number, int) and not isinstance(number, bool)
    if number != "auto" and not (whole and 1 <= number <= MOST_CHANNELS):
        raise ValueError(f"must be a whole number from 1 to {MOST_CHANNELS}, or auto")
    return number


def _check_range(value: Any) -> Any:
    if value not in ("auto", "type", "percentile"):
        try:
            ValueRange.parse(str(value))
        except ValueError as error:
            raise ValueError(f"{error}; or auto, type, percentile") from error
    return value


def _check_name(value: str | None) -> str | None:
    if value is not None and (value != value.strip() or printable(value) != value):
        raise ValueError("must be a name in printable letters, without blanks around it")
    return value


Channels = Annotated[int | Literal["auto"], BeforeValidator(_check_channels)]
Range = Annotated[str, BeforeValidator(_check_range)]
Name = Annotated[str | None, Field(min_length=1, max_length=40), AfterValidator(_check_name)]
Type = Literal["auto", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"]


class FolderOptions(Options):
    """How images are found, read, resized and drawn."""

    pairing: Pairing = Field(
        "unpaired",
        description="unpaired: any A with any B; paired: true pairs; partners: unpaired plus the true partner where A "
        "and B share a name. The method sets it",
    )
    direction: DirectionName = Field("AtoB", description="BtoA makes the second domain the input")
    name_A: Name = Field(  # noqa: N815  (the domain's name)
        None,
        description="what the first domain is called on pages, sheets, servers and in exported files, before direction "
        "swaps the two; none: its letter",
    )
    name_B: Name = Field(None, description="the second domain, likewise")  # noqa: N815
    channels_A: Channels = Field(  # noqa: N815  (the domain's name)
        3,
        description="channels of the first domain, before direction swaps the two: 1 reads pictures as greyscale, 3 as "
        "RGB; other numbers, up to 64, are those of the files; auto takes what they have",
    )
    channels_B: Channels = Field(3, description="channels of the second domain, likewise")  # noqa: N815
    range_A: Range = Field(  # noqa: N815
        "auto",
        description="which values of the first domain's files are -1 and 1: LOW:HIGH; type: all of their type; "
        "percentile: 0.1 to 99.9 % of the training images; auto: type for pictures and 8 bits, else the least and the "
        "greatest of the training images. What is found out is kept in the run",
    )
    range_B: Range = Field("auto", description="of the second domain, likewise")  # noqa: N815
    opacity_A: bool | Literal["auto"] = Field(  # noqa: N815
        "auto",
        description="whether the last of 2 or 4 channels of the first domain is opacity; auto: it is where the files "
        "are pictures of 8 bits that have one",
    )
    opacity_B: bool | Literal["auto"] = Field("auto", description="of the second domain, likewise")  # noqa: N815
    type_A: Type = Field(  # noqa: N815
        "auto",
        description="type of the values of translations into the first domain, where they are no pictures; auto: that "
        "of its files",
    )
    type_B: Type = Field("auto", description="of the second domain, likewise")  # noqa: N815
    background: str = Field(
        "#ffffff", pattern="^#[0-9a-fA-F]{6}$", description="colour (#rrggbb) that transparent images are laid over"
    )
    color: Color = Field(
        "keep",
        description="colour profiles of pictures: keep: the numbers in the files count; srgb: profiles are applied, on "
        "reading and in every translation, and CMYK is read",
    )
    mode: Mode = Field(
        "resize_and_crop",
        description="resize_and_crop: stretch to load_size, crop; crop: crop only; scale_width: width to load_size; "
        "scale_width_and_crop: both; none: keep the size up to round_to",
    )
    image_size: int = Field(256, ge=1, description="side of the square crop, in pixels")
    load_size: int | None = Field(
        None,
        ge=1,
        description="size before the crop, in pixels; none is image_size x 286 / 256. Test images: image_size",
    )
    flip: bool = Field(True, description="mirror half of the training images left to right")
    serial: bool = Field(False, description="unpaired training: take B in order instead of at random")
    test_fraction: float = Field(
        0.1, ge=0, lt=1, description="share of images held out, by a hash of the name, where there is no test folder"
    )
    group: str | None = Field(
        None,
        description="a pattern (regular expression) whose first group finds in each name what belongs together: a "
        "patient, a scene, a slide, a video. No group is on two sides of the split",
    )
    group_grid: int | None = Field(
        None,
        ge=1,
        description="hold out cells of so many times so many neighbouring tiles, by the last two numbers of their "
        "names, such as 0278_0256",
    )
    test_names: str | None = Field(
        None,
        min_length=1,
        description="a text file of what is held out: a name a line, of an image or of a group; its path from the "
        "data's folder, or from here",
    )
    match_names: bool = Field(
        True, description="whether equal names in A and B mean a true pair (partners, and measures on held-out images)"
    )
    round_to: int = Field(
        4, ge=0, description="mode none: resize each side to the nearest multiple of this; 0 leaves every size as it is"
    )
    skip_bad: bool = Field(
        False, description="leave out files that cannot be read, and count them, instead of stopping"
    )
    cache: Literal["auto", "memory", "disk", "off"] = Field(
        "auto",
        description="where resized images are kept, so that each file is decoded once: auto: where that saves much, in "
        "memory or else on the disk. Changes no number",
    )
    max_pixels: int = Field(
        DEFAULT_MAX_PIXELS, ge=1, description="images with more pixels than this are refused as decompression bombs"
    )

    @field_validator("group")
    @classmethod
    def _check_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from error
        if groups == 0:
            raise ValueError("must have a group in brackets that finds what belongs together, as in '^(.+?)_'")
        return pattern

    @model_validator(mode="after")
    def _check_grouping(self) -> FolderOptions:
        if self.group is not None and self.group_grid is not None:
            raise ValueError(
                "group keeps all of a group on one side, group_grid takes it apart into cells: give one of the two"
            )
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> FolderOptions:
        if self.mode in ("resize_and_crop", "scale_width_and_crop") and self.full_load_size < self.image_size:
            raise ValueError(
                f"load_size {self.load_size} is smaller than image_size {self.image_size}, which is cropped from it; "
                "make load_size at least image_size, or leave it out"
            )
        return self

    @property
    def full_load_size(self) -> int:
        """``load_size``, or its default: 286 for a 256-pixel crop and in proportion for others."""
        return round(self.image_size * 286 / 256) if self.load_size is None else self.load_size


def _build_folder(options: FolderOptions, **arguments: Any) -> Any:
    from i2i.builtin.datasets.folder import build

    return build(options, **arguments)


def _is_folder(root: str) -> bool:
    return root.startswith(SAMPLE_PREFIX) or named(root).is_dir()


def _write_example(_: FolderOptions, *, folder: Path) -> Path:
    from i2i.builtin.datasets.example import write_example

    return write_example(folder)


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="folder",
        summary="a folder of images, paired or not, or the built-in sample (sample:flat-3d)",
        options=FolderOptions,
        build=_build_folder,
        accepts=_is_folder,
        example=_write_example,
        reads_images=True,
    ),
)
