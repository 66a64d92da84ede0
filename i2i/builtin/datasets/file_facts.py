"""What is to be known of an image file before training: from its header, or from decoding it. No torch."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from i2i.builtin.datasets.domain_values import SampleFacts, facts_of
from i2i.builtin.datasets.preprocess import Size
from i2i.images.colour_profiles import profile_name
from i2i.images.contents import as_picture, is_picture, samples_of
from i2i.images.levels import Levels, levels_of, of_all
from i2i.images.readers import Readers
from i2i.images.reading import SIXTEEN_BIT_MODES
from i2i.images.unusable import UnusableImageError

_NO_LEVELS = (Levels(0, 255, 8, 8),) * 3  # opacity is full where it should be, and colours below it do not count
_GREY_MODES = ("1", "L", "LA", *SIXTEEN_BIT_MODES)


@dataclass(frozen=True)
class FileFacts:
    """What was found in a file that can be used.

    Attributes:
        size: ``(width, height)``, upright.
        reduced: whether it holds 16-bit colours, read as 8 bits.
        notes: what was left out of it, or assumed.
        levels: of a picture that was decoded: those of its left half, its right half and the whole.
        grey: whether it is a grey picture.
        profile: the colour profile of a picture, by name; empty without one, and where it is applied.
        samples: what was found in a file of samples.
        transparent: whether it has opacity, where that counts.
    """

    size: Size
    reduced: bool = False
    notes: tuple[str, ...] = ()
    levels: tuple[Levels, ...] = ()
    grey: bool = False
    profile: str = ""
    samples: SampleFacts | None = None
    transparent: bool = False

    @property
    def is_decoded(self) -> bool:
        """Whether all of the file was read, and not its header alone."""
        return bool(self.levels) or self.samples is not None

    def levels_of_half(self, half: str) -> Levels:
        """The levels of the ``"left"`` or ``"right"`` half, or of all of it for ``""``; it must be decoded."""
        return self.levels[("left", "right", "").index(half)]

    def to_json(self) -> list[Any]:
        """Plain values, short ones: there may be a hundred thousand."""
        levels = [[each.least, each.most, each.bits, each.stored_bits] for each in self.levels]
        samples = None
        if (found := self.samples) is not None:
            some = base64.b64encode(found.some.tobytes()).decode()
            samples = [found.channels, found.type, found.least, found.most, some]
        return [
            *self.size,
            int(self.reduced),
            list(self.notes),
            levels,
            int(self.grey),
            self.profile,
            samples,
            int(self.transparent),
        ]

    @classmethod
    def from_json(cls, values: list[Any]) -> FileFacts:
        """The inverse.

        Raises:
            ValueError: these are other values; so does TypeError tell.
        """
        width, height, reduced, notes, levels, grey, profile, samples, transparent = values
        kept = None
        if samples is not None:
            channels, kind, least, most, some = samples
            kept = SampleFacts(channels, kind, least, most, np.frombuffer(base64.b64decode(some), np.dtype(kind)))
        found = tuple(Levels(*each) for each in levels)
        return cls((width, height), bool(reduced), tuple(notes), found, bool(grey), profile, kept, bool(transparent))


def glance_at(path: Path, readers: Readers, max_pixels: int) -> FileFacts | None:
    """Look at a picture's header; None where it takes more to know what decoding would show."""
    found = readers.glance(path)
    if found is None or (found.profile and readers.color == "srgb") or found.size[0] * found.size[1] > max_pixels:
        return None
    return FileFacts(found.size, grey=found.grey, profile=found.profile)


def look_at(
    path: Path,
    readers: Readers,
    max_pixels: int,
    *,
    as_samples: bool,
    with_opacity: bool,
    by_halves: bool,
    keep_some: bool,
) -> FileFacts | str:
    """Decode a file completely.

    Args:
        path: the file.
        readers: the formats of image files.
        max_pixels: of the file.
        as_samples: whether it is no picture, whatever it looks like.
        with_opacity: whether it is a picture if it has opacity.
        by_halves: whether it may hold two pictures, side by side.
        keep_some: whether some of the values of samples are kept.

    Returns:
        What was found, or the reason why it cannot be used.
    """
    try:
        decoded = readers.read(path, max_pixels=max_pixels, samples=as_samples and not with_opacity)
        if with_opacity:
            picture = decoded.pixels  # an array does not say which channel is what
            if isinstance(picture, Image.Image) and picture.has_transparency_data:
                return FileFacts(picture.size, decoded.reduced, decoded.notes, _NO_LEVELS, transparent=True)
            decoded = readers.read(path, max_pixels=max_pixels, samples=True)
        if as_samples or not is_picture(decoded):
            values = samples_of(decoded)
            size = (values.shape[1], values.shape[0])
            return FileFacts(size, decoded.reduced, decoded.notes, samples=facts_of(values, keep_some=keep_some))
        image = as_picture(decoded)
    except (UnusableImageError, ValueError) as error:
        return str(error)
    if by_halves and image.width > 1:
        middle = image.width // 2
        boxes = ((0, 0, middle, image.height), (middle, 0, image.width, image.height))
        left, right = (levels_of(image.crop(box), reduced=decoded.reduced) for box in boxes)
        whole = of_all([left, right]) or left
    else:
        left = right = whole = levels_of(image, reduced=decoded.reduced)
    is_grey, profile = image.mode in _GREY_MODES, "" if readers.color == "srgb" else profile_name(image)
    return FileFacts(image.size, decoded.reduced, decoded.notes, (left, right, whole), is_grey, profile)
