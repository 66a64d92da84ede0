"""Writing a traced program as an ONNX file: small, quick, and for as old a runtime as its operators allow.

What PyTorch's exporter gives is simplified here: its remarks on where each operator came from go, upsampling and the
convolution after it become one operator, the large convolution that makes the image two thin ones, and filters that
float16 holds are stored as float16.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from torch.export import ExportedProgram

from i2i._version import __version__
from i2i.exporting.half_filters import holds_in_half
from i2i.exporting.onnx_norm import write_exact_norms
from i2i.exporting.onnx_versions import least_versions
from i2i.models import exported_record as metadata

OPSET = 18
"""The one that PyTorch writes; the file says an older one if that is enough."""
THIN_OUTPUTS = 32
"""As many channels as the columns of a split convolution may make: two vectors of 16, as runtimes compute them."""
TANH_BOUNDS = {"tanh_least": -20, "tanh_most": 20}


def write_onnx(program: ExportedProgram, path: Path, about: str, open_places: Mapping[int, str]) -> None:
    """Write a program as an ONNX file.

    Args:
        program: from images to images.
        path: the file.
        about: what it is, for its metadata.
        open_places: the names of the input's dimensions that stay open.
    """
    converted: Any = torch.onnx.export(
        program,
        (),
        dynamo=True,
        opset_version=OPSET,
        input_names=[metadata.INPUT],
        output_names=[metadata.OUTPUT],
        dynamic_shapes=(dict(open_places) or None,),
        verbose=False,
    )
    model: onnx.ModelProto = converted.model_proto
    model.producer_name, model.producer_version = "i2i", __version__
    write_exact_norms(model.graph)
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    model.metadata_props.add(key=metadata.KEY, value=about)
    _join_upsampling(model.graph)
    _split_thin_convolutions(model.graph)
    _bound_tanh(model.graph)
    least_versions(model)
    _drop_unused(model.graph)
    _store_halves(model.graph)
    onnx.save(model, path)


def _bound_tanh(graph: onnx.GraphProto) -> None:
    """Keep what goes into tanh below where OpenCV's gives NaN, 44.4; from 10 on it is 1 in float32.

    ``Clip`` becomes part of the convolution before it in runtimes, ``Min`` does not; ONNX Runtime's passes NaN on.
    """
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "Tanh":
            (given,) = node.input
            nodes.append(helper.make_node("Clip", [given, *TANH_BOUNDS], [f"{given}_bounded"]))
            node.input[0] = f"{given}_bounded"
        nodes.append(node)
    if len(nodes) > len(graph.node):
        graph.initializer.extend(
            numpy_helper.from_array(np.array(bound, np.float32), name) for name, bound in TANH_BOUNDS.items()
        )
    del graph.node[:]
    graph.node.extend(nodes)


def _store_halves(graph: onnx.GraphProto) -> None:
    """Store filters that float16 holds as such; runtimes widen them once, when they open the file."""
    widened = []
    for stored in graph.initializer:
        values = numpy_helper.to_array(stored)
        if values.dtype == np.float32 and holds_in_half(torch.from_numpy(values.copy())):
            name = f"{stored.name}_half"
            widened.append(helper.make_node("Cast", [name], [stored.name], to=onnx.TensorProto.FLOAT))
            stored.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _join_upsampling(graph: onnx.GraphProto) -> None:
    """Make one transposed convolution of doubling by repetition and a zero-padded 3x3 convolution.

    Of the nine pixels that the convolution reads, at most four differ: the same takes less than half the products.
    """
    constants = {stored.name: numpy_helper.to_array(stored) for stored in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        resize = makers.get(node.input[0]) if node.op_type == "Conv" else None
        if (
            resize is None
            or not _doubles(resize, constants)
            or readers[node.input[0]] > 1
            or not _is_plain_3x3(node, constants)
        ):
            nodes.append(node)
            continue
        nodes.remove(resize)
        name = f"{node.input[1]}_doubling"
        graph.initializer.append(numpy_helper.from_array(_for_doubling(constants[node.input[1]]), name))
        nodes.append(
            helper.make_node(
                "ConvTranspose",
                [resize.input[0], name, *node.input[2:]],
                list(node.output),
                name=node.name,
                kernel_shape=[4, 4],
                strides=[2, 2],
                pads=[1, 1, 1, 1],
            )
        )
    del graph.node[:]
    graph.node.extend(nodes)


def _split_thin_convolutions(graph: onnx.GraphProto) -> None:
    """Make two of a large convolution to few channels, such as the 7x7 one that makes the image.

    Runtimes compute 16 channels at a time: for an image of three, 13 of them for nothing. One convolution down the
    image with every column of the filters as a filter of its own, and one across it that shifts and adds what they
    give, are the same sums for half the products or less.
    """
    constants = {stored.name: numpy_helper.to_array(stored) for stored in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != "Conv" or not _is_plain(node, constants) or not _is_thin(constants[node.input[1]]):
            nodes.append(node)
            continue
        top, left, bottom, right = _settings(node).get("pads", (0, 0, 0, 0))
        name = node.output[0]
        between, columns, shifts = f"{name}_between", f"{name}_columns", f"{name}_shifts"
        stored = zip(_by_columns(constants[node.input[1]]), (columns, shifts), strict=True)
        graph.initializer.extend(numpy_helper.from_array(*each) for each in stored)
        nodes += [
            helper.make_node("Conv", [node.input[0], columns], [between], between, pads=[top, 0, bottom, 0]),
            helper.make_node("Conv", [between, shifts, *node.input[2:]], [name], node.name, pads=[0, left, 0, right]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Leave out constants that nothing reads any more."""
    used = {name for node in graph.node for name in node.input}
    kept = [stored for stored in graph.initializer if stored.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _doubles(node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> bool:
    settings = _settings(node)
    scales = constants.get(node.input[2]) if node.op_type == "Resize" and len(node.input) == 3 else None
    return (
        scales is not None
        and scales.tolist() == [1, 1, 2, 2]
        and settings.get("mode") == b"nearest"
        and settings.get("coordinate_transformation_mode") == b"asymmetric"
        and settings.get("nearest_mode") == b"floor"
    )


def _is_plain_3x3(node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> bool:
    return (
        _is_plain(node, constants)
        and constants[node.input[1]].shape[2:] == (3, 3)
        and list(_settings(node).get("pads", ())) == [1] * 4
    )


def _is_plain(node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> bool:
    """A convolution of images, of every pixel and channel, whose filters are in the file."""
    settings = _settings(node)
    filters = constants.get(node.input[1])
    return (
        filters is not None
        and filters.ndim == 4
        and all(list(settings.get(name, (1, 1))) == [1, 1] for name in ("strides", "dilations"))
        and settings.get("group", 1) == 1
        and settings.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _settings(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _is_thin(filters: npt.NDArray[Any]) -> bool:
    outputs, _, height, width = filters.shape
    return bool(min(height, width) >= 5 and outputs * width <= THIN_OUTPUTS)


def _by_columns(filters: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """From ``[out, in, H, W]`` to its columns, ``[out * W, in, H, 1]``, and their shifts, ``[out, out * W, 1, W]``."""
    outputs, inputs, height, width = filters.shape
    columns = filters.transpose(0, 3, 1, 2).reshape(outputs * width, inputs, height, 1)
    shifts = np.zeros((outputs, outputs, width, 1, width), filters.dtype)
    for output in range(outputs):
        shifts[output, output, :, 0, :] = np.eye(width)
    return columns, shifts.reshape(outputs, outputs * width, 1, width)


def _for_doubling(filters: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """From ``[out, in, 3, 3]`` for the doubled image to ``[in, out, 4, 4]``, transposed, for the image itself."""
    mirrored = filters.astype(np.float64).transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    sums = np.zeros((*mirrored.shape[:2], 4, 4))
    for down in (0, 1):
        for across in (0, 1):
            sums[:, :, down : down + 3, across : across + 3] += mirrored
    return sums.astype(np.float32)
