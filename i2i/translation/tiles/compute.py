"""Computing a network pass by pass, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from i2i.translation.tiles.boxes import Box, tiles
from i2i.translation.tiles.operations import Normalization, Operation
from i2i.translation.tiles.passes import Pass, PassPlan
from i2i.translation.tiles.plane_statistics import PlaneStatistics
from i2i.translation.tiles.storage import Plane, Storage

Progress = Callable[[float], None]
"""Called after each tile with the part of the work that is done, from 0 to 1."""


class Source(Protocol):
    """Where the image comes from."""

    def read(self, box: Box) -> Tensor:
        """Return ``[1, C, h, w]``, float32 in [-1, 1]."""


class Sink(Protocol):
    """Where the result goes."""

    def write(self, box: Box, tile: Tensor) -> None:
        """Take ``[1, C, h, w]`` of the network's output; each pixel comes once."""


def stream(
    plan: PassPlan,
    source: Source,
    sink: Sink,
    storage: Storage,
    *,
    device: torch.device,
    progress: Progress = lambda _: None,
) -> None:
    """Compute a network on an image.

    The result does not depend on the tiles, except for rounding: every value is computed from the same values as by the
    network itself, and every norm takes the statistics of the whole image.

    Args:
        plan: what to compute.
        source: the image.
        sink: what takes the result.
        storage: where planes are kept between passes.
        device: where to compute. Kept planes and statistics are on the CPU.
        progress: see :data:`Progress`.
    """
    running = _Running(plan, source, storage, device)
    done = 0
    total = sum(plan.graph.nodes[step.target].extent.values for step in plan.passes)
    for step in plan.passes:
        extent = plan.graph.nodes[step.target].extent
        gather = {number: PlaneStatistics(running.norm(number).groups) for number in step.norms}
        kept: Plane | None = None
        for box in tiles(extent, step.tile):
            tile = running.compute(step.target, box)
            for statistics in gather.values():
                statistics.add(tile)
            if step.kept:
                kept = kept or running.keep(step, tile.dtype)
                kept.write(box, tile)
            elif step is plan.passes[-1]:
                sink.write(box, tile)
            done += tile.numel()
            progress(done / total)
        for number, statistics in gather.items():
            running.learn(number, statistics)
        running.release(step)


class _Running:
    """What is known so far: planes that are kept, and norms whose statistics have been gathered."""

    def __init__(self, plan: PassPlan, source: Source, storage: Storage, device: torch.device) -> None:
        self._graph = plan.graph
        self._source = source
        self._storage = storage
        self._device = device
        self._planes: dict[int, Plane] = {}
        self._norms: dict[int, Operation] = {}

    def norm(self, number: int) -> Normalization:
        operation = self._graph.nodes[number].operation
        assert isinstance(operation, Normalization)
        return operation

    def keep(self, step: Pass, dtype: torch.dtype) -> Plane:
        plane = self._storage.new(self._graph.nodes[step.target].extent, dtype)
        self._planes[step.target] = plane
        return plane

    def learn(self, number: int, statistics: PlaneStatistics) -> None:
        channels = self._graph.nodes[number].extent.channels
        self._norms[number] = self.norm(number).with_statistics(statistics.mean, statistics.variance, channels)

    def release(self, step: Pass) -> None:
        for number in step.released:
            self._storage.release(self._planes.pop(number))

    def read(self, number: int, box: Box) -> Tensor:
        """A rectangle of a node, from where it is kept or computed again."""
        plane = self._planes.get(number)
        return self.compute(number, box) if plane is None else plane.read(box).to(self._device)

    def compute(self, number: int, box: Box) -> Tensor:
        node = self._graph.nodes[number]
        if node.operation is None:
            return self._source.read(box).to(self._device)
        inputs = self._graph.inputs_of(number)
        operation = self._norms.get(number, node.operation)
        needed = operation.needs(box, inputs)
        parts = [self.read(place, part) for place, part in zip(node.inputs, needed, strict=True)]
        return operation.compute(box, inputs, parts)
