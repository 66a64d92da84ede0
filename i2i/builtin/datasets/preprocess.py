"""Resizing, cropping and mirroring, by the modes of the reference implementation (``data/base_dataset.py``). No torch.

Every resize is Pillow's bicubic one, whose support widens when it shrinks (so it does not alias); resizing a tensor
without that gives other images. Sizes here are ``(width, height)``, as in Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from PIL import Image

from i2i.builtin.datasets import FolderOptions, Mode
from i2i.builtin.datasets.sampling import Placement
from i2i.images.reading import without_pixel_limit
from i2i.plugins import Box

Size = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """From the size of a file to the size of a sample.

    ======================  ============================================================  ==========
    mode                    resize                                                        crop
    ======================  ============================================================  ==========
    resize_and_crop         to load x load, whatever the aspect                           crop x crop
    crop                    none                                                          crop x crop
    scale_width             width to load, height in proportion, but at least crop        none
    scale_width_and_crop    as scale_width                                                crop x crop
    none                    each side to the nearest multiple of ``round_to``             none
    ======================  ============================================================  ==========

    Attributes:
        mode: the mode's name.
        crop: side of the crop, in pixels.
        load: size before the crop, in pixels.
        round_to: 0 or 1 leaves sizes alone.
    """

    mode: Mode
    crop: int
    load: int
    round_to: int

    @classmethod
    def of(cls, options: FolderOptions, split: str) -> Geometry:
        """The geometry of a split. Test images are loaded at the crop's size, so that all of a picture is seen."""
        load = options.full_load_size if split == "train" else options.image_size
        return cls(options.mode, options.image_size, load, options.round_to)

    @property
    def crops(self) -> bool:
        """Whether this mode crops."""
        return self.mode in ("resize_and_crop", "crop", "scale_width_and_crop")

    def resized(self, size: Size) -> Size:
        """Return the size after the resize and before the crop."""
        width, height = size
        if self.mode == "resize_and_crop":
            return self.load, self.load
        if self.mode in ("scale_width", "scale_width_and_crop"):
            return self.load, int(max(self.load * height / width, self.crop))
        if self.mode == "none" and self.round_to > 1:
            return _nearest_multiple(width, self.round_to), _nearest_multiple(height, self.round_to)
        return size

    def output(self, size: Size) -> Size:
        """Return the size of the sample made from an image of this size."""
        return (self.crop, self.crop) if self.crops else self.resized(size)

    def fits(self, size: Size) -> bool:
        """Whether the crop lies within the resized image."""
        return not self.crops or min(self.resized(size)) >= self.crop

    def changes_aspect(self, size: Size) -> bool:
        """Whether the resize stretches the image, by more than the rounding of a pixel."""
        width, height = size
        new_width, new_height = self.resized(size)
        return abs(new_width * height - new_height * width) > max(width, height)

    def window(self, size: Size, placement: Placement) -> Box | None:
        """What of an image of this size a sample shows, where it shows pixels as they are; ``None`` where all count."""
        if self.mode != "crop":
            return None
        left, top = self._corner(size, placement)
        return left, top, left + self.crop, top + self.crop

    @property
    def resizes(self) -> bool:
        """Whether this mode resizes at all."""
        return self.mode != "crop" and not (self.mode == "none" and self.round_to <= 1)

    def apply(self, image: Image.Image, placement: Placement) -> Image.Image:
        """Resize, crop and mirror."""
        return self.placed(self.resize(image), placement)

    def resize(self, image: Image.Image) -> Image.Image:
        """Resize: what is the same whatever is drawn."""
        resized = self.resized(image.size)
        return image if resized == image.size else image.resize(resized, Image.Resampling.BICUBIC)

    def placed(self, image: Image.Image, placement: Placement) -> Image.Image:
        """Crop and mirror what was resized."""
        if self.crops and image.size != (self.crop, self.crop):
            left, top = self._corner(image.size, placement)
            image = image.crop((left, top, left + self.crop, top + self.crop))
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if placement.flip else image

    def _corner(self, size: Size, placement: Placement) -> tuple[int, int]:
        width, height = size
        return int(placement.across * (width - self.crop + 1)), int(placement.down * (height - self.crop + 1))


def take_half(image: Image.Image, half: str) -> Image.Image:
    """Return the ``"left"`` or ``"right"`` half of a side-by-side picture of even width, or all of it for ``""``."""
    if not half:
        return image
    middle = image.width // 2
    with without_pixel_limit():
        return image.crop((0, 0, middle, image.height) if half == "left" else (middle, 0, 2 * middle, image.height))


def take_half_of_samples(samples: npt.NDArray[Any], half: str) -> npt.NDArray[Any]:
    """The same of ``[H, W, C]``."""
    middle = samples.shape[1] // 2
    return {"left": samples[:, :middle], "right": samples[:, middle : 2 * middle]}.get(half, samples)


def _nearest_multiple(length: int, base: int) -> int:
    return max(base, round(length / base) * base)
