"""Instance norm in operators of ONNX whose sums are short; see :mod:`i2i.exporting.exact_norm` for what for.

::

    mean     = mean of the means of rows
    centre   = first pixel if first row and means of rows are each of one value, else mean
    variance = mean((x - centre) ** 2)
    y        = (x - centre) / sqrt(variance + eps) * weight + bias

Each mean is one along rows and then one along columns: a sum of one row is a thousandth as long as that of a plane, and
so is what it is off by. The first drops its dimension and the second keeps it: of two that are alike OpenVINO makes one
over the whole plane. Where a plane is flat, its mean would still differ from its pixels by what rounding did, which the
division by a spread of nothing makes large; less the pixel itself it is exactly zero. Rows that are the same have the
same rounded mean, however far that is from their pixels, so that flatness can be told from the means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

CLOSE = 2.0**-20
"""How far apart, as a share of the mean, numbers may lie that count as one."""
CONSTANTS: Mapping[str, npt.NDArray[Any]] = {
    "rows": np.array([2], np.int64),
    "columns": np.array([3], np.int64),
    "start": np.array([0], np.int64),
    "one": np.array([1], np.int64),
    "per_channel": np.array([1, -1, 1, 1], np.int64),
    "close": np.array(CLOSE, np.float32),
}


def write_exact_norms(graph: onnx.GraphProto) -> None:
    """Write every InstanceNormalization of ``[N, C, H, W]`` in the operators above, in the forms of opset 18.

    Args:
        graph: with the shapes of its values, as PyTorch writes them.
    """
    weights = {stored.name: numpy_helper.to_array(stored) for stored in graph.initializer}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in (*graph.value_info, *graph.input)}
    nodes: list[onnx.NodeProto] = []
    used: dict[str, npt.NDArray[Any]] = {}
    for node in graph.node:
        if node.op_type == "InstanceNormalization" and ranks.get(node.input[0]) == 4:
            nodes += _Norm(node, weights, used).nodes
        else:
            nodes.append(node)
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in used.items())
    del graph.node[:]
    graph.node.extend(nodes)


class _Norm:
    """The nodes that stand for one norm.

    Args:
        node: what they stand for.
        weights: the constants of the graph.
        used: constants to put into the graph, to which those of these nodes are added.
    """

    def __init__(
        self, node: onnx.NodeProto, weights: Mapping[str, npt.NDArray[Any]], used: dict[str, npt.NDArray[Any]]
    ) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._name = node.output[0]
        self._used = used
        x, weight, bias = node.input
        eps = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)

        along_rows = self._add("ReduceMean", x, self._constant("columns"), keepdims=0)  # [N, C, H]
        mean = self._upright(self._add("ReduceMean", along_rows, self._constant("rows"), keepdims=1))
        first_row = self._add("Slice", x, *map(self._constant, ("start", "one", "rows")))
        pixel = self._add("Slice", first_row, *map(self._constant, ("start", "one", "columns")))
        apart = self._add("Add", self._spread(first_row, "columns"), self._upright(self._spread(along_rows, "rows")))
        bound = self._add("Mul", self._add("Abs", mean), self._constant("close"))
        centre = self._add("Where", self._add("LessOrEqual", apart, bound), pixel, mean)
        centred = self._add("Sub", x, centre)
        variance = self._add("ReduceMean", self._mean_squares(centred), self._constant("rows"), keepdims=1)
        deviation = self._add("Sqrt", self._add("Add", variance, self._scalar(eps)))
        scale = self._add("Reciprocal", deviation)
        if weight not in weights or not (weights[weight] == 1).all():
            scale = self._add("Mul", scale, self._per_channel(weight))
        if bias in weights and not weights[bias].any():
            self._add("Mul", centred, scale, output=self._name)
        else:
            self._add("Add", self._add("Mul", centred, scale), self._per_channel(bias), output=self._name)

    def _mean_squares(self, x: str) -> str:
        """Of each row, from its length as a vector: no runtime writes the squares of all pixels for that."""
        length = self._add("ReduceL2", x, self._constant("columns"), keepdims=1)
        width = self._add("Cast", self._add("Shape", x, start=3), to=onnx.TensorProto.FLOAT)
        return self._add("Div", self._add("Mul", length, length), width)

    def _spread(self, x: str, along: str) -> str:
        most, least = (
            self._add(operator, x, self._constant(along), keepdims=1) for operator in ("ReduceMax", "ReduceMin")
        )
        return self._add("Sub", most, least)

    def _upright(self, name: str) -> str:
        """From ``[N, C, 1]`` to ``[N, C, 1, 1]``."""
        return self._add("Unsqueeze", name, self._constant("columns"))

    def _per_channel(self, name: str) -> str:
        """From ``[C]`` to ``[1, C, 1, 1]``, which runtimes compute once where it is a constant."""
        return self._add("Reshape", name, self._constant("per_channel"))

    def _constant(self, name: str) -> str:
        self._used[f"norm_{name}"] = CONSTANTS[name]
        return f"norm_{name}"

    def _scalar(self, value: float) -> str:
        name = f"norm_eps_{value:.9g}"
        self._used[name] = np.array(value, np.float32)
        return name

    def _add(self, operator: str, *given: str, output: str | None = None, **settings: Any) -> str:
        output = output or f"{self._name}_step_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, given, [output], name=f"node_{output}", **settings))
        return output
