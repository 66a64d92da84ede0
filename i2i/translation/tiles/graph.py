"""A network as operations on planes, found by tracing it at the size of the image with tensors that hold no values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.fx import Node as TracedNode

from i2i.environment.quiet import quietly
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.torch_private import arguments_of
from i2i.tensors.tracing import copy_of_modules, tracing
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

aten = torch.ops.aten

POINTWISE = frozenset(
    {
        *("abs", "add", "cat", "clamp", "clamp_max", "clamp_min", "clone", "cos", "div", "elu", "exp", "gelu"),
        *("hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log", "maximum", "minimum", "mish", "mul", "neg"),
        *("pow", "relu", "relu6", "rsub", "selu", "sigmoid", "silu", "sin", "softplus", "sqrt", "sub", "tanh"),
    }
)
"""Names of PyTorch's operators that compute each pixel from the same pixel of their inputs."""
UNCHANGED = frozenset({"alias", "contiguous", "detach", "_to_copy"})
MEANINGLESS = frozenset({"_assert_tensor_metadata"})


class CannotStreamError(Exception):
    """A network, or one of its layers, cannot be computed tile by tile with the same result. The message says why."""


@dataclass(frozen=True, eq=False)
class Node:
    """One step of a network.

    Attributes:
        name: the layer it belongs to, such as ``"model.10"``.
        operation: what it does; ``None`` for the image itself.
        inputs: the numbers of the nodes it takes.
        extent: the size of its result.
    """

    name: str
    operation: Operation | None
    inputs: tuple[int, ...]
    extent: Extent


@dataclass(frozen=True, eq=False)
class Graph:
    """A network for images of one size.

    Attributes:
        nodes: each after those that it takes; the first is the image.
        output: the number of the node that is the network's result.
        peak: most bytes of float32 that are alive at a time when the network runs as it is, a layer at a time.
    """

    nodes: tuple[Node, ...]
    output: int
    peak: int

    def inputs_of(self, number: int) -> list[Extent]:
        """The sizes of a node's inputs."""
        return [self.nodes[place].extent for place in self.nodes[number].inputs]


@torchs_own_settings()
def trace(network: nn.Module, channels: int, height: int, width: int) -> Graph:
    """Find the operations of a network for images ``[1, channels, height, width]``; computes nothing.

    Threads take turns. What is traced is a copy that shares its tensors with the network: the tracer puts others into
    the modules meanwhile, and a thread that translates with the network would compute with those.

    Raises:
        CannotStreamError: the network branches on values, or a layer is more than is known here.
    """
    parameter = next(network.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    example = torch.zeros(1, dtype=torch.float32, device=device).expand(1, channels, height, width)
    try:
        with tracing(device), quietly():  # the exporter's own warnings, about itself
            program = torch.export.export(copy_of_modules(network), (example,), strict=False).run_decompositions({})
    except Exception as error:  # whatever a generator's code does to the tracer
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CannotStreamError(f"it cannot be traced ({type(error).__name__}: {reason})") from error
    return _Reader(program).graph()


class _Reader:
    """Reads an exported program node by node."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        signature = program.graph_signature
        self._program = program
        self._nodes: list[Node] = []
        self._planes: dict[TracedNode, int] = {}  # what depends on the image
        self._constants: dict[TracedNode, Any] = {}  # what does not
        self._stored = {**program.state_dict, **program.constants}
        self._names: Mapping[str, str] = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }

    def graph(self) -> Graph:
        output: int | None = None
        for node in self._program.graph.nodes:
            if node.op == "placeholder":
                self._read_placeholder(node)
            elif node.op == "output":
                results = [item for item in node.args[0] if item in self._planes]
                output = self._planes[results[-1]] if len(node.args[0]) == 1 and results else None
            elif not any(item in self._planes for item in node.all_input_nodes):
                self._constants[node] = node.target(*self._filled(node.args), **self._filled(node.kwargs))
            else:
                self._read(node)
        if output is None:
            raise CannotStreamError("its result is not one tensor made from the image")
        return Graph(tuple(self._nodes), output, _peak(self._nodes, output))

    def _read_placeholder(self, node: TracedNode) -> None:
        if node.name in self._names:
            self._constants[node] = self._stored[self._names[node.name]]
        else:
            self._add(node, "the image", None, [])

    def _read(self, node: TracedNode) -> None:
        if node.target is operator.getitem and node.args[1] == 0:
            self._planes[node] = self._planes[node.args[0]]  # type: ignore[index]
            return
        overload: Any = node.target
        name = overload.overloadpacket.__name__ if hasattr(overload, "overloadpacket") else str(overload)
        if name in MEANINGLESS:
            return
        arguments = _arguments(overload, node)
        if name in UNCHANGED and node.meta["val"].dtype == node.all_input_nodes[0].meta["val"].dtype:
            self._planes[node] = self._planes[node.all_input_nodes[0]]
            return
        build = _BUILDERS.get(name)
        if build is not None:
            filled = {key: self._filled(value) for key, value in arguments.items() if key not in ("input", "self")}
            source = arguments.get("input", arguments.get("self"))
            operation = build(_Given(filled, self._extent(source, node), _size(node), lambda why: _refuse(node, why)))
            self._add(node, _layer(node), operation, [source])
        elif name in POINTWISE:
            self._read_pointwise(node)
        else:
            _refuse(node, f"operator {name} needs more of its input than a tile")

    def _read_pointwise(self, node: TracedNode) -> None:
        extent = _size(node)
        planes = [item for item in node.all_input_nodes if item in self._planes]
        for item in planes:
            if self._extent(item, node)[1:] != extent[1:]:
                _refuse(node, "it spreads one pixel over many")
        for item in node.all_input_nodes:
            shape = [] if item in planes else list(self._constants[item].shape)
            if any(side != 1 for side in shape[-2:]):
                _refuse(node, f"it has a value of its own for each pixel, of shape {shape}")
        if node.target is aten.cat.default and (len(node.args) < 2 or node.args[1] not in (1, -3)):
            _refuse(node, "it joins along another dimension than the channels")

        def function(*parts: Tensor) -> Tensor:
            given = dict(zip(planes, parts, strict=True))
            result: Tensor = node.target(  # type: ignore[operator]
                *self._filled(node.args, given), **self._filled(node.kwargs, given)
            )
            return result

        self._add(node, _layer(node), Pointwise(function), planes)

    def _add(self, node: TracedNode, name: str, operation: Operation | None, inputs: Sequence[Any]) -> None:
        self._planes[node] = len(self._nodes)
        self._nodes.append(Node(name, operation, tuple(self._planes[item] for item in inputs), _size(node)))

    def _extent(self, item: Any, node: TracedNode) -> Extent:
        if item not in self._planes:
            _refuse(node, "it is not applied to what comes from the image")
        return self._nodes[self._planes[item]].extent

    def _filled(self, value: Any, given: Mapping[TracedNode, Tensor] | None = None) -> Any:
        """Arguments with values in place of traced nodes."""
        if isinstance(value, TracedNode):
            if given is not None and value in given:
                return given[value]
            if value not in self._constants:
                raise CannotStreamError(f"{value.name} has a parameter that depends on the image")
            return self._constants[value]
        if isinstance(value, list | tuple):
            return [self._filled(item, given) for item in value]
        if isinstance(value, dict):
            return {key: self._filled(item, given) for key, item in value.items()}
        return value


@dataclass(frozen=True)
class _Given:
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


def _convolution(given: _Given) -> Operation:
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


def _transposed_convolution(given: _Given) -> Operation:
    stride, padding, dilation = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    return ConvolutionTranspose(given["weight"], given["bias"], stride, padding, dilation, given["groups"])


def _padding(given: _Given) -> Operation:
    sides = [*given["pad"], 0, 0]
    mode = given.arguments.get("mode", "constant")
    if len(given["pad"]) not in (2, 4) or mode not in ("constant", "reflect", "replicate") or min(sides) < 0:
        given.refuse(f"padding {given['pad']} of mode {mode} is not known")
    return Padding((sides[2], sides[3]), (sides[0], sides[1]), mode, float(given["value"] or 0))


def _reflection(given: _Given) -> Operation:
    left, right, above, below = given["padding"]
    return Padding((above, below), (left, right), "reflect")


def _replication(given: _Given) -> Operation:
    left, right, above, below = given["padding"]
    return Padding((above, below), (left, right), "replicate")


def _nearest(given: _Given) -> Operation:
    factor = (given.result.height // given.extent.height, given.result.width // given.extent.width)
    if (given.extent.height * factor[0], given.extent.width * factor[1]) != given.result[1:]:
        given.refuse("it repeats pixels unequally often")
    return NearestUpsampling(factor)


def _bilinear(given: _Given) -> Operation:
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


def _instance_norm(given: _Given) -> Operation:
    if not given["use_input_stats"]:
        return _by_running_statistics(given, given["running_mean"], given["running_var"])
    return Normalization(given.extent.channels, given["weight"], given["bias"], given["eps"])


def _group_norm(given: _Given) -> Operation:
    return Normalization(given["num_groups"], given["weight"], given["bias"], given["eps"])


def _batch_norm(given: _Given) -> Operation:
    return _by_running_statistics(given, given["running_mean"], given["running_var"])


def _batch_norm_of_batch(given: _Given) -> Operation:
    given.refuse("it takes the statistics of the batch (inference 'paper')")
    raise AssertionError


def _dropout(given: _Given) -> Operation:
    if given.arguments.get("train", True):
        given.refuse("dropout is on (inference 'paper'), and its random numbers differ by tile")
    return Pointwise(lambda tile: tile)


def _by_running_statistics(given: _Given, mean: Tensor, variance: Tensor) -> Operation:
    channels = given.extent.channels
    norm = Normalization(channels, given["weight"], given["bias"], given["eps"])
    return norm.with_statistics(mean.double().cpu(), variance.double().cpu(), channels)


_BUILDERS: Mapping[str, Callable[[_Given], Operation]] = {
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


def _arguments(overload: Any, node: TracedNode) -> dict[str, Any]:
    """The arguments of an operator by name, with its defaults."""
    declared = arguments_of(overload)
    if declared is None:
        _refuse(node, f"{overload} is no operator of PyTorch")
    found = {}
    for place, argument in enumerate(declared):
        if place < len(node.args):
            found[argument.name] = node.args[place]
        else:
            default = argument.default_value if argument.has_default_value() else None
            found[argument.name] = node.kwargs.get(argument.name, default)
    return found


def _refuse(node: TracedNode, why: str) -> NoReturn:
    raise CannotStreamError(f"{_layer(node)}: {why}")


def _layer(node: TracedNode) -> str:
    """The layer that a traced node belongs to, such as ``"model.4 (Attention)"``."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return f"operator {node.name}"
    path, kind = list(stack.values())[-1]
    return f"layer {path or 'itself'} ({str(getattr(kind, '__name__', kind)).rpartition('.')[2]})"


def _size(node: TracedNode) -> Extent:
    value = node.meta.get("val")
    value = value[0] if isinstance(value, list | tuple) else value
    if not isinstance(value, Tensor) or value.ndim != 4 or value.shape[0] != 1 or not value.is_floating_point():
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise CannotStreamError(f"{_layer(node)}: it gives {got}, which is no image [1, C, H, W] of floats")
    return Extent(*(int(side) for side in value.shape[1:]))


def _pair(value: Sequence[int] | int) -> Pair:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])


def _peak(nodes: Sequence[Node], output: int) -> int:
    last = {place: number for number, node in enumerate(nodes) for place in node.inputs}
    last[output] = len(nodes)
    alive = most = 0
    for number, node in enumerate(nodes):
        alive += node.extent.values * 4
        most = max(most, alive)
        alive -= sum(nodes[place].extent.values * 4 for place in set(node.inputs) if last[place] == number)
    return most
