"""Exported files that run batches, through what their exporter opens them with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from i2i.config.components import build
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, DataError
from i2i.models import exported_record as metadata
from i2i.models.info import TranslatorInfo
from i2i.plugins.calls import calling
from i2i.plugins.exporter_protocol import ReadingExporter
from i2i.plugins.manager import PluginManager
from i2i.tensors.devices import check_device
from i2i.tensors.padding import Size
from i2i.tensors.pixels import to_uint8, to_unit, unrounded_levels
from i2i.translation.failures import cannot_translate, diverged
from i2i.translation.network_runner import Precision

Function = Callable[[Tensor], Tensor]

BETWEEN_LEVELS = 1e-3
"""How far, in levels of 0..255, a value may lie from the nearest one, for arithmetic that rounds."""


def open_exported(
    manager: PluginManager,
    path: Path,
    exporter: str,
    *,
    direction: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    inference: str | None = None,
    max_pixels: int | None = None,
    trust: bool = False,
) -> ExportedRunner:
    """Open an exported file; the options are those of :func:`i2i.load`, as far as a file has a choice.

    No code of the file's author runs: of a ``.pt2`` file only weights and a graph of PyTorch's own operators are taken
    (:mod:`i2i.models.pt2_archive`), ONNX Runtime knows operators alone, and plugins promise the same.

    Args:
        manager: the plugins.
        path: a file that exists, made by :func:`i2i.export`.
        exporter: the name of what reads it.
        direction: may be given for the reader's sake; a file holds one.
        device: ``auto``, ``cpu``, ``cuda``, ...; ONNX files compute on CUDA with ``onnxruntime-gpu``.
        precision: ``fp32``.
        inference: ``deterministic``.
        max_pixels: refuse image files with more pixels than this; without, what the run was set to.
        trust: load a ``.pt2`` file that holds more than that, which can run code of whoever wrote it.

    Raises:
        CheckpointError: the file is damaged or not from i2i, or holds more than weights and a graph.
        ConfigError: an option that the file does not have, a package or device that is not here, or a format that
            i2i writes and does not read.
    """
    refused = {
        "--precision": (precision, "fp32"),
        "--inference": (inference or "deterministic", "deterministic"),
    }
    for option, (value, only) in refused.items():
        if value != only:
            raise ConfigError(
                f"{option} {value} is for run folders: {path} was exported with one checkpoint, for fp32 and "
                "deterministic inference; leave it out"
            )
    reader = build(manager, "exporter", Choice(exporter, manager.find("exporter", exporter).spec.options()))
    with calling(reader, f"opening {path}"):
        if not isinstance(reader, ReadingExporter):
            raise ConfigError(
                f"{path} is of format {exporter}, which i2i writes and does not read: run it with {reader.runtime}, or "
                "translate with what it was exported from"
            )
        opened = reader.open(path, device, trust=trust)
    info, raw, fixed = metadata.read_back(opened.record, path)
    if direction not in (None, info.direction):
        source, target = info.domains
        raise ConfigError(
            f"{path} was exported for direction {info.direction} ({source} to {target}); got {direction!r}"
        )
    if max_pixels is not None:
        info = replace(info, max_pixels=max_pixels)
    return ExportedRunner(opened.translate, info, raw=raw, fixed=fixed, device=opened.device)


class ExportedRunner:
    """Runs an exported file; see :class:`~i2i.translation.translator.Runner`. Padding and cropping are in the file.

    A file made without ``raw`` takes images of 8 bits: values between two levels, of float arrays, tensors or 16-bit
    files, are refused rather than rounded. Such a file also turns NaN into some level, which nobody can see.

    To a file that was made for one size smaller images are padded, as to the size that a network takes; larger ones are
    refused. A batch is divided into those of a file that was made for one number, and the last one filled up.

    Attributes:
        info: of the translator that was exported, with the file as its checkpoint.
        raw: whether the file takes float tensors.
        fixed: what of its input is fixed.
        device: where it computes.

    Args:
        function: the file's own, on its kind of tensors: uint8 ``[N, H, W, C]``, or float ``[N, C, H, W]`` if ``raw``.
        info: see the attributes.
        raw: see the attributes.
        fixed: see the attributes.
        device: see the attributes.
    """

    precision: Precision = "fp32"

    def __init__(
        self,
        function: Function,
        info: TranslatorInfo,
        *,
        raw: bool,
        device: torch.device,
        fixed: metadata.FixedShape = metadata.ANY_SHAPE,
    ) -> None:
        self.info = info
        self.raw = raw
        self.fixed = fixed
        self.device = device
        self._function = function

    def padded_size(self, size: Size) -> Size:
        """The same, for the file pads; or the one that it was made for.

        Raises:
            DataError: an image of this size does not fit into that.
        """
        if self.fixed.size is None:
            return size
        height, width = self.fixed.size
        if size[0] > height or size[1] > width:
            raise DataError(
                f"{self.info.checkpoint.name} was exported for images of {height} x {width} pixels (height x width), "
                f"and this one has {size[0]} x {size[1]}; make it smaller, translate with what the file was exported "
                "from, or export that with a larger --size or without"
            )
        return self.fixed.size

    def move(self, device: str | torch.device) -> None:
        """Do nothing, if that is where it computes.

        Raises:
            ConfigError: it was loaded for another device.
        """
        if check_device(str(device)) != self.device:
            raise ConfigError(
                f"{self.info.checkpoint} was loaded for {self.device}; load it again with device={str(device)!r}"
            )

    def run(self, batch: Tensor) -> Tensor:
        """Translate ``[N, in_channels, H, W]``, float32 in [-1, 1], of a size from :meth:`padded_size`.

        Returns:
            ``[N, out_channels, H, W]``, float32 in [-1, 1], on the CPU for ONNX, else on :attr:`device`.

        Raises:
            DataError: an image lies between the levels of 8 bits, the file refuses it, or memory is short.
            DivergedError: a file of float tensors gave NaN or infinity.
        """
        number = self.fixed.batch
        if number is not None and len(batch) != number:
            parts = [self.run(filled) for filled in _filled(batch, number)]
            return torch.cat(parts)[: len(batch)]
        given = batch if self.raw else self._to_levels(batch)
        try:
            output = self._function(given)
        except Exception as error:  # ONNX Runtime has classes of its own for what a layer refuses and for memory
            height, width = batch.shape[2:]
            raise cannot_translate(str(self.info.checkpoint), len(batch), (height, width), error) from error
        if not self.raw:
            return to_unit(output.permute(0, 3, 1, 2).float())
        if not torch.isfinite(output).all():
            raise diverged(str(self.info.checkpoint), "export an earlier checkpoint")
        return output

    def _to_levels(self, batch: Tensor) -> Tensor:
        levels = unrounded_levels(batch)
        if (levels - levels.round()).abs().max() > BETWEEN_LEVELS or levels.min() < -1 or levels.max() > 256:
            raise DataError(
                f"{self.info.checkpoint} takes images of 8 bits, but values lie between their levels; round them, or "
                "export the model with --raw for 16-bit files and floats"
            )
        return to_uint8(batch).permute(0, 2, 3, 1).contiguous()

    def __str__(self) -> str:
        return f"exported file {self.info.checkpoint}"


def _filled(batch: Tensor, number: int) -> Iterator[Tensor]:
    """The batch in parts of ``number`` images; the last one is filled up with its last image."""
    for part in torch.split(batch, number):
        missing = number - len(part)
        yield torch.cat([part, part[-1:].expand(missing, -1, -1, -1)]) if missing else part
