"""The cheaper way, for any network: statistics of a sample of the image, and tiles that are blended where they overlap.

The result is an estimate of what the network gives for the whole image. It differs in two ways. The statistics of
instance and group norms are those of up to ``SAMPLES`` squares spread over the image, which run through the network
together, as if they were one picture. And a pixel near the edge of a tile sees the network's padding instead of its
neighbours; it counts little, for another tile has it further inside. Nothing is kept between tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from i2i.errors import DataError
from i2i.translation.tiles.boxes import Box, Extent, Span
from i2i.translation.tiles.compute import Progress, Sink, Source
from i2i.translation.tiles.operations import Normalization, Pointwise

SAMPLES_A_SIDE = 4
SAMPLES = SAMPLES_A_SIDE**2
"""Squares, of half a tile's side each, that the statistics are taken from."""

Run = Callable[[Tensor], Tensor]


def estimate(
    run: Run,
    network: nn.Module,
    image: Extent,
    source: Source,
    sink: Sink,
    *,
    side: int,
    multiple: int,
    smallest: int = 1,
    device: torch.device,
    progress: Progress = lambda _: None,
) -> None:
    """Compute an estimate of a network's result.

    Args:
        run: the network on ``[N, C, h, w]``.
        network: the network, whose norms are to take statistics from elsewhere.
        image: the size of the image, a multiple of ``multiple``.
        source: the image.
        sink: what takes the result.
        side: of the tiles, in pixels; made a multiple of ``multiple`` that is no smaller than ``smallest``.
        multiple: what the network wants heights and widths to be multiples of.
        smallest: the least height and width that the network takes.
        device: where to compute.
        progress: see :data:`~i2i.translation.tiles.compute.Progress`.

    Raises:
        DataError: the network calls other norms for each tile.
    """
    with _plain_norms(network):
        learnt: list[Pointwise] = []
        with _Learning(learnt):
            run(_sample(source, image, max(side // 2, smallest), multiple).to(device))
        rows, columns = (_places(size, max(side, smallest), multiple) for size in image[1:])
        blending = _Blending(sink, image)
        total = len(rows) * len(columns)
        for number, (row, column) in enumerate((row, column) for row in rows for column in columns):
            with _Applying(learnt) as norms:
                tile = run(source.read(Box(row, column)).to(device))
            norms.require_all()
            blending.add(Box(row, column), tile.cpu())
            progress((number + 1) / total)
        blending.finish()


def _sample(source: Source, image: Extent, half: int, multiple: int) -> Tensor:
    """Squares spread evenly from edge to edge, ``[N, C, s, s]``; a small image as a whole."""
    _, height, width = image
    half = -(-half // multiple) * multiple
    if height * width <= SAMPLES * half * half or min(height, width) < half:
        return source.read(image.box) if height * width <= SAMPLES * half * half else _strips(source, image, half)
    tops, lefts = (
        [round((size - half) * place / (SAMPLES_A_SIDE - 1)) // multiple * multiple for place in range(SAMPLES_A_SIDE)]
        for size in (height, width)
    )
    squares = [Box(Span(top, top + half), Span(left, left + half)) for top in tops for left in lefts]
    return torch.cat([source.read(box) for box in squares])


def _strips(source: Source, image: Extent, half: int) -> Tensor:
    """Of an image that is long and narrow: pieces of its full width."""
    _, height, width = image
    tall = height > width
    length, across = (height, width) if tall else (width, height)
    count = max(1, min(SAMPLES * half // across, length // half))
    starts = [round((length - half) * place / max(1, count - 1)) for place in range(count)]
    spans = [Span(start, start + half) for start in starts]
    whole = image.box
    return torch.cat([source.read(Box(span, whole.columns) if tall else Box(whole.rows, span)) for span in spans])


def _places(size: int, side: int, multiple: int) -> list[Span]:
    """Tiles along one axis, each a quarter of its side over the one before, the last one ending with the image."""
    side = min(size, -(-side // multiple) * multiple)
    step = max(multiple, side * 3 // 4 // multiple * multiple)
    starts = [*range(0, size - side, step), size - side]
    return [Span(start, start + side) for start in starts]


class _Blending:
    """Sums weighted tiles, and hands on the rows that are complete."""

    def __init__(self, sink: Sink, image: Extent) -> None:
        self._sink = sink
        self._image = image
        self._top = 0
        self._values = torch.empty(0, dtype=torch.float32)
        self._weights = torch.empty(0, dtype=torch.float32)

    def add(self, box: Box, tile: Tensor) -> None:
        """Take in ``[1, C, h, w]``; tiles come row by row."""
        if self._values.numel() == 0:
            self._make_room(tile.shape[1], box.rows.length)
        if box.rows.start > self._top:
            self._hand_on(box.rows.start)
            self._make_room(tile.shape[1], box.rows.length)
        rows = slice(box.rows.start - self._top, box.rows.stop - self._top)
        columns = slice(*box.columns)
        weight = _ramps(box.rows, self._image.height)[:, None] * _ramps(box.columns, self._image.width)
        self._values[:, :, rows, columns] += tile * weight
        self._weights[rows, columns] += weight

    def finish(self) -> None:
        """Hand on what is left."""
        self._hand_on(self._image.height)

    def _make_room(self, channels: int, rows: int) -> None:
        kept = self._values.shape[2] if self._values.numel() else 0
        values = torch.zeros(1, channels, rows, self._image.width, dtype=torch.float32)
        weights = torch.zeros(rows, self._image.width, dtype=torch.float32)
        if kept:
            values[:, :, :kept] = self._values
            weights[:kept] = self._weights
        self._values, self._weights = values, weights

    def _hand_on(self, stop: int) -> None:
        count = stop - self._top
        box = Box(Span(self._top, stop), Span(0, self._image.width))
        self._sink.write(box, self._values[:, :, :count] / self._weights[:count])
        self._values, self._weights = self._values[:, :, count:], self._weights[count:]
        self._top = stop


def _ramps(span: Span, size: int) -> Tensor:
    """Weights of a tile along one axis: 1 inside, falling over a quarter of its side to where other tiles are.

    They fall in the middle half of that quarter: the pixels near the tile's edge, which see its padding in place of
    their neighbours, have next to no weight, and never none, so that the sum is not zero anywhere.
    """
    overlap = max(1, span.length // 4)
    ramp = ((torch.arange(overlap, dtype=torch.float32) + 0.5) / overlap * 2 - 0.5).clamp(1e-6, 1)
    weights = torch.ones(span.length, dtype=torch.float32)
    if span.start > 0:
        weights[:overlap] = ramp
    if span.stop < size:
        weights[-overlap:] = torch.minimum(weights[-overlap:], ramp.flip(0))
    return weights


@contextmanager
def _plain_norms(network: nn.Module) -> Iterator[None]:
    """Have modules of :mod:`i2i.ops` call PyTorch's norms for a while, where the statistics can be exchanged."""
    before = {module: module.impl for module in network.modules() if hasattr(module, "impl")}
    try:
        for module in before:
            module.impl = "reference"  # type: ignore[assignment]  # a plain attribute, no tensor
        yield
    finally:
        for module, impl in before.items():
            module.impl = impl


class _Norms(TorchFunctionMode):
    """Takes the place of instance and group norm."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call every function as it is, except the norms."""
        kwargs = kwargs or {}
        if func is F.instance_norm:
            return self._instance_norm(*args, **kwargs)
        if func is F.group_norm:
            return self._group_norm(*args, **kwargs)
        return func(*args, **kwargs)

    def _instance_norm(
        self,
        input: Tensor,  # noqa: A002  # PyTorch's name
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not use_input_stats:
            return F.instance_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
        return self.normalise(input, Normalization(input.shape[1], weight, bias, eps))

    def _group_norm(
        self,
        input: Tensor,  # noqa: A002  # PyTorch's name
        num_groups: int,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        return self.normalise(input, Normalization(num_groups, weight, bias, eps))

    def normalise(self, x: Tensor, norm: Normalization) -> Tensor:
        """Normalise ``[N, C, H, W]``."""
        raise NotImplementedError


class _Learning(_Norms):
    """Normalises by the statistics of all images of the batch together, and keeps them."""

    def __init__(self, learnt: list[Pointwise]) -> None:
        super().__init__()
        self._learnt = learnt

    def normalise(self, x: Tensor, norm: Normalization) -> Tensor:
        groups = torch.unflatten(x.float(), 1, (norm.groups, -1))
        others = [dimension for dimension in range(groups.ndim) if dimension != 1]
        variance, mean = torch.var_mean(groups, others, correction=0)
        self._learnt.append(norm.with_statistics(mean.double().cpu(), variance.double().cpu(), x.shape[1]))
        return self._learnt[-1].function(x)


class _Applying(_Norms):
    """Normalises by statistics that were kept, one norm after the other."""

    def __init__(self, learnt: list[Pointwise]) -> None:
        super().__init__()
        self._learnt = learnt
        self._called = 0

    def normalise(self, x: Tensor, norm: Normalization) -> Tensor:  # noqa: ARG002
        self._called += 1
        if self._called > len(self._learnt):
            self.require_all()
        return self._learnt[self._called - 1].function(x)

    def require_all(self) -> None:
        if self._called != len(self._learnt):
            raise DataError(
                f"the network calls {self._called} norms for one tile and {len(self._learnt)} for another image, so no "
                "statistics can be handed from one to the other; translate without --tile"
            )
