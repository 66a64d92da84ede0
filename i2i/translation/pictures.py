"""A picture and the frame around it: read from a file or a stream, and written once it is translated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from i2i.errors import I2IError
from i2i.images.contents import as_picture, pixels_of, require_channels, samples_of
from i2i.images.levels import describe_picture, levels_of
from i2i.images.opacity import beside_with_opacity, with_opacity
from i2i.images.readers import Readers
from i2i.images.reading import SIXTEEN_BIT_MODES, to_opaque
from i2i.images.unusable import UnusableImageError
from i2i.images.value_range import ValueRange
from i2i.models.info import TranslatorInfo
from i2i.plugins import ReadImage
from i2i.tensors.padding import Size
from i2i.translation.kinds import finished, samples_to_tensor, to_tensor

if TYPE_CHECKING:
    from i2i.translation.translator import Translator


Read = Image.Image | npt.NDArray[Any]
"""What was read: a picture as :func:`~i2i.images.reading.to_opaque` makes it for the network, upright; or, for a
network that takes values in units of their own, those, ``[H, W, C]``."""


@dataclass(frozen=True)
class Frame:
    """What is around the pixels of an image that was read.

    Attributes:
        format_name: the output's format.
        deep: whether its translation is a picture of 16 bits.
        beside: what its file says beside the pixels, for the output.
        notes: what a person should know about how it was read.
    """

    format_name: str
    deep: bool
    beside: Any
    notes: tuple[str, ...]

    def told(self, left_out: Sequence[str]) -> str:
        """All that a person should know about the output, or an empty string; ``left_out`` is what writing gave."""
        return "; ".join((*self.notes, *left_out))


def read_frame(
    source: Path | BinaryIO,
    info: TranslatorInfo,
    readers: Readers,
    format_name: str | None,
    *,
    max_pixels: int | None = None,
) -> tuple[Read, Frame]:
    """Read an image and what is around it.

    Args:
        source: a file, by its name or open.
        info: what the network takes.
        readers: the formats of images.
        format_name: the output's format; ``None`` keeps the input's.
        max_pixels: images of more pixels are refused; ``info.max_pixels`` if not given.

    Raises:
        UnusableImageError: it cannot be used, or there is not enough memory for it; or the format holds no
            translation.
        PluginError: the format's reader is broken.
    """
    most = info.max_pixels if max_pixels is None else max_pixels
    try:
        image = readers.read(
            source, max_pixels=most, beside=True, samples=info.in_range is not None and not info.in_opacity
        )
        format_name = format_name or image.format
        beside = beside_with_opacity(image.beside) if info.out_opacity else image.beside
        if info.in_range is not None:
            samples, notes = _samples(image, info)
            return samples, Frame(format_name, _deep(format_name, info, readers, False), beside, notes)
        picture = as_picture(image)
        sixteen_bits = picture.mode in SIXTEEN_BIT_MODES
        told = list(image.notes)
        if image.reduced:
            told.append("its 16-bit colours were read as 8 bits")
        if image.reduced or sixteen_bits:
            told.extend(describe_picture(levels_of(picture, reduced=image.reduced)))
        frame = Frame(format_name, _deep(format_name, info, readers, sixteen_bits), beside, tuple(told))
        return to_opaque(picture, channels=info.in_channels, background=info.background), frame
    except MemoryError as error:
        raise UnusableImageError("there is not enough memory for its pixels") from error


def _samples(image: ReadImage, info: TranslatorInfo) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The values of an image, and what a person should know about them."""
    if info.in_opacity:
        reduced = ("its 16-bit values were read as 8 bits",) if image.reduced or _is_deep(image) else ()
        return with_opacity(as_picture(image), info.in_channels), (*image.notes, *reduced)
    samples = samples_of(image)
    require_channels(samples, info.in_channels)
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise UnusableImageError("it holds NaN or infinity, which lie in no range; replace them")
    assert info.in_range is not None
    values = ValueRange(*info.in_range)
    notes = list(image.notes)
    if not values.holds(samples.min(), samples.max()):
        outside = int(((samples < values.low) | (samples > values.high)).sum())
        lie = "lies" if outside == 1 else "lie"
        notes.append(f"{outside} of its {samples.size} values {lie} outside {values}, the range of the run: cut to it")
    return samples, tuple(notes)


def _is_deep(image: ReadImage) -> bool:
    return as_picture(image).mode in SIXTEEN_BIT_MODES


def _deep(format_name: str, info: TranslatorInfo, readers: Readers, sixteen_bits: bool) -> bool:
    """Whether the translation is a picture of 16 bits, for an input that is or is not one.

    Raises:
        UnusableImageError: the format holds no translation.
    """
    channels = info.out_channels
    deep = info.out_range is None and sixteen_bits and channels == 1 and readers.holds(format_name, 1, "uint16")
    if not deep and (why := why_not_held(format_name, info, readers)):
        raise UnusableImageError(why)
    return deep


def why_not_held(format_name: str, info: TranslatorInfo, readers: Readers) -> str:
    """Why a format holds no translation, and which do; an empty string where it holds them."""
    channels, kind = info.out_channels, info.out_type or "uint8"
    if readers.holds(format_name, channels, kind):
        return ""
    others = []
    for name in readers.formats:
        with suppress(I2IError):  # of a reader that lacks a package: it is no way out
            others += [name.lower()] if readers.holds(name, channels, kind) else []
    return (
        f"{format_name} does not hold its translation, of {channels} {'channel' if channels == 1 else 'channels'} of "
        f"{kind}; choose another with --format ({', '.join(others)})"
    )


def read_to_tensor(read: Read, info: TranslatorInfo) -> Tensor:
    """Turn what :func:`read_frame` returned into ``[1, in_channels, H, W]``, float32 in [-1, 1]."""
    return to_tensor(read, info.in_channels) if isinstance(read, Image.Image) else samples_to_tensor(read, info)


def size_of_read(read: Read) -> Size:
    """Height and width."""
    return (read.height, read.width) if isinstance(read, Image.Image) else (read.shape[0], read.shape[1])


def translate_read(
    translator: Translator, read: Read, frame: Frame, progress: Callable[[float], None] = lambda _: None
) -> npt.NDArray[Any]:
    """Translate what :func:`read_frame` returned, in tiles where the translator divides images of its size.

    Args:
        translator: what translates.
        read: the image.
        frame: what is around it.
        progress: called with the part that is done, from 0 to 1, of an image that is divided.

    Returns:
        ``[H, W, C]``: of a picture, 8 or 16 bits; else in the units and type of what comes out.

    Raises:
        DataError: the network refuses it, or there is not enough memory.
        DivergedError: the network gave NaN or infinity.
        PluginError: the generator is broken.
    """
    info, tiling = translator.info, translator.tiling
    if tiling is None or not tiling.applies(size_of_read(read)):
        (output,) = translator.translate([read_to_tensor(read, info)])
    elif isinstance(read, Image.Image) and info.out_range is None:
        return pixels_of(tiling.translate_picture(read, progress, deep=frame.deep))
    else:
        output = tiling.translate(read_to_tensor(read, info), progress)
    return pixels_from(output, info, frame)


def pixels_from(output: Tensor, info: TranslatorInfo, frame: Frame) -> npt.NDArray[Any]:
    """Turn ``[1, C, H, W]`` in [-1, 1] into ``[H, W, C]`` as it is written."""
    found = finished(output, info, deep=frame.deep)
    return pixels_of(found) if isinstance(found, Image.Image) else found


def write_framed(pixels: npt.NDArray[Any], frame: Frame, target: Path, readers: Readers, *, force: bool) -> str:
    """Write a translation with what its frame keeps of the input.

    Args:
        pixels: ``[H, W, C]`` from :func:`translate_read`.
        frame: from :func:`read_frame`.
        target: where to.
        readers: the formats of images.
        force: whether a file that exists may be replaced.

    Returns:
        What a person should know about the output, or an empty string.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    return frame.told(readers.write(pixels, target, format_name=frame.format_name, like=frame.beside, force=force))


def encode_framed(pixels: npt.NDArray[Any], frame: Frame, readers: Readers) -> tuple[bytes, str]:
    """Encode a translation in memory; arguments and errors as for :func:`write_framed`.

    Returns:
        The file's content, and what a person should know about it.
    """
    content, left_out = readers.encode(pixels, format_name=frame.format_name, like=frame.beside)
    return content, frame.told(left_out)
