"""The built-in data sets: their options and specs. Imports no torch.

``folder`` reads a folder of images, or the sample that ships inside the package (``sample:flat-3d``). The data set is
in :mod:`~i2i.builtin.datasets.folder`; :mod:`~i2i.builtin.datasets.layout` recognises how the folder is laid out,
:mod:`~i2i.builtin.datasets.split` holds images out, :mod:`~i2i.builtin.datasets.preprocess` resizes, crops and flips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.paths import named
from i2i.plugins import DatasetSpec, Options
from i2i.plugins.specs import SAMPLE_PREFIX, DirectionName, Pairing

Mode = Literal["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"]
"""The preprocessing modes of the reference implementation, by its names."""


class FolderOptions(Options):
    """How images are found, read, resized and drawn."""

    pairing: Pairing = Field(
        "unpaired",
        description="unpaired: any A with any B; paired: true pairs; partners: unpaired plus the true partner where A "
        "and B share a name. The method sets it",
    )
    direction: DirectionName = Field("AtoB", description="BtoA makes the second domain the input")
    channels_A: Literal[1, 3] = Field(  # noqa: N815  (the domain's name)
        3, description="channels of the first domain, before direction swaps the two; 1 reads it as greyscale"
    )
    channels_B: Literal[1, 3] = Field(  # noqa: N815
        3, description="channels of the second domain, before direction swaps the two; 1 reads it as greyscale"
    )
    background: str = Field(
        "#ffffff", pattern="^#[0-9a-fA-F]{6}$", description="colour (#rrggbb) that transparent images are laid over"
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
    match_names: bool = Field(
        True, description="whether equal names in A and B mean a true pair (partners, and measures on held-out images)"
    )
    round_to: int = Field(
        4, ge=0, description="mode none: resize each side to the nearest multiple of this; 0 leaves every size as it is"
    )
    skip_bad: bool = Field(
        False, description="leave out files that cannot be read, and count them, instead of stopping"
    )
    max_pixels: int = Field(
        DEFAULT_MAX_PIXELS, ge=1, description="images with more pixels than this are refused as decompression bombs"
    )

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
