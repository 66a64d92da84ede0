"""What a network does to planes, as operations that compute any rectangle of their result.

Each says what rectangle of its inputs a rectangle of its output needs, and computes the one from the others. Near the
ends of a plane an operation does what PyTorch's does on the whole of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.translation.tiles.boxes import Box, Extent, Span

Pair = tuple[int, int]


class Operation(ABC):
    """One step of a network, from one or more inputs ``[1, C, H, W]`` to one output."""

    @property
    def multiplications(self) -> float:
        """For each value of the output."""
        return 0.0

    @abstractmethod
    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """The rectangle of each input that this rectangle of the output is made of; it lies inside the input."""

    @abstractmethod
    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:
        """Compute a rectangle of the output.

        Args:
            box: which.
            inputs: sizes of the whole inputs.
            parts: of each input ``[1, C, h, w]``, the rectangle that :meth:`needs` named. They are not changed.
        """


@dataclass(frozen=True, eq=False)
class Pointwise(Operation):
    """Any function that computes a pixel from the same pixel of its inputs: activations, sums, concatenation."""

    function: Callable[..., Tensor]

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """The same rectangle of each."""
        return [box] * len(inputs)

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """Apply the function."""
        return self.function(*parts)


@dataclass(frozen=True, eq=False)
class Normalization(Operation):
    """Normalise each group of channels by its statistics over the whole plane, then scale and shift.

    Attributes:
        groups: as many as channels for instance norm.
        weight: scale ``[C]``, or None.
        bias: shift ``[C]``, or None.
        eps: added to the variance.
    """

    groups: int
    weight: Tensor | None
    bias: Tensor | None
    eps: float

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:  # noqa: ARG002
        """The same rectangle; the statistics come from elsewhere."""
        return [box]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """Not without statistics: see :meth:`with_statistics`."""
        raise RuntimeError("a norm computes nothing before its statistics are known")

    def with_statistics(self, mean: Tensor, variance: Tensor, channels: int) -> Pointwise:
        """The norm by these statistics, float64 ``[groups]``.

        The mean is subtracted in two parts, so that a large one loses no bits to float32.
        """
        mean, scale = (
            value.repeat_interleave(channels // self.groups) for value in (mean, (variance + self.eps).rsqrt())
        )
        if self.weight is not None:
            scale = scale * self.weight.double().cpu()
        high = mean.float()
        rest = (mean - high.double()).float()
        values = [value.view(-1, 1, 1) for value in (high, rest, scale.float())]
        shift = None if self.bias is None else self.bias.float().view(-1, 1, 1)

        def normalise(tile: Tensor) -> Tensor:
            high, rest, scale = (value.to(tile.device) for value in values)
            out = (tile.float() - high).sub_(rest).mul_(scale)
            return out if shift is None else out.add_(shift)

        return Pointwise(normalise)


@dataclass(frozen=True, eq=False)
class Convolution(Operation):
    """``torch.nn.functional.conv2d``; pairs are for rows and columns."""

    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def multiplications(self) -> float:
        """For each value of the output."""
        return float(self.weight[0].numel())

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """All that the kernel covers, as far as it is inside."""
        _, height, width = inputs[0]
        return [Box(self._covered(box.rows, 0).clipped(height), self._covered(box.columns, 1).clipped(width))]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:
        """Pad with zeros what lies outside, then convolve."""
        _, height, width = inputs[0]
        sides = (
            *_beyond(self._covered(box.columns, 1), width),
            *_beyond(self._covered(box.rows, 0), height),
        )
        part = F.pad(parts[0], sides) if any(sides) else parts[0]
        return F.conv2d(part, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _covered(self, span: Span, axis: int) -> Span:
        reach = self.dilation[axis] * (self.weight.shape[2 + axis] - 1)
        start = span.start * self.stride[axis] - self.padding[axis]
        return Span(start, (span.stop - 1) * self.stride[axis] - self.padding[axis] + reach + 1)


@dataclass(frozen=True, eq=False)
class ConvolutionTranspose(Operation):
    """``torch.nn.functional.conv_transpose2d``; pairs are for rows and columns."""

    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def multiplications(self) -> float:
        """For each value of the output, about."""
        taps = self.weight.shape[2] * self.weight.shape[3] / (self.stride[0] * self.stride[1])
        return self.weight.shape[0] / self.groups * taps

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """All whose kernels reach into the rectangle."""
        _, height, width = inputs[0]
        return [Box(self._reaching(box.rows, 0, height), self._reaching(box.columns, 1, width))]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:
        """Convolve, and cut out the rectangle; what no kernel reaches is the bias alone."""
        (needed,) = self.needs(box, inputs)
        if needed.pixels == 0:
            zeros = parts[0].new_zeros(1, self.weight.shape[1] * self.groups, box.rows.length, box.columns.length)
            return zeros if self.bias is None else zeros + self.bias.view(-1, 1, 1)
        out = F.conv_transpose2d(parts[0], self.weight, None, self.stride, 0, 0, self.groups, self.dilation)
        top, bottom = self._cut(box.rows, needed.rows, 0, out.shape[2])
        left, right = self._cut(box.columns, needed.columns, 1, out.shape[3])
        out = F.pad(out, (left, right, top, bottom))  # negative numbers cut
        return out if self.bias is None else out.add_(self.bias.view(-1, 1, 1).to(out.dtype))

    def _reach(self, axis: int) -> int:
        return self.dilation[axis] * (self.weight.shape[2 + axis] - 1)

    def _reaching(self, span: Span, axis: int, size: int) -> Span:
        stride, padding = self.stride[axis], self.padding[axis]
        start = -((self._reach(axis) - span.start - padding) // stride)  # rounded up
        return Span(start, (span.stop - 1 + padding) // stride + 1).clipped(size)

    def _cut(self, span: Span, needed: Span, axis: int, length: int) -> tuple[int, int]:
        first = needed.start * self.stride[axis] - self.padding[axis]  # where in the output the first result lies
        return first - span.start, span.stop - first - length


@dataclass(frozen=True, eq=False)
class Padding(Operation):
    """``torch.nn.functional.pad`` of rows and columns.

    Attributes:
        rows: pixels above and below.
        columns: pixels left and right.
        mode: ``"constant"``, ``"reflect"`` or ``"replicate"``.
        value: for ``"constant"``.
    """

    rows: Pair
    columns: Pair
    mode: str
    value: float = 0.0

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """From the least to the greatest place that is read."""
        _, height, width = inputs[0]
        return [Box(self._read(box.rows, self.rows[0], height), self._read(box.columns, self.columns[0], width))]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:
        """Repeat, mirror or fill in what lies outside."""
        _, height, width = inputs[0]
        above, below = _beyond(Span(box.rows.start - self.rows[0], box.rows.stop - self.rows[0]), height)
        left, right = _beyond(Span(box.columns.start - self.columns[0], box.columns.stop - self.columns[0]), width)
        if self.mode == "constant":
            return F.pad(parts[0], (left, right, above, below), value=self.value)
        (needed,) = self.needs(box, inputs)
        out = parts[0]
        if above or below:
            out = out.index_select(2, self._places(box.rows, self.rows[0], height, needed.rows.start).to(out.device))
        if left or right:
            places = self._places(box.columns, self.columns[0], width, needed.columns.start)
            out = out.index_select(3, places.to(out.device))
        return out

    def _read(self, span: Span, before: int, size: int) -> Span:
        if self.mode == "constant":
            return Span(span.start - before, span.stop - before).clipped(size)
        places = self._places(span, before, size, 0)
        return Span(int(places.min()), int(places.max()) + 1)

    def _places(self, span: Span, before: int, size: int, first: int) -> Tensor:
        places = torch.arange(span.start - before, span.stop - before)
        if self.mode == "reflect":
            places = (size - 1) - ((size - 1) - places.abs()).abs()
        return places.clamp(0, size - 1) - first


@dataclass(frozen=True, eq=False)
class NearestUpsampling(Operation):
    """Repeat each pixel this many times along rows and columns."""

    factor: Pair

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:  # noqa: ARG002
        """The pixels that are repeated."""
        return [Box(*(_divided(span, factor) for span, factor in zip(box, self.factor, strict=True)))]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """Repeat, and cut what is too much."""
        out = parts[0]
        for axis, (span, factor) in enumerate(zip(box, self.factor, strict=True)):
            places = torch.arange(span.start, span.stop, device=out.device) // factor
            out = out.index_select(2 + axis, places - places[0])
        return out


@dataclass(frozen=True, eq=False)
class BilinearUpsampling(Operation):
    """``torch.nn.functional.interpolate`` with mode ``"bilinear"``.

    Attributes:
        scale: for rows and columns, pixels of the input for each of the output.
        align_corners: whether the centres of the outermost pixels coincide.
    """

    scale: tuple[float, float]
    align_corners: bool

    def needs(self, box: Box, inputs: Sequence[Extent]) -> list[Box]:
        """The pixels between which is interpolated."""
        spans = []
        for axis, span in enumerate(box):
            lower, _ = self._between(span, axis, inputs[0][1 + axis])
            spans.append(Span(int(lower[0]), min(int(lower[-1]) + 2, inputs[0][1 + axis])))
        return [Box(*spans)]

    def compute(self, box: Box, inputs: Sequence[Extent], parts: Sequence[Tensor]) -> Tensor:
        """Interpolate along rows, then along columns."""
        out = parts[0]
        for axis, span in enumerate(box):
            size = inputs[0][1 + axis]
            lower, weight = self._between(span, axis, size)
            upper = (lower + 1).clamp(max=size - 1)
            first = lower[0].clone()
            shape = (-1, 1) if axis == 0 else (-1,)
            below, above = (out.index_select(2 + axis, (places - first).to(out.device)) for places in (lower, upper))
            out = torch.lerp(below, above, weight.to(out.device, out.dtype).view(shape))
        return out

    def _between(self, span: Span, axis: int, size: int) -> tuple[Tensor, Tensor]:
        places = torch.arange(span.start, span.stop, dtype=torch.float64)
        scale = self.scale[axis]
        centres = places * scale if self.align_corners else ((places + 0.5) * scale - 0.5).clamp(min=0)
        lower = centres.floor().long().clamp(max=size - 1)
        return lower, centres - lower


def _beyond(span: Span, size: int) -> Pair:
    """How much of a span lies before and behind an axis."""
    return max(0, min(-span.start, span.length)), max(0, min(span.stop - size, span.length))


def _divided(span: Span, factor: int) -> Span:
    return Span(span.start // factor, (span.stop - 1) // factor + 1)
