"""Pictures with opacity as values: the last of 2 or 4 channels says how much is seen of the others. No torch.

Inside, colours are multiplied by opacity: what a transparent pixel hides is 0 there, is never learnt from, and does not
bleed into its neighbours when a picture is resized (Porter and Duff, SIGGRAPH 1984). Files hold them as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.images.metadata import Metadata
from i2i.images.scaling import EIGHT_BITS

CHANNELS = (2, 4)
RANGE = (0, EIGHT_BITS)
TYPE = "uint8"
_MODES = {2: "LA", 4: "RGBA"}


def with_opacity(picture: Image.Image, channels: int) -> npt.NDArray[np.uint8]:
    """The levels ``[H, W, channels]`` of a picture: grey or RGB, and its opacity, which is full where it has none.

    Args:
        picture: as a reader gives it; of greys of 16 bits the upper 8 are taken.
        channels: 2 or 4.
    """
    if picture.mode.startswith("I;16"):
        deep = np.asarray(picture)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        hidden = picture.info.get("transparency")  # PNG may name one grey as transparent
        if hidden is not None:
            grey.putalpha(Image.fromarray(np.where(deep == hidden, 0, EIGHT_BITS).astype(np.uint8)))
        picture = grey
    whole = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
    return np.asarray(whole if whole.mode == _MODES[channels] else whole.convert(_MODES[channels]))


def premultiplied(unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Multiply colours ``[H, W, C]`` in [0, 1] by their opacity, the last channel."""
    result: npt.NDArray[np.float32] = np.concatenate([unit[:, :, :-1] * unit[:, :, -1:], unit[:, :, -1:]], axis=2)
    return result


def to_picture_with_opacity(values: npt.NDArray[np.float32]) -> Image.Image:
    """Turn ``[C, H, W]`` in [-1, 1], multiplied, into a picture of mode ``LA`` or ``RGBA``, whose colours are not.

    Each level is the nearest; a pixel whose opacity is 0 has no colour.
    """
    unit = ((values.astype(np.float64) + 1) / 2).clip(0, 1).transpose(1, 2, 0)
    opacity = (unit[:, :, -1:] * EIGHT_BITS).round()
    share = np.maximum(unit[:, :, -1:], 1 / EIGHT_BITS)
    colours = ((unit[:, :, :-1] / share).clip(0, 1) * EIGHT_BITS).round() * (opacity > 0)
    return Image.fromarray(np.concatenate([colours, opacity], axis=2).astype(np.uint8))


def beside_with_opacity(beside: Any) -> Any:
    """What stands beside an image, for a result that has opacity: a TIFF says which of its samples that is."""
    if beside is None or isinstance(beside, Metadata):
        return replace(beside or Metadata(), opacity=True)
    return beside
