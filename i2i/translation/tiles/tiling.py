"""What a translator does with images that are too large for the memory, or that it is asked to divide."""

from __future__ import annotations

from functools import partial

import torch
from PIL import Image
from torch import Tensor

from i2i.environment.available_memory import available_memory
from i2i.errors import ConfigError
from i2i.plugins.plugin_files import provider
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.padding import Size
from i2i.translation.failures import cannot_translate
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.tiles.boxes import Extent
from i2i.translation.tiles.compute import Progress, Sink, stream
from i2i.translation.tiles.estimate import estimate
from i2i.translation.tiles.graph import CannotStreamError, Graph, trace
from i2i.translation.tiles.passes import plan_passes
from i2i.translation.tiles.sources import (
    CroppedSink,
    PaddedSource,
    PictureSink,
    PictureSource,
    SizedSource,
    TensorSink,
    TensorSource,
)
from i2i.translation.tiles.storage import Storage
from i2i.translation.tiles.tile_settings import TileSettings

UNTILED_SHARE = 0.8
"""Automatic tiles begin where an image as a whole would take more than this share of what is available."""
COPIES_OF_LAYERS = 1.5
"""What PyTorch takes for what its layers hold, whose convolutions copy their inputs: 1.45 was measured on the CPU."""
BUDGET_SHARE = 0.5
"""Share of what is available that kept activations may take, if nobody says how much."""
TRACED_SIDE = 256


class Tiling:
    """A network with a way to divide images.

    Attributes:
        settings: what was asked for.

    Args:
        settings: see the attributes.
        runner: what runs the network, on its device and in its precision.

    Raises:
        ConfigError: the network cannot be divided in the way that was asked for.
    """

    def __init__(self, settings: TileSettings, runner: NetworkRunner) -> None:
        self.settings = settings
        self._runner = runner
        self._info = info = runner.info
        self._last: tuple[Size, torch.device, Graph] | None = None
        self._bytes_a_pixel = 0.0
        if settings.statistics == "estimate" and info.inference == "paper":
            raise ConfigError(
                "--tile-statistics estimate is for inference 'deterministic'; the translator's is 'paper'"
            )
        if settings.automatic or settings.statistics == "exact":
            self._try()

    def applies(self, size: Size, count: int = 1) -> bool:
        """Whether images are divided.

        Args:
            size: height and width in pixels.
            count: how many at once.
        """
        if not self.settings.automatic:
            return True
        return self.untiled_bytes(size, count) > UNTILED_SHARE * available_memory(self._runner.device)

    def untiled_bytes(self, size: Size, count: int = 1) -> int:
        """Bytes that the network takes for images as a whole, about."""
        height, width = self._runner.padded_size(size)
        return int(self._bytes_a_pixel * height * width * count)

    @torchs_own_settings()
    def translate(self, images: Tensor, progress: Progress = lambda _: None) -> Tensor:
        """Translate ``[N, C, H, W]`` in [-1, 1] of any size, one image after the other.

        Returns:
            ``[N, C', H, W]``, float32 in [-1, 1], where ``images`` are.

        Raises:
            DataError: there is not enough memory or space on the disk.
            DivergedError: the network gave NaN or infinity.
        """
        results = []
        for number in range(len(images)):
            source = TensorSource(images[number : number + 1])
            sink = TensorSink(self._info.out_channels, source.size, images.device)
            self._compute(source, sink, partial(_report_part, progress, number, len(images)))
            results.append(sink.image)
        return torch.cat(results) if len(results) > 1 else results[0]

    def translate_picture(
        self,
        opaque: Image.Image,
        progress: Progress = lambda _: None,
        *,
        deep: bool | None = None,
    ) -> Image.Image:
        """Translate a picture in a quarter of the memory that its numbers would take.

        Args:
            opaque: from :func:`~i2i.images.reading.to_opaque`.
            progress: see :data:`~i2i.translation.tiles.compute.Progress`.
            deep: whether a grey result has 16 bits; if not given, when the picture has.

        Raises:
            DataError: there is not enough memory or space on the disk.
            DivergedError: the network gave NaN or infinity.
        """
        source = PictureSource(opaque, self._info.in_channels)
        sink = PictureSink(self._info.out_channels, source.size, deep=opaque.mode == "F" if deep is None else deep)
        self._compute(source, sink, progress)
        return sink.picture()

    @torchs_own_settings()
    def _compute(self, source: SizedSource, sink: Sink, progress: Progress) -> None:
        info = self._info
        padded = PaddedSource(source, info.in_channels, self._runner.padded_size(source.size))
        cropped = CroppedSink(sink, padded.offset, source.size, self._runner.diverged)
        try:
            with self._runner.computing():
                if self.settings.statistics == "exact":
                    self._compute_exactly(padded, cropped, progress)
                else:
                    estimate(
                        self._runner.run,
                        self._runner.network,
                        Extent(info.in_channels, *padded.size),
                        padded,
                        cropped,
                        side=self.settings.side,
                        multiple=info.size_multiple,
                        smallest=info.smallest_size,
                        device=self._runner.device,
                        progress=progress,
                    )
        except (CannotStreamError, RuntimeError, MemoryError) as error:  # refused by a layer, or out of memory
            how = f" in tiles of {self.settings.side}"
            raise cannot_translate(f"generator {info.generator}", 1, source.size, error, how) from error

    def _compute_exactly(self, source: PaddedSource, sink: Sink, progress: Progress) -> None:
        graph = self._graph(source.size)
        budget = self.settings.memory
        if budget is None:
            budget = int(BUDGET_SHARE * available_memory(torch.device("cpu")))
        plan = plan_passes(graph, self.settings.side, budget)
        with Storage(budget, self.settings.folder) as storage:
            storage.require_space(plan.in_files(budget))
            stream(plan, source, sink, storage, device=self._runner.device, progress=progress)

    def _graph(self, size: Size) -> Graph:
        device = self._runner.device
        last = self._last  # read once: a thread with an image of another size may put its own there
        if last is not None and last[:2] == (size, device):
            return last[2]
        graph = trace(self._runner.network, self._info.in_channels, *size)
        self._require_images(graph)
        self._last = (size, device, graph)
        return graph

    def _require_images(self, graph: Graph) -> None:
        image, output = graph.nodes[0].extent, graph.nodes[graph.output].extent
        if output != Extent(self._info.out_channels, *image[1:]):
            raise CannotStreamError(f"it maps images {list(image)} to {list(output)}")

    def _try(self) -> None:
        """Trace the network for a small image, so that what cannot be done is said before anything is begun."""
        info = self._info
        side = max(self._runner.padded_size((TRACED_SIDE, TRACED_SIDE)))
        try:
            graph = trace(self._runner.network, info.in_channels, side, side)
            self._require_images(graph)
        except CannotStreamError as error:
            if self.settings.statistics == "estimate":
                raise ConfigError(
                    f"--tile auto cannot tell how much memory generator {info.generator!r} of {provider(info.package)} "
                    f"takes: {error}; give the side of the tiles instead of auto"
                ) from error
            cure = "An estimate of it can be had for any network: give --tile a number, and --tile-statistics estimate"
            if info.inference == "paper":  # which the estimate refuses
                cure = "With --inference deterministic it may be"
            raise ConfigError(
                f"generator {info.generator!r} of {provider(info.package)} cannot be computed in tiles with the result "
                f"of the whole image: {error}. {cure}"
            ) from error
        self._bytes_a_pixel = COPIES_OF_LAYERS * graph.peak / (side * side)


def _report_part(progress: Progress, number: int, count: int, part: float) -> None:
    progress((number + part) / count)
