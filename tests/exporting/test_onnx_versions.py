"""A file asks for no later version of ONNX than its operators need."""

import onnx
import pytest
from onnx import TensorProto, helper

from i2i.exporting.onnx_versions import least_versions

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


def test_operators_that_need_a_later_version_get_it():
    def model(*nodes, inputs=(), element=TensorProto.FLOAT):
        x = helper.make_tensor_value_info("x", element, [1, 2, "h", "w"])
        y = helper.make_tensor_value_info("y", element, [None] * 4)
        graph = helper.make_graph(nodes, "g", [x], [y], list(inputs))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])

    def version(made):
        least_versions(made)
        onnx.checker.check_model(made, full_check=True)
        return made.opset_import[0].version, made.ir_version

    assert version(model(helper.make_node("Relu", ["x"], ["y"]))) == (13, 7)
    assert version(model(helper.make_node("Relu", ["x"], ["y"]), element=TensorProto.INT16)) == (14, 7)
    assert version(model(helper.make_node("Mish", ["x"], ["y"]))) == (18, 8)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [3])
    assert version(model(helper.make_node("ReduceMean", ["x", "axes"], ["y"]), inputs=[axes])) == (13, 7)
    pads = helper.make_tensor("pads", TensorProto.INT64, [2], [1, 1])
    on_axes = helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"], mode="reflect")
    assert version(model(on_axes, inputs=[pads, axes])) == (18, 8)
