"""The oldest version of ONNX that a file's operators need, so that it runs wherever it can.

A version of the operator set gives new operators, and new forms and types to some that were there. PyTorch writes its
latest forms whether they are needed or not; here they are written in the older ones where those say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import defs, helper, numpy_helper, shape_inference

OLDEST = 13
"""Of 2020; what is older tells axes in other ways and clips no whole numbers."""

Constants = Mapping[str, npt.NDArray[Any]]
Older = Callable[[onnx.NodeProto, Constants], list[onnx.NodeProto] | None]
"""The same in the form of ``OLDEST``, and None where that cannot say it."""


def least_versions(model: onnx.ModelProto) -> None:
    """Set the versions of operators and file to the oldest that a model can be written in, and write it so.

    A model with operators that are not in the standard set is left as it is.
    """
    if [entry.domain for entry in model.opset_import] != [""] or model.functions:
        return
    (entry,) = model.opset_import
    constants = {stored.name: numpy_helper.to_array(stored) for stored in model.graph.initializer}
    types = _types(model)
    for version in range(OLDEST, entry.version):
        written = [_in_version(node, version, entry.version, constants, types) for node in model.graph.node]
        nodes = [node for group in written if group is not None for node in group]
        if None not in written:
            del model.graph.node[:]
            model.graph.node.extend(nodes)
            entry.version = version
            break
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import))


def _types(model: onnx.ModelProto) -> dict[str, str]:
    """The types of values, such as ``tensor(float)``, as far as they are known."""
    graph = shape_inference.infer_shapes(model).graph
    types = {
        value.name: f"tensor({_type_name(value.type.tensor_type.elem_type)})"
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    return types | {stored.name: f"tensor({_type_name(stored.data_type)})" for stored in graph.initializer}


def _type_name(kind: int) -> str:
    return str(onnx.TensorProto.DataType.Name(kind)).lower()


def _in_version(
    node: onnx.NodeProto, version: int, written: int, constants: Constants, types: Mapping[str, str]
) -> list[onnx.NodeProto] | None:
    """A node as this version writes it, or None where it does not know it, or not for such types."""
    new = defs.get_schema(node.op_type, written)
    try:
        old = defs.get_schema(node.op_type, version)
    except defs.SchemaError:
        return None
    if old.since_version == new.since_version:
        return [node]
    if node.op_type not in OLDER_FORMS:
        return None
    for place, name in enumerate(node.input):
        allowed = old.inputs[min(place, len(old.inputs) - 1)].types
        if name and types.get(name) not in allowed and place < len(old.inputs):
            return None
    return OLDER_FORMS[node.op_type](node, constants)


def _settings(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _same(node: onnx.NodeProto, _constants: Constants) -> list[onnx.NodeProto] | None:
    """For operators of which later versions only take more types."""
    return [node]


def _without(**defaults: Any) -> Older:
    """For operators that got attributes, which must have their defaults here."""

    def older(node: onnx.NodeProto, _constants: Constants) -> list[onnx.NodeProto] | None:
        settings = _settings(node)
        if any(settings.get(name, default) != default for name, default in defaults.items()):
            return None
        result = onnx.NodeProto()
        result.CopyFrom(node)
        del result.attribute[:]
        result.attribute.extend(attribute for attribute in node.attribute if attribute.name not in defaults)
        return [result]

    return older


def _pad(node: onnx.NodeProto, _constants: Constants) -> list[onnx.NodeProto] | None:
    known = _settings(node).get("mode", b"constant") in (b"constant", b"reflect", b"edge")
    return [node] if known and len(node.input) <= 3 else None  # the fourth says which axes


def _reduce(node: onnx.NodeProto, constants: Constants) -> list[onnx.NodeProto] | None:
    settings = _settings(node)
    axes = constants.get(node.input[1]) if len(node.input) > 1 else None
    if settings.pop("noop_with_empty_axes", 0) or axes is None or not axes.size:
        return None
    settings["axes"] = axes.tolist()
    return [helper.make_node(node.op_type, node.input[:1], node.output, name=node.name, **settings)]


def _shape(node: onnx.NodeProto, _constants: Constants) -> list[onnx.NodeProto] | None:
    settings = _settings(node)
    (output,) = node.output
    if not settings:
        return [node]
    whole, bounds = f"{output}_whole", [f"{output}_{name}" for name in ("start", "end")]
    ends = [settings.get("start", 0), settings.get("end", np.iinfo(np.int64).max)]
    return [
        helper.make_node("Shape", node.input, [whole]),
        *(
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array([end], np.int64)))
            for name, end in zip(bounds, ends, strict=True)
        ),
        helper.make_node("Slice", [whole, *bounds], [output], name=node.name),
    ]


OLDER_FORMS: dict[str, Older] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Relu", "LeakyRelu", "PRelu", "Identity"), _same),
    **dict.fromkeys(("Where", "LessOrEqual", "GreaterOrEqual"), _same),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2"), _reduce),
    **dict.fromkeys(("ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"), _reduce),
    "BatchNormalization": _without(training_mode=0),
    "Pad": _pad,
    "Reshape": _without(allowzero=0),
    "Resize": _without(antialias=0, keep_aspect_ratio_policy=b"stretch"),
    "Shape": _shape,
}
