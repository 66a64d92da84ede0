"""One picture from its file's bytes to the network and back to a file, with what its translation takes over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from i2i.images.levels import describe_picture, levels_of
from i2i.images.metadata import Metadata
from i2i.images.reading import SIXTEEN_BIT_MODES, DecodedImage, to_array, to_opaque
from i2i.images.writing import SIXTEEN_BIT_FORMATS
from i2i.models.info import TranslatorInfo
from i2i.translation.kinds import to_picture


@dataclass(frozen=True)
class Frame:
    """What is around the pixels of a picture that was read.

    Attributes:
        format_name: Pillow's name of the output's format.
        deep: whether its translation is of 16 bits, where the network's output is grey.
        metadata: what the output says beside the pixels.
        note: what a person should know about the output, or an empty string.
    """

    format_name: str
    deep: bool
    metadata: Metadata
    note: str


@dataclass(frozen=True)
class Picture(Frame):
    """A picture that was read.

    Attributes:
        image: ``[1, C, H, W]``, float32 in [-1, 1].
    """

    image: Tensor


def to_input(decoded: DecodedImage, info: TranslatorInfo, format_name: str | None) -> Picture:
    """Prepare a picture for the network.

    Args:
        decoded: with its metadata.
        info: what the network takes.
        format_name: the output's format; ``None`` keeps the input's.

    Raises:
        MemoryError: there is not enough of it.
    """
    opaque = to_opaque(decoded.image, channels=info.in_channels, background=info.background)
    array = to_array(opaque, info.in_channels)
    return Picture(**vars(to_frame(decoded, info, format_name)), image=torch.from_numpy(array)[None])


def to_frame(decoded: DecodedImage, info: TranslatorInfo, format_name: str | None) -> Frame:
    """Note what of a picture is not its pixels; arguments as in :func:`to_input`."""
    assert decoded.metadata is not None
    notes = list(decoded.notes)
    if decoded.reduced:
        notes.append("its 16-bit colours were read as 8 bits")
    if decoded.reduced or decoded.image.mode in SIXTEEN_BIT_MODES:
        notes.extend(describe_picture(levels_of(decoded.image, reduced=decoded.reduced)))
    format_name = format_name or decoded.format
    notes.extend(decoded.metadata.losses("L" if info.out_channels == 1 else "RGB", format_name))
    deep = decoded.image.mode in SIXTEEN_BIT_MODES and format_name in SIXTEEN_BIT_FORMATS
    return Frame(format_name, deep, decoded.metadata, "; ".join(notes))


def to_output(picture: Picture, output: Tensor, info: TranslatorInfo) -> Image.Image:
    """Turn the network's output ``[1, C, H, W]`` into the picture to write."""
    return to_picture(output, deep=picture.deep and info.out_channels == 1)
