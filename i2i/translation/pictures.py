"""A picture and the frame around it: read from a file or a stream, and written once it is translated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from i2i.images.levels import describe_picture, levels_of
from i2i.images.readers import Readers, as_picture, pixels_of
from i2i.images.reading import SIXTEEN_BIT_MODES, to_opaque
from i2i.images.unusable import UnusableImageError
from i2i.models.info import TranslatorInfo
from i2i.tensors.pixels import to_picture
from i2i.translation.kinds import to_tensor

if TYPE_CHECKING:
    from i2i.translation.translator import Translator


@dataclass(frozen=True)
class Frame:
    """What is around the pixels of a picture that was read.

    Attributes:
        format_name: the output's format.
        deep: whether its translation is of 16 bits.
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
) -> tuple[Image.Image, Frame]:
    """Read a picture and what is around it.

    Args:
        source: a file, by its name or open.
        info: what the network takes.
        readers: the formats of images.
        format_name: the output's format; ``None`` keeps the input's.
        max_pixels: pictures of more pixels are refused; ``info.max_pixels`` if not given.

    Returns:
        The picture as :func:`~i2i.images.reading.to_opaque` makes it for the network, upright; and its frame.

    Raises:
        UnusableImageError: it cannot be used, or there is not enough memory for it; or the format holds no
            translation.
        PluginError: the format's reader is broken.
    """
    most = info.max_pixels if max_pixels is None else max_pixels
    try:
        image = readers.read(source, max_pixels=most, beside=True)
        picture = as_picture(image)
        sixteen_bits = picture.mode in SIXTEEN_BIT_MODES
        notes = list(image.notes)
        if image.reduced:
            notes.append("its 16-bit colours were read as 8 bits")
        if image.reduced or sixteen_bits:
            notes.extend(describe_picture(levels_of(picture, reduced=image.reduced)))
        format_name = format_name or image.format
        deep = sixteen_bits and info.out_channels == 1 and readers.holds(format_name, 1, "uint16")
        if not deep and not readers.holds(format_name, info.out_channels, "uint8"):
            raise UnusableImageError(_not_held(format_name, info.out_channels, readers))
        frame = Frame(format_name, deep, image.beside, tuple(notes))
        return to_opaque(picture, channels=info.in_channels, background=info.background), frame
    except MemoryError as error:
        raise UnusableImageError("there is not enough memory for its pixels") from error


def _not_held(format_name: str, channels: int, readers: Readers) -> str:
    """Why a translation cannot be written, and in which formats it can."""
    others = [name.lower() for name in readers.formats if readers.holds(name, channels, "uint8")]
    return (
        f"{format_name} does not hold its translation, of {channels} {'channel' if channels == 1 else 'channels'} of 8 "
        f"bits; choose another with --format ({', '.join(others)})"
    )


def translate_picture(translator: Translator, opaque: Image.Image, *, deep: bool) -> Image.Image:
    """Translate what :func:`read_frame` returned, in tiles where the translator divides pictures of its size.

    Args:
        translator: what translates.
        opaque: the picture.
        deep: whether the translation is of 16 bits, see :class:`Frame`.

    Returns:
        A picture of mode ``L`` or ``RGB``, or of ``I;16``.

    Raises:
        DataError: the network refuses it, or there is not enough memory.
        DivergedError: the network gave NaN or infinity.
        PluginError: the generator is broken.
    """
    if translator.tiling is not None and translator.tiling.applies((opaque.height, opaque.width)):
        return translator.tiling.translate_picture(opaque, deep=deep)
    (output,) = translator.translate([to_tensor(opaque, translator.info.in_channels)])
    return to_picture(output, deep=deep)


def write_framed(picture: Image.Image, frame: Frame, target: Path, readers: Readers, *, force: bool) -> str:
    """Write a translation with what its frame keeps of the input.

    Args:
        picture: of mode ``L`` or ``RGB``, or ``I;16`` where the frame is deep.
        frame: from :func:`read_frame`.
        target: where to.
        readers: the formats of images.
        force: whether a file that exists may be replaced.

    Returns:
        What a person should know about the output, or an empty string.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    pixels = pixels_of(picture)
    return frame.told(readers.write(pixels, target, format_name=frame.format_name, like=frame.beside, force=force))


def encode_framed(picture: Image.Image, frame: Frame, readers: Readers) -> tuple[bytes, str]:
    """Encode a translation in memory; arguments and errors as for :func:`write_framed`.

    Returns:
        The file's content, and what a person should know about it.
    """
    content, left_out = readers.encode(pixels_of(picture), format_name=frame.format_name, like=frame.beside)
    return content, frame.told(left_out)
