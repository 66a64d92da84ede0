"""What one look at a picture tells: size, kind, brightness, sharpness, border, and what it is compared by. No torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.data_checks.perceptual_hash import SIDE, hashes
from i2i.images.contents import is_picture, samples_of
from i2i.images.readers import Readers
from i2i.images.reading import to_opaque
from i2i.plugins.dataset_members import ListedPicture
from i2i.plugins.directions import Domain

WORKING_SIDE = 256
"""Longest side of the grey picture on which sharpness and shifts are measured."""
_RIM = 2
_NO_COLOUR = 8  # levels between the channels of grey that was stored as JPEG


class Place(NamedTuple):
    """Which picture it is."""

    split: Literal["train", "test"]
    domain: Domain
    picture: ListedPicture

    def __str__(self) -> str:
        half = f" ({self.picture.half} half)" if self.picture.half else ""
        return f"{self.picture.path}{half}"


@dataclass(frozen=True)
class PictureFacts:
    """What is known of a picture.

    Attributes:
        place: which one it is.
        size: width and height of the image, of a half the half's.
        format: of its file.
        kind: its values, such as ``"RGB, 8 bits"``.
        grey_as_colour: whether three equal channels are stored.
        transparent: whether any of it can be.
        digest: of its pixels.
        mean: of its grey levels, 0 to 255.
        spread: their standard deviation.
        bright: the level that 99 % of them do not exceed.
        sharpness: variance of the Laplacian of its grey levels, at most 256 pixels a side, over their variance.
        border: the one colour of its rim of 2 pixels, as ``#rrggbb``; empty where it has several.
        thumbnail: uint8 ``[32, 32, 3]``, stretched to a square.
        hashes: of :func:`~i2i.data_checks.perceptual_hash.hashes`.
    """

    place: Place
    size: tuple[int, int]
    format: str
    kind: str
    grey_as_colour: bool
    transparent: bool
    digest: bytes
    mean: float
    spread: float
    bright: float
    sharpness: float
    border: str
    thumbnail: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.float32]

    @property
    def is_blank(self) -> bool:
        """Whether it shows next to nothing."""
        return self.spread < 2

    @property
    def is_dark(self) -> bool:
        """Whether it is nearly black, but not blank."""
        return not self.is_blank and self.bright < 32


class Look(NamedTuple):
    """A picture with what is needed for a moment only."""

    facts: PictureFacts
    grey: npt.NDArray[np.float32]
    """``[H, W]``, 0 to 255, at most 256 pixels a side."""


def look_at(place: Place, readers: Readers, max_pixels: int) -> Look:
    """Read a picture.

    Raises:
        UnusableImageError: it cannot be read.
    """
    read = readers.read(place.picture.path, max_pixels=max_pixels)
    file_format = read.format
    if is_picture(read) and isinstance(read.pixels, Image.Image):
        stored = _half(read.pixels, place.picture.half)
        kind, transparent = _kind_of(stored), stored.has_transparency_data
        shown = _eight_bits(stored)
        pixels = np.asarray(stored)
    else:
        samples = samples_of(readers.read(place.picture.path, max_pixels=max_pixels, samples=True))
        pixels = _half_of_samples(samples, place.picture.half)
        kind, transparent = f"{pixels.shape[2]} channels of {pixels.dtype}", False
        shown = _stretched(pixels)
    digest = hashlib.blake2b(repr((kind, pixels.shape)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).view(np.uint8).reshape(-1).data)
    width, height = shown.size
    scale = min(1.0, WORKING_SIDE / max(width, height))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = np.asarray(shown.convert("L").resize(small_size, Image.Resampling.BOX), dtype=np.float32)
    thumbnail = np.asarray(shown.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    colours = np.asarray(shown)
    facts = PictureFacts(
        place=place,
        size=shown.size,
        format=file_format,
        kind=kind,
        grey_as_colour=kind.startswith("RGB") and int((colours.max(axis=2) - colours.min(axis=2)).max()) <= _NO_COLOUR,
        transparent=transparent,
        digest=digest.digest(),
        mean=float(grey.mean()),
        spread=float(grey.std()),
        bright=float(np.percentile(grey, 99)),
        sharpness=_sharpness(grey),
        border=_border(colours),
        thumbnail=thumbnail,
        hashes=hashes(thumbnail @ np.array([0.299, 0.587, 0.114])),
    )
    return Look(facts, grey)


def picture_of(place: Place, readers: Readers, max_pixels: int) -> Image.Image:
    """The picture as it is shown, RGB."""
    read = readers.read(place.picture.path, max_pixels=max_pixels)
    if is_picture(read) and isinstance(read.pixels, Image.Image):
        return _eight_bits(_half(read.pixels, place.picture.half))
    return _stretched(_half_of_samples(samples_of(read), place.picture.half))


def _half(image: Image.Image, half: str) -> Image.Image:
    middle = image.width // 2
    boxes = {"left": (0, 0, middle, image.height), "right": (middle, 0, 2 * middle, image.height)}
    return image.crop(boxes[half]) if half else image


def _half_of_samples(samples: npt.NDArray[Any], half: str) -> npt.NDArray[Any]:
    middle = samples.shape[1] // 2
    return {"left": samples[:, :middle], "right": samples[:, middle : 2 * middle]}.get(half, samples)


def _kind_of(image: Image.Image) -> str:
    bits = 16 if image.mode.startswith("I;16") else 1 if image.mode == "1" else 8
    name = {"L": "grey", "1": "grey", "LA": "grey with opacity", "P": "palette", "PA": "palette with opacity"}
    return f"{'grey' if bits == 16 else name.get(image.mode, image.mode)}, {bits} bit{'s' * (bits > 1)}"


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB of 8 bits, laid over white; 16 bits are scaled, which Pillow would cut."""
    if image.mode == "CMYK":
        image = image.convert("RGB")
    opaque = to_opaque(image, channels=3)
    if opaque.mode == "F":
        opaque = Image.fromarray((np.asarray(opaque) * 255).round().astype(np.uint8))
    return opaque.convert("RGB")


def _stretched(samples: npt.NDArray[Any]) -> Image.Image:
    """The first channel, or the first three, each from its least to its greatest value."""
    shown = samples[:, :, : 3 if samples.shape[2] >= 3 else 1].astype(np.float64)
    shown = np.nan_to_num(shown)
    low, high = shown.min(axis=(0, 1)), shown.max(axis=(0, 1))
    levels = ((shown - low) / np.where(high > low, high - low, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(levels if levels.shape[2] == 3 else levels[:, :, 0]).convert("RGB")


def _sharpness(grey: npt.NDArray[np.float32]) -> float:
    if min(grey.shape) < 3 or grey.std() < 1:
        return 0.0
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var() / grey.var())


def _border(colours: npt.NDArray[np.uint8]) -> str:
    if min(colours.shape[:2]) <= 4 * _RIM:
        return ""
    rims = (colours[:_RIM], colours[-_RIM:], colours[:, :_RIM], colours[:, -_RIM:])
    rim = np.concatenate([each.reshape(-1, 3) for each in rims])
    if np.ptp(rim, axis=0).max() > 8:
        return ""
    return "#{:02x}{:02x}{:02x}".format(*(int(level) for level in np.median(rim, axis=0)))
