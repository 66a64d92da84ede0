"""A network as operations on planes, found by tracing it at the size of the image with tensors that hold no values."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
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
from i2i.translation.tiles.operations import Operation, Pointwise
from i2i.translation.tiles.traced_operators import BUILDERS, Given

aten = torch.ops.aten

POINTWISE = frozenset(
    {
        *("abs", "add", "cat", "clamp", "clamp_max", "clamp_min", "clone", "cos", "div", "elu", "exp", "gelu"),
        *("hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log", "maximum", "minimum", "mish", "mul", "neg"),
        *("pow", "relu", "relu6", "rsub", "selu", "sigmoid", "silu", "sin", "softplus", "sqrt", "sub", "tanh"),
    }
)
"""Names of PyTorch's operators that compute each pixel from the same pixel of their inputs."""
UNCHANGED = frozenset({"alias", "contiguous", "detach", "to", "_to_copy"})
MEANINGLESS = frozenset({"_assert_tensor_metadata"})
KNOWN = frozenset({*POINTWISE, *UNCHANGED, *MEANINGLESS, *BUILDERS})


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
            program = torch.export.export(copy_of_modules(network), (example,), strict=False)
            if not _can_be_read(program):
                program = program.run_decompositions({})
    except Exception as error:  # whatever a generator's code does to the tracer
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CannotStreamError(f"it cannot be traced ({type(error).__name__}: {reason})") from error
    return _Reader(program).graph()


def _can_be_read(program: torch.export.ExportedProgram) -> bool:
    """Whether a program is what it would be after it was traced again, which takes twice as long as the first time.

    That takes batch norms and what is not known here apart, and what writes in place becomes what does not.
    """
    program.graph.eliminate_dead_code()
    for node in program.graph.nodes:
        if node.op in ("placeholder", "output") or node.target is operator.getitem:
            continue
        arguments = arguments_of(node.target)
        if arguments is None or any(argument.alias_info and argument.alias_info.is_write for argument in arguments):
            return False
        if _name(node.target) not in KNOWN:
            return False
    return True


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
        name = _name(node.target)
        if name in MEANINGLESS:
            return
        arguments = _arguments(node)
        if name in UNCHANGED and node.meta["val"].dtype == node.all_input_nodes[0].meta["val"].dtype:
            self._planes[node] = self._planes[node.all_input_nodes[0]]
            return
        build = BUILDERS.get(name)
        if build is not None:
            filled = {key: self._filled(value) for key, value in arguments.items() if key not in ("input", "self")}
            source = arguments.get("input", arguments.get("self"))
            operation = build(Given(filled, self._extent(source, node), _size(node), lambda why: _refuse(node, why)))
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


def _name(target: Any) -> str:
    """An operator's name without that of the overload."""
    return target.overloadpacket.__name__ if hasattr(target, "overloadpacket") else str(target)


def _arguments(node: TracedNode) -> dict[str, Any]:
    """The arguments of an operator by name, with its defaults."""
    declared = arguments_of(node.target)
    if declared is None:
        _refuse(node, f"{node.target} is no operator of PyTorch")
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


def _peak(nodes: Sequence[Node], output: int) -> int:
    last = {place: number for number, node in enumerate(nodes) for place in node.inputs}
    last[output] = len(nodes)
    alive = most = 0
    for number, node in enumerate(nodes):
        alive += node.extent.values * 4
        most = max(most, alive)
        alive -= sum(nodes[place].extent.values * 4 for place in set(node.inputs) if last[place] == number)
    return most
