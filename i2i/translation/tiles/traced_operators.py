"""What each of PyTorch's operators does to planes, by its name in a traced program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from i2i.translation.tiles.boxes import Extent
from i2i.translation.tiles.operations import (
    BilinearUpsampling,
    Convolution,
    ConvolutionTranspose,
    NearestUpsampling,
    Normalization,
    Operation,
    Padding,
    Pair,
    Pointwise,
)


@dataclass(frozen=True)
class Given:
    """What an operator was called with.

    Attributes:
        arguments: by name, with defaults, without the input.
        extent: the input's size.
        result: the output's size.
        refuse: raises, with a reason.
    """

    arguments: Mapping[str, Any]
    extent: Extent
    result: Extent
    refuse: Callable[[str], None]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]


def _convolution(given: Given) -> Operation:
    padding = given["padding"]
    if isinstance(padding, str):
        kernel, dilation = given["weight"].shape[2:], _pair(given["dilation"])
        reach = [step * (side - 1) for side, step in zip(kernel, dilation, strict=True)]
        if padding == "same" and any(side % 2 for side in reach):
            given.refuse("padding 'same' with an even kernel is not known")
        padding = [side // 2 for side in reach] if padding == "same" else [0, 0]
    return Convolution(
        given["weight"],
        given["bias"],
        _pair(given["stride"]),
        _pair(padding),
        _pair(given["dilation"]),
        given["groups"],
    )


def _transposed_convolution(given: Given) -> Operation:
    stride, padding, dilation = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    return ConvolutionTranspose(given["weight"], given["bias"], stride, padding, dilation, given["groups"])


def _padding(given: Given) -> Operation:
    sides = [*given["pad"], 0, 0]
    mode = given.arguments.get("mode", "constant")
    if len(given["pad"]) not in (2, 4) or mode not in ("constant", "reflect", "replicate") or min(sides) < 0:
        given.refuse(f"padding {given['pad']} of mode {mode} is not known")
    return Padding((sides[2], sides[3]), (sides[0], sides[1]), mode, float(given["value"] or 0))


def _reflection(given: Given) -> Operation:
    left, right, above, below = given["padding"]
    return Padding((above, below), (left, right), "reflect")


def _replication(given: Given) -> Operation:
    left, right, above, below = given["padding"]
    return Padding((above, below), (left, right), "replicate")


def _nearest(given: Given) -> Operation:
    factor = (given.result.height // given.extent.height, given.result.width // given.extent.width)
    if (given.extent.height * factor[0], given.extent.width * factor[1]) != given.result[1:]:
        given.refuse("it repeats pixels unequally often")
    return NearestUpsampling(factor)


def _bilinear(given: Given) -> Operation:
    align = bool(given["align_corners"])
    factors = given.arguments.get("scale_factors")
    scale = []
    for axis in (1, 2):
        size, wanted = given.extent[axis], given.result[axis]
        if align:
            scale.append((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
        else:
            scale.append(size / wanted if factors is None else 1 / factors[axis - 1])
    return BilinearUpsampling((scale[0], scale[1]), align)


def _instance_norm(given: Given) -> Operation:
    if not given["use_input_stats"]:
        return _by_running_statistics(given, given["running_mean"], given["running_var"])
    return Normalization(given.extent.channels, given["weight"], given["bias"], given["eps"])


def _group_norm(given: Given) -> Operation:
    return Normalization(given["num_groups"], given["weight"], given["bias"], given["eps"])


def _batch_norm(given: Given) -> Operation:
    return _by_running_statistics(given, given["running_mean"], given["running_var"])


def _batch_norm_of_batch(given: Given) -> Operation:
    given.refuse("it takes the statistics of the batch (inference 'paper')")
    raise AssertionError


def _dropout(given: Given) -> Operation:
    if given.arguments.get("train", True):
        given.refuse("dropout is on (inference 'paper'), and its random numbers differ by tile")
    return Pointwise(lambda tile: tile)


def _by_running_statistics(given: Given, mean: Tensor, variance: Tensor) -> Operation:
    channels = given.extent.channels
    norm = Normalization(channels, given["weight"], given["bias"], given["eps"])
    return norm.with_statistics(mean.double().cpu(), variance.double().cpu(), channels)


BUILDERS: Mapping[str, Callable[[Given], Operation]] = {
    "conv2d": _convolution,
    "conv_transpose2d": _transposed_convolution,
    "pad": _padding,
    "constant_pad_nd": _padding,
    "reflection_pad2d": _reflection,
    "replication_pad2d": _replication,
    "upsample_nearest2d": _nearest,
    "upsample_bilinear2d": _bilinear,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm_of_batch,
    "_native_batch_norm_legit": _batch_norm_of_batch,
    "native_batch_norm": _batch_norm_of_batch,
    "batch_norm": _batch_norm_of_batch,
    "dropout": _dropout,
    "native_dropout": _dropout,
    "bernoulli": _dropout,
    "rand_like": _dropout,
}


def _pair(value: Sequence[int] | int) -> Pair:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])
