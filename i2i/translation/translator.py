"""A trained generator that takes images as people have them: made by :func:`i2i.load`."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from i2i.errors import ConfigError, DataError, DivergedError, I2IError, PluginError, reason_of
from i2i.models.info import TranslatorInfo
from i2i.plugins.calls import explain
from i2i.tensors.devices import check_device
from i2i.tensors.inference import leaving_no_trace, own_random_numbers, torchs_own_settings
from i2i.tensors.padding import Size, crop, pad, padded_size
from i2i.translation.kinds import PreparedImage, from_opaque, open_picture, prepare
from i2i.translation.tiles.tile_settings import TileSettings

if TYPE_CHECKING:
    from i2i.translation.tiles.tiling import Tiling

Precision = Literal["fp32", "bf16"]


class Translator:
    """Translates images; call it on one or on a list.

    ======================  =========================================  ==============================================
    kind                    what goes in                               what comes out
    ======================  =========================================  ==============================================
    Pillow image            any that :mod:`i2i.images.reading` takes   Pillow image of mode ``L`` or ``RGB``; from
                                                                       16-bit grey to grey, ``I;16``
    path (``str``, Path)    an image file                              the same
    numpy array             ``[H, W]`` or ``[H, W, C]``, uint8, or     array of the same type, ``[H, W, C]``; or
                            float in [0, 1]; C 1 (grey), 2, 3 or 4     ``[H, W]`` from such a one to grey
                            (2 and 4 with opacity)
    tensor                  ``[C, H, W]`` or ``[N, C, H, W]``, float   tensor of the same type on the same device
                            in [-1, 1]
    list or tuple           any of these                               list of the same kinds in the same order
    ======================  =========================================  ==============================================

    Images keep their size: they are padded to what the network takes (mirrored at the edges; where an image is too
    small for that, its edge is repeated) and cropped back. Files and Pillow images are read as in training: upright,
    transparent parts over the run's background, grey or RGB as the network wants. No gradients are recorded, and no
    global random state is changed.

    Attributes:
        info: what it is.
        tiling: how it divides images, or None if it does not.

    Args:
        network: the generator, with its weights.
        info: what it is.
        device: where to compute: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``fp32``, or ``bf16`` for autocast.
        tiles: how images are divided, from ``tile_settings.parse_tiles``; None: they are not.

    Raises:
        ConfigError: device or precision do not exist here, or the network cannot be divided as it was asked for.
    """

    def __init__(
        self,
        network: nn.Module,
        info: TranslatorInfo,
        *,
        device: str = "auto",
        precision: Precision = "fp32",
        tiles: TileSettings | None = None,
    ) -> None:
        if precision not in ("fp32", "bf16"):
            raise ConfigError(f"precision must be 'fp32' or 'bf16'; got {precision!r}")
        self.info = info
        self.precision = precision
        self._network = network.requires_grad_(False).train(info.inference == "paper")
        self.to(device)
        self.tiling: Tiling | None = None
        if tiles is not None:
            from i2i.translation.tiles.tiling import Tiling

            self.tiling = Tiling(tiles, self._network, info, self._run, self._computing)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    def to(self, device: str | torch.device) -> Translator:
        """Move it to a device, and return it.

        Raises:
            ConfigError: the device does not exist here.
        """
        self._device = check_device(str(device))
        self._network.to(self._device)
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
            batch_size: how many images of a list are computed at once. It changes results by no more than rounding, but
                for a network with batch norm under ``"paper"`` inference.

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
            For each ``[N, out_channels, H, W]``, float32 in [-1, 1], on :attr:`device`.

        Raises:
            DataError: the network refuses an image, or there is not enough memory for it.
            DivergedError: the network gave NaN or infinity.
            PluginError: the network gave images of another size or other channels than it must.
        """
        multiple = self.info.size_multiple
        groups: dict[Size, list[int]] = defaultdict(list)
        for place, image in enumerate(images):
            groups[padded_size((image.shape[2], image.shape[3]), multiple)].append(place)
        outputs: dict[int, Tensor] = {}
        for size, places in groups.items():
            count = sum(len(images[place]) for place in places)
            if self.tiling is not None and self.tiling.applies(size, self.device, count):
                for place in places:
                    outputs[place] = self.tiling.translate(images[place], self.device).to(self.device)
                continue
            batch = torch.cat([pad(images[place], multiple).to(self.device) for place in places])
            parts = torch.split(self._run(batch), [len(images[place]) for place in places])
            for place, part in zip(places, parts, strict=True):
                height, width = images[place].shape[2:]
                outputs[place] = crop(part, (height, width))
        return [outputs[place] for place in range(len(images))]

    @torchs_own_settings()
    def _translate_batch(self, items: Sequence[Any]) -> list[Any]:
        started = [self._start(item) for item in items]
        outputs = iter(self.translate([item.images for item in started if isinstance(item, PreparedImage)]))
        return [item.restore(next(outputs)) if isinstance(item, PreparedImage) else item for item in started]

    def _start(self, item: Any) -> PreparedImage | Image.Image:
        """Prepare an image for the network; a picture that is divided is translated at once, to hold but one."""
        opaque = None if self.tiling is None else open_picture(item, self.info)
        if self.tiling is None or opaque is None:
            return prepare(item, self.info)
        if self.tiling.applies((opaque.height, opaque.width), self.device):
            return self.tiling.translate_picture(opaque, self.device)
        return from_opaque(opaque, self.info)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with torch.no_grad(), self._autocast():
            yield

    def _run(self, batch: Tensor) -> Tensor:
        try:
            with self._leaving_no_trace(), self._computing():
                output = self._network(batch)
        except I2IError:
            raise
        except (RuntimeError, ValueError) as error:  # refused by a layer, or out of memory
            size = "x".join(str(side) for side in batch.shape[2:])
            reason = reason_of(error)
            raise DataError(
                f"generator {self.info.generator} cannot translate {len(batch)} images of {size} pixels: {reason}"
            ) from error
        except (Exception, SystemExit) as error:
            raise explain(error, self._network, f"generator {self.info.generator}: translating") from error
        expected = (batch.shape[0], self.info.out_channels, *batch.shape[2:])
        if not isinstance(output, Tensor) or tuple(output.shape) != expected:
            got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise PluginError(
                f"generator {self.info.generator!r} of package {self.info.package} gave {got} for images of shape "
                f"{list(batch.shape)}; expected {list(expected)}"
            )
        output = output.float()
        if not torch.isfinite(output).all():
            raise DivergedError(
                f"generator {self.info.generator} of {self.info.checkpoint} gave NaN or infinity; use an earlier "
                "checkpoint, or precision fp32"
            )
        return output

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    @contextmanager
    def _leaving_no_trace(self) -> Iterator[None]:
        """Under ``"paper"`` inference, give dropout random numbers of its own and put running statistics back."""
        if self.info.inference != "paper":
            yield
            return
        with leaving_no_trace([self._network], paper=True), own_random_numbers():
            yield

    def __repr__(self) -> str:
        source, target = self.info.domains
        return (
            f"Translator({source} to {target}, generator {self.info.generator}, {self.info.origin}, on {self.device})"
        )
