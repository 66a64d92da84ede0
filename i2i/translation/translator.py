"""A trained generator that takes images as people have them: made by :func:`i2i.load`."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, SupportsIndex, overload

import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from i2i.errors import ConfigError
from i2i.images.readers import Readers
from i2i.models.info import TranslatorInfo
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.padding import Size, crop, pad
from i2i.translation.kinds import PreparedImage, from_opaque, open_picture, prepare
from i2i.translation.network_runner import Precision

if TYPE_CHECKING:
    from i2i.translation.tiles.tiling import Tiling


class Runner(Protocol):
    """What runs batches of images: a network, or an exported file. ``str`` of it says which, for people."""

    @property
    def info(self) -> TranslatorInfo:
        """What it is."""

    @property
    def precision(self) -> Precision:
        """``fp32``, or ``bf16`` for autocast."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def padded_size(self, size: Size) -> Size:
        """The ``(height, width)`` that images of this size must be padded to; a DataError for a size it refuses."""

    def move(self, device: str | torch.device) -> None:
        """Compute on another device from now on; a ConfigError where that cannot be."""

    def run(self, batch: Tensor) -> Tensor:
        """Translate ``[N, in_channels, H, W]``, float32 in [-1, 1] on any device.

        Returns:
            ``[N, out_channels, H, W]``, float32 in [-1, 1].

        Raises:
            DataError: the images are refused, or there is not enough memory for them.
            DivergedError: it gave NaN or infinity.
            PluginError: a network gave images of another size or other channels than it must.
        """


class Translator:
    """Translates images; call it on one or on a list.

    ======================  =========================================  ==============================================
    kind                    what goes in                               what comes out
    ======================  =========================================  ==============================================
    Pillow image            any that :mod:`i2i.images.decoding` takes  Pillow image of mode ``L`` or ``RGB``; from
                                                                       16-bit grey to grey, ``I;16``
    path (``str``, Path)    an image file                              the same
    numpy array             ``[H, W]`` or ``[H, W, C]``, uint8,        array of the same type, ``[H, W, C]``; or
                            uint16, or float in [0, 1]; C 1 (grey),    ``[H, W]`` from such a one to grey
                            2, 3 or 4 (2 and 4 with opacity)
    tensor                  ``[C, H, W]`` or ``[N, C, H, W]``, float   tensor of the same type on the same device
                            in [-1, 1]
    list or tuple           any of these                               list of the same kinds in the same order
    ======================  =========================================  ==============================================

    A run on values in units of their own (see ``docs/data.md``) takes files of such values and arrays ``[H, W, C]`` in
    those units, and gives arrays ``[H, W, C]`` in the units and the type of its target domain. One on pictures with
    opacity takes pictures, too, and gives those of mode ``RGBA`` or ``LA``.

    Images keep their size: they are padded to what the network takes (mirrored at the edges; where an image is too
    small for that, its edge is repeated) and cropped back. Files and Pillow images are read as in training: upright,
    transparent parts over the run's background, grey or RGB as the network wants. No gradients are recorded, and no
    global random state is changed.

    Attributes:
        runner: what runs batches: a network, or an exported file.
        tiling: how it divides images, or None if it does not.
        readers: the formats of image files that it reads.

    Args:
        runner: see the attributes.
        tiling: see the attributes; of the same runner.
        readers: see the attributes; those that are installed if not given.
    """

    def __init__(self, runner: Runner, tiling: Tiling | None = None, readers: Readers | None = None) -> None:
        self.runner = runner
        self.tiling = tiling
        self.readers = readers or Readers()

    @property
    def info(self) -> TranslatorInfo:
        """What it is."""
        return self.runner.info

    @property
    def precision(self) -> Precision:
        """``fp32``, or ``bf16`` for autocast."""
        return self.runner.precision

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.runner.device

    def to(self, device: str | torch.device) -> Translator:
        """Move it to a device, and return it.

        Raises:
            ConfigError: the device does not exist here, or an exported file was loaded for another.
        """
        self.runner.move(device)
        return self

    @overload
    def __call__(self, images: str | Path | Image.Image, *, batch_size: int = 1) -> Image.Image: ...
    @overload
    def __call__(self, images: npt.NDArray[Any], *, batch_size: int = 1) -> npt.NDArray[Any]: ...
    @overload
    def __call__(self, images: Tensor, *, batch_size: int = 1) -> Tensor: ...
    @overload
    def __call__(self, images: list[Any] | tuple[Any, ...], *, batch_size: int = 1) -> list[Any]: ...
    def __call__(self, images: Any, *, batch_size: int = 1) -> Any:
        """Translate one image, or each of a list.

        Args:
            images: see the class.
            batch_size: how many images of a list are computed at once, under ``"paper"`` inference one. It changes
                results by no more than rounding.

        Raises:
            DataError: an image cannot be used.
            DivergedError: the network gave NaN or infinity.
        """
        if not isinstance(batch_size, SupportsIndex) or batch_size < 1:
            raise ConfigError(f"batch_size must be a whole number of at least 1; got {batch_size!r}")
        batch_size = operator.index(batch_size)
        if not isinstance(images, list | tuple):
            return self._translate_batch([images])[0]
        results: list[Any] = []
        for start in range(0, len(images), batch_size):
            results += self._translate_batch(images[start : start + batch_size])
        return results

    @torchs_own_settings()
    def translate(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Translate tensors; those that have one size once they are padded are computed at once.

        Args:
            images: each ``[N, in_channels, H, W]``, float32 in [-1, 1], of any size.

        Returns:
            For each ``[N, out_channels, H, W]``, float32 in [-1, 1], on :attr:`device`; of ONNX files on the CPU.

        Raises:
            DataError: an image is refused, or there is not enough memory for it.
            DivergedError: the network gave NaN or infinity.
            PluginError: the network gave images of another size or other channels than it must.
        """
        groups: dict[Size, list[int]] = defaultdict(list)
        for place, image in enumerate(images):
            groups[self.padded_size((image.shape[2], image.shape[3]))].append(place)
        outputs: dict[int, Tensor] = {}
        for size, places in groups.items():
            group = [images[place] for place in places]
            if self.tiling is not None and self.tiling.applies(size, sum(map(len, group))):
                results = [self.tiling.translate(image).to(self.device) for image in group]
            else:
                results = self._run(group, size)
            outputs.update(zip(places, results, strict=True))
        return [outputs[place] for place in range(len(images))]

    def padded_size(self, size: Size) -> Size:
        """The ``(height, width)`` that images of this size are padded to.

        Raises:
            DataError: images of this size are refused.
        """
        return self.runner.padded_size(size)

    def _run(self, images: Sequence[Tensor], size: Size) -> list[Tensor]:
        """Translate, at once, images that are padded to one size."""
        padded = [pad(image, size) for image in images]
        batch = torch.cat([image.to(padded[0].device) for image in padded])
        parts = torch.split(self.runner.run(batch), [len(image) for image in images])
        return [crop(part, (image.shape[2], image.shape[3])) for part, image in zip(parts, images, strict=True)]

    @torchs_own_settings()
    def _translate_batch(self, items: Sequence[Any]) -> list[Any]:
        started = [self._start(item) for item in items]
        outputs = iter(self.translate([item.images for item in started if isinstance(item, PreparedImage)]))
        return [item.restore(next(outputs)) if isinstance(item, PreparedImage) else item for item in started]

    def _start(self, item: Any) -> PreparedImage | Image.Image:
        """Prepare an image for the network; a picture that is divided is translated at once, to hold but one."""
        opaque = None if self.tiling is None else open_picture(item, self.info, self.readers)
        if self.tiling is None or opaque is None:
            return prepare(item, self.info, self.readers)
        if self.info.out_range is None and self.tiling.applies((opaque.height, opaque.width)):
            return self.tiling.translate_picture(opaque)
        return from_opaque(opaque, self.info)

    def __repr__(self) -> str:
        source, target = self.info.domains
        return f"Translator({source} to {target}, {self.runner}, on {self.device})"
