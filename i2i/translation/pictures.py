"""A picture and the frame around it: read from a file or a stream, and written once it is translated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from i2i.images.levels import describe_picture, levels_of
from i2i.images.metadata import Metadata
from i2i.images.reading import SIXTEEN_BIT_MODES, DecodedImage, UnusableImageError, decode, decode_stream, to_opaque
from i2i.images.writing import SIXTEEN_BIT_FORMATS, write_image
from i2i.models.info import TranslatorInfo
from i2i.tensors.pixels import to_picture
from i2i.translation.kinds import to_tensor

if TYPE_CHECKING:
    from i2i.translation.translator import Translator


@dataclass(frozen=True)
class Frame:
    """What is around the pixels of a picture that was read.

    Attributes:
        format_name: Pillow's name of the output's format.
        deep: whether its translation is of 16 bits.
        metadata: what the output says beside the pixels.
        note: what a person should know about the output, or an empty string.
    """

    format_name: str
    deep: bool
    metadata: Metadata
    note: str


def read_frame(
    source: Path | BinaryIO, info: TranslatorInfo, format_name: str | None, *, max_pixels: int | None = None
) -> tuple[Image.Image, Frame]:
    """Read a picture and what is around it.

    Args:
        source: a file, by its name or open.
        info: what the network takes.
        format_name: Pillow's name of the output's format; ``None`` keeps the input's.
        max_pixels: pictures of more pixels are refused; ``info.max_pixels`` if not given.

    Returns:
        The picture as :func:`~i2i.images.reading.to_opaque` makes it for the network, upright; and its frame.

    Raises:
        UnusableImageError: it cannot be used, or there is not enough memory for it.
    """
    most = info.max_pixels if max_pixels is None else max_pixels
    try:
        if isinstance(source, Path):
            decoded = decode(source, max_pixels=most, metadata=True)
        else:
            decoded = decode_stream(source, max_pixels=most, metadata=True)
        frame = _frame_of(decoded, info, format_name)
        return to_opaque(decoded.image, channels=info.in_channels, background=info.background), frame
    except MemoryError as error:
        raise UnusableImageError("there is not enough memory for its pixels") from error


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


def write_framed(picture: Image.Image, frame: Frame, target: Path, *, force: bool) -> None:
    """Write a translation with what its frame keeps of the input.

    Args:
        picture: of mode ``L`` or ``RGB``, or ``I;16`` where the frame is deep.
        frame: from :func:`read_frame`.
        target: where to.
        force: whether a file that exists may be replaced.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    write_image(picture, target, format_name=frame.format_name, metadata=frame.metadata, replace=force)


def _frame_of(decoded: DecodedImage, info: TranslatorInfo, format_name: str | None) -> Frame:
    assert decoded.metadata is not None
    sixteen_bits = decoded.image.mode in SIXTEEN_BIT_MODES
    notes = list(decoded.notes)
    if decoded.reduced:
        notes.append("its 16-bit colours were read as 8 bits")
    if decoded.reduced or sixteen_bits:
        notes.extend(describe_picture(levels_of(decoded.image, reduced=decoded.reduced)))
    format_name = format_name or decoded.format
    notes.extend(decoded.metadata.losses("L" if info.out_channels == 1 else "RGB", format_name))
    deep = sixteen_bits and format_name in SIXTEEN_BIT_FORMATS and info.out_channels == 1
    return Frame(format_name, deep, decoded.metadata, "; ".join(notes))
