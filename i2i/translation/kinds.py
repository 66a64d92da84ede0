"""The kinds of images that a translator takes, as tensors of its network, and their translations as the same kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageColor
from torch import Tensor

from i2i.errors import DataError
from i2i.images.colour_profiles import in_srgb
from i2i.images.opacity import premultiplied, to_picture_with_opacity, with_opacity
from i2i.images.readers import Readers
from i2i.images.reading import to_array, to_opaque, upright
from i2i.images.unusable import UnusableImageError
from i2i.images.value_range import ValueRange
from i2i.models.info import PICTURE_CHANNELS, TranslatorInfo
from i2i.paths import named
from i2i.tensors.pixels import EIGHT_BITS, SIXTEEN_BITS, to_levels, to_picture, to_uint8, to_unit, unrounded_levels
from i2i.tensors.weight_types import FLOATS

TOLERANCE = 1e-3
"""How far values may lie outside their range, for arithmetic that rounds."""

_LUMA = (0.299, 0.587, 0.114)  # Rec. 601, as Pillow's


@dataclass(frozen=True)
class PreparedImage:
    """An image on its way through the network.

    Attributes:
        images: ``[N, in_channels, H, W]``, float32 in [-1, 1]; N is 1 except for tensors.
        restore: from ``[N, out_channels, H, W]``, float32 in [-1, 1], to the kind that was given.
    """

    images: Tensor
    restore: Callable[[Tensor], Any]


def prepare(item: Any, info: TranslatorInfo, readers: Readers) -> PreparedImage:
    """Recognise the kind of an image; see :class:`~i2i.translation.translator.Translator` for the kinds.

    Raises:
        DataError: it is not an image, or its values or channels are not what they must be.
    """
    if isinstance(item, Tensor):
        return _from_tensor(item, info)
    if isinstance(item, np.ndarray):
        return _from_array(item, info)
    opaque = open_picture(item, info, readers)
    if opaque is not None:
        return from_opaque(opaque, info)
    if isinstance(item, Image.Image):
        return _from_samples_of_file(with_opacity(_upright(item, info), info.in_channels), info)
    if isinstance(item, str | PathLike):
        return _read_samples(item, info, readers)
    raise DataError(
        f"expected a Pillow image, a path, a numpy array, a tensor, or a list of these; got {type(item).__name__}"
    )


def open_picture(item: Any, info: TranslatorInfo, readers: Readers) -> Image.Image | None:
    """Return what :func:`~i2i.images.reading.to_opaque` makes of a Pillow image or a picture's file; None for all else.

    Raises:
        DataError: it cannot be used.
    """
    if isinstance(item, Image.Image) and not info.in_opacity:
        require_files(info, pictures=True)
        turned = _upright(item, info)
        return to_opaque(turned, channels=info.in_channels, background=info.background)
    if isinstance(item, str | PathLike) and info.in_range is None:
        require_files(info)
        return readers.read_opaque(
            named(fspath(item)), channels=info.in_channels, background=info.background, max_pixels=info.max_pixels
        )
    return None


def _upright(item: Image.Image, info: TranslatorInfo) -> Image.Image:
    """A Pillow image as a file is read: upright, with its colours as the run takes them."""
    try:
        turned = upright(item, inks=info.color == "srgb")
        turned = in_srgb(turned)[0] if info.color == "srgb" else turned
    except (UnusableImageError, OSError, ValueError) as error:  # of a file not read yet, or closed before it was
        raise DataError(f"a Pillow image cannot be translated: {error}") from error
    if 0 in turned.size:
        raise DataError(f"expected a Pillow image with pixels; got one of {turned.width} x {turned.height} pixels")
    return turned


def _read_samples(path: str | PathLike[str], info: TranslatorInfo, readers: Readers) -> PreparedImage:
    """Read a file of values in units of their own."""
    require_files(info)
    samples = readers.read_samples(
        named(fspath(path)), channels=info.in_channels, max_pixels=info.max_pixels, opacity=info.in_opacity
    )
    return _from_samples_of_file(samples, info)


def _from_samples_of_file(samples: npt.NDArray[Any], info: TranslatorInfo) -> PreparedImage:
    return PreparedImage(samples_to_tensor(samples, info), lambda output: finished(output, info, deep=False))


def to_tensor(opaque: Image.Image, channels: int) -> Tensor:
    """Turn what :func:`open_picture` returned into ``[1, channels, H, W]``, float32 in [-1, 1]."""
    return torch.from_numpy(to_array(opaque, channels))[None]


def require_pictures(info: TranslatorInfo, *, opacity: bool = False) -> None:
    """Raise a DataError when the network's images are no pictures: neither grey nor RGB, or of values of their own.

    Args:
        info: of the network.
        opacity: whether pictures may have opacity.
    """
    require_files(info, pictures=True)
    if (info.in_opacity or info.out_opacity) and not opacity:
        raise DataError(
            f"generator {info.generator} takes or gives pictures with opacity, and opaque ones are wanted here"
        )
    if info.out_range is not None and not info.out_opacity:
        raise DataError(
            f"generator {info.generator} gives values in {ValueRange(*info.out_range)}, which no picture holds"
        )


def require_files(info: TranslatorInfo, *, pictures: bool = False) -> None:
    """Raise a DataError when no file holds the network's images, or no picture those that go in.

    A file holds grey and RGB, and any channels of values whose range is known.
    """
    unknown = [
        channels
        for channels, values in ((info.in_channels, info.in_range), (info.out_channels, info.out_range))
        if values is None and channels not in PICTURE_CHANNELS
    ]
    if unknown:
        raise DataError(
            f"generator {info.generator} maps {info.in_channels} channels to {info.out_channels}; pictures have 1 or "
            "3: hand over tensors [C, H, W] or arrays [H, W, C] instead"
        )
    if pictures and info.in_range is not None and not info.in_opacity:
        raise DataError(
            f"generator {info.generator} takes {info.in_channels} channels of values in {ValueRange(*info.in_range)}, "
            "no pictures: hand over files of such values, arrays [H, W, C] of them, or tensors"
        )


def from_opaque(opaque: Image.Image, info: TranslatorInfo) -> PreparedImage:
    """Prepare what :func:`open_picture` returned."""
    deep = opaque.mode == "F"  # 16-bit grey
    return PreparedImage(to_tensor(opaque, info.in_channels), lambda output: finished(output, info, deep=deep))


def samples_to_tensor(samples: npt.NDArray[Any], info: TranslatorInfo) -> Tensor:
    """Turn values ``[H, W, C]`` in the units of ``info.in_range`` into ``[1, C, H, W]``, float32 in [-1, 1]."""
    assert info.in_range is not None
    values = ValueRange(*info.in_range)
    if info.in_opacity:
        return torch.from_numpy(_channels_first(to_unit(premultiplied(values.scaled(samples)), 1)))[None]
    return torch.from_numpy(values.to_unit(samples))[None]


def finished(output: Tensor, info: TranslatorInfo, *, deep: bool) -> Image.Image | npt.NDArray[Any]:
    """Turn ``[1, C, H, W]`` in [-1, 1] into a picture, or ``[H, W, C]`` in the units and type of what comes out."""
    if info.out_range is None:
        return to_picture(output, deep=deep)
    if info.out_opacity:
        return to_picture_with_opacity(output[0].detach().float().cpu().numpy())
    return ValueRange(*info.out_range).from_unit(output[0].detach().cpu().numpy(), info.out_type)


def _from_array(array: npt.NDArray[Any], info: TranslatorInfo) -> PreparedImage:
    shape = f"array of shape {array.shape} and type {array.dtype}"
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(f"expected an array [H, W] or [H, W, C]; got an {shape}; hand over several as a list")
    if isinstance(array, np.ma.MaskedArray) and array.mask.any():
        raise DataError(
            f"expected an array without a mask; got an {shape} with masked pixels; fill them: array.filled(0)"
        )
    planes = array[:, :, None] if array.ndim == 2 else array
    convertible = info.in_channels in PICTURE_CHANNELS and planes.shape[2] in (1, 2, 3, 4)
    if planes.shape[2] != info.in_channels and not (convertible and info.in_range is None):
        raise DataError(f"generator {info.generator} takes {info.in_channels} channels; got an {shape}")
    if info.in_range is not None:
        return _from_samples(planes, info, shape)
    if array.dtype == np.uint8 and convertible:  # by Pillow, so that every rounding is the same as for files
        picture = Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes)
        opaque = to_opaque(picture, channels=info.in_channels, background=info.background)
        values = to_array(opaque, info.in_channels)
    elif array.dtype == np.uint8:
        values = _channels_first(to_unit(planes.astype(np.float32)))
    elif np.issubdtype(array.dtype, np.floating):
        _check_range(float(array.min()), float(array.max()), 0, shape)
        values = _channels_first(to_unit(_match_channels(planes.astype(np.float32), info), 1))
    elif array.dtype == np.uint16:
        values = _channels_first(to_unit(_match_channels(planes / np.float32(SIXTEEN_BITS), info), 1))
    else:
        raise DataError(f"expected an array of uint8 or uint16, or of floats in [0, 1]; got an {shape}")

    def restore(output: Tensor) -> npt.NDArray[Any]:
        if info.out_range is not None:
            return np.asarray(finished(output, info, deep=False))
        if array.dtype == np.uint8:
            pixels = to_uint8(output[0])
        elif array.dtype == np.uint16:
            pixels = to_levels(output[0].detach().double(), SIXTEEN_BITS)
        else:
            pixels = unrounded_levels(output[0], 1).clamp(0, 1)
        result: npt.NDArray[Any] = pixels.permute(1, 2, 0).cpu().numpy().astype(array.dtype)
        return result[:, :, 0] if array.ndim == 2 and result.shape[2] == 1 else result

    return PreparedImage(torch.from_numpy(values)[None], restore)


def _from_samples(planes: npt.NDArray[Any], info: TranslatorInfo, shape: str) -> PreparedImage:
    """Prepare ``[H, W, C]`` in the units of ``info.in_range``; it becomes such an array, of 8 bits for a picture."""
    if planes.dtype.kind not in "uif" or not np.isfinite(planes).all():
        raise DataError(
            f"expected finite numbers in the units of {ValueRange(*(info.in_range or (0, 1)))}; got an {shape}"
        )

    def restore(output: Tensor) -> npt.NDArray[Any]:
        found = np.asarray(finished(output, info, deep=False))
        return found[:, :, None] if found.ndim == 2 else found

    return PreparedImage(samples_to_tensor(planes, info), restore)


def _channels_first(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Bring ``[H, W, C]`` to ``[C, H, W]``."""
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def _match_channels(unit: npt.NDArray[np.float32], info: TranslatorInfo) -> npt.NDArray[np.float32]:
    """Bring ``[H, W, C]`` in [0, 1] to the network's channels, by the rules for files."""
    if unit.shape[2] == info.in_channels:
        return unit
    if unit.shape[2] in (2, 4):
        colours, opacity = unit[:, :, :-1], unit[:, :, -1:]
        behind = np.array(ImageColor.getrgb(info.background), np.float32) / np.float32(EIGHT_BITS)
        unit = colours * opacity + behind * (1 - opacity)
    if info.in_channels == 1:
        luma: npt.NDArray[np.float32] = unit @ np.array(_LUMA, np.float32)
        return luma[:, :, None]
    return np.repeat(unit, 3, axis=2) if unit.shape[2] == 1 else unit


def _from_tensor(tensor: Tensor, info: TranslatorInfo) -> PreparedImage:
    shape = f"tensor of shape {list(tensor.shape)} and type {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.ndim not in (3, 4) or tensor.shape[-3] != info.in_channels or tensor.numel() == 0:
        channels = info.in_channels
        raise DataError(f"expected a tensor [{channels}, H, W] or [N, {channels}, H, W]; got a {shape}")
    if not tensor.is_floating_point():
        raise DataError(f"expected a tensor of floats in [-1, 1]; got a {shape}; bring 0..255 there with x / 127.5 - 1")
    if tensor.dtype not in FLOATS or tensor.layout != torch.strided or tensor.device.type == "meta":
        kind = f"{shape}, {str(tensor.layout).removeprefix('torch.')}, on {tensor.device}"
        raise DataError(f"expected a dense tensor of float16, bfloat16, float32 or float64 with values; got a {kind}")
    least, greatest = tensor.detach().aminmax()
    _check_range(float(least), float(greatest), -1, shape)
    images = tensor.detach().float()

    def restore(output: Tensor) -> Tensor:
        output = output.to(tensor.device, tensor.dtype)
        return output[0] if tensor.ndim == 3 else output

    return PreparedImage(images if tensor.ndim == 4 else images[None], restore)


def _check_range(least: float, greatest: float, low: int, shape: str) -> None:
    if not (low - TOLERANCE <= least and greatest <= 1 + TOLERANCE):  # also for NaN
        raise DataError(f"expected values in [{low}, 1]; got {least:g} to {greatest:g} in {shape}")
