"""Norms as exported files compute them: right on large pictures with flat areas, whatever adds up.

A norm divides by a spread, so that what its mean is off by is divided, too. On a white page with a few marks a channel
is the same number in almost every place, and its spread a hundredth of it: ONNX Runtime and OpenVINO, which add up four
million float32 in one go, are then off by whole levels of colour, and on a page of one colour all that is left is
rounding. The forms here and in :mod:`i2i.exporting.onnx_norm` mean the same as ``aten::instance_norm`` and are
written in operators whose sums are short or start near zero. On a page of one colour they give exactly the shift.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Graph, Node

INSTANCE_NORM = torch.ops.aten.instance_norm.default
GROUP_NORM = torch.ops.aten.group_norm.default


def with_exact_norms(program: ExportedProgram, form: Literal["onnx", "torch"]) -> ExportedProgram:
    """Write a program's norms in the form that suits what will run it.

    Args:
        program: in evaluation mode.
        form: ``"torch"``, for PyTorch, whose instance norms begin from zero; or ``"onnx"``, where they stay, for
            :func:`~i2i.exporting.onnx_norm.write_exact_norms`, and group norms become such.
    """
    if form == "torch":
        _begin_from_zero(program)
        return program
    if not any(node.target is GROUP_NORM for node in program.graph.nodes):
        return program  # rewriting a program takes seconds
    exact: ExportedProgram = program.run_decompositions({GROUP_NORM: _group_norm_as_instance_norm})
    return exact


def _begin_from_zero(program: ExportedProgram) -> None:
    """Subtract from each plane its first pixel, before the norm does so with the mean.

    PyTorch's norm adds up in float64, but computes ``x * scale + shift`` at the end, in which what is flat leaves
    rounding behind, three hundred times as large when there is no spread to divide by.
    """
    graph = program.graph
    for norm in list(graph.nodes):
        if norm.target is not INSTANCE_NORM or not norm.args[5] or norm.args[0].meta["val"].dim() != 4:
            continue
        x = norm.args[0]
        with graph.inserting_before(norm):
            row = _call(graph, torch.ops.aten.slice.Tensor, x, 2, 0, 1)
            pixel = _call(graph, torch.ops.aten.slice.Tensor, row, 3, 0, 1)
            norm.replace_input_with(x, _call(graph, torch.ops.aten.sub.Tensor, x, pixel))
    graph.lint()
    program.graph_module.recompile()


def _call(graph: Graph, operator: Any, *given: Any) -> Node:
    """Insert an operator, with what is known of its result: its shape in the symbols of the program."""
    node = graph.call_function(operator, given)
    values = [each.meta["val"] if isinstance(each, Node) else each for each in given]
    with values[0].fake_mode:
        node.meta["val"] = operator(*values)
    return node


def _group_norm_as_instance_norm(
    x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, _cudnn_enabled: bool
) -> Any:
    if x.dim() != 4:
        return NotImplemented  # it is left as it is
    batch, channels, height, width = x.shape
    planes = x.reshape(batch, groups, channels // groups * height, width)
    return _affine(F.instance_norm(planes, eps=eps).reshape(x.shape), weight, bias)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight.view(1, -1, 1, 1)
    return x if bias is None else x + bias.view(1, -1, 1, 1)
