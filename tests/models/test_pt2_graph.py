"""The texts of a graph are taken for what torch will do with them."""

import json

import pytest

from i2i.models.pt2_graph import NeedsTrustError, check_graph, check_strings


@pytest.mark.parametrize(
    "operator",
    [
        "torch.ops.aten.convolution.default",
        "torch.ops.prims.convert_element_type.default",
        "_operator.add",
        "torch.sym_max",
    ],
)
def test_operators_of_tensors_and_arithmetic_of_sizes(operator):
    assert check_graph({"nodes": [{"target": operator}]}) == {"nodes": [{"target": operator}]}


@pytest.mark.parametrize(
    ("operator", "said"),
    [
        ("os.system", "is not an operator of PyTorch's own"),
        ("torch.ops.mine.op.default", "is not an operator of PyTorch's own"),
        ("_operator.pow", "is not an operator of PyTorch's own"),
        ("torch.ops.aten.from_file.default", "opens files"),
    ],
)
def test_other_operators_need_trust(operator, said):
    with pytest.raises(NeedsTrustError, match=said):
        check_graph({"target": operator})


def test_an_operator_that_this_torch_lacks():
    with pytest.raises(ValueError, match=r"has no operator torch\.ops\.aten\.levitate\.default"):
        check_graph({"target": "torch.ops.aten.levitate.default"})


@pytest.mark.parametrize(
    "formula", ["s0", "2*s0 + 1", "Max(1, s0//4)", "Mul(Integer(2), Symbol('s0'))", "Pow(s0, Integer(2))", "s0 <= 4"]
)
def test_arithmetic_of_sizes(formula):
    assert check_graph({"expr_str": formula}) == {"expr_str": formula}


@pytest.mark.parametrize(
    "formula",
    ["__import__('os')", "s0.real", "open('x')", "Pow(s0, Integer(9999))", "s0**s0", "9**9", "1 +", "(lambda: 1)()",
     f"s0 + {2**63}", "s0 + " * 3000 + "1", "*".join(["Pow(s0, Integer(2))"] * 9), "'text'"],
)  # fmt: skip
def test_other_formulas_need_trust(formula):
    with pytest.raises(NeedsTrustError, match="formula"):
        check_graph({"expr_str": formula})


@pytest.mark.parametrize("name", ["a b", "x;y", "class", "1st", "a.b"])
def test_names_become_names_in_the_source_of_a_function(name):
    with pytest.raises(NeedsTrustError, match="is used as a name"):
        check_graph({"name": name})
    check_graph({"name": "conv2d_3", "as_name": ""})


def test_objects_of_python_need_trust_and_an_empty_place_for_them_does_not():
    check_graph({"custom_obj_values": {}})
    with pytest.raises(NeedsTrustError, match=r"objects of Python or C\+\+ \(custom_obj\)"):
        check_graph({"custom_obj": {"class": "x"}})


@pytest.mark.parametrize(("kind", "fits"), [("builtins.tuple", True), ("builtins.dict", True), ("os.PathLike", False)])
def test_results_are_nested_in_plain_containers(kind, fits):
    spec = json.dumps([1, {"type": kind, "context": "null", "children_spec": []}])
    if fits:
        check_graph({"out_spec": spec})
        return
    with pytest.raises(NeedsTrustError, match=r"it takes or gives 'os\.PathLike'"):
        check_graph({"out_spec": spec})


def test_remarks_for_people_are_left_out_and_paddings_are_texts():
    assert check_graph({"metadata": {"stack_trace": "File x; y"}, "guards_code": ["any()"]}) == {
        "metadata": {},
        "guards_code": [],
    }
    check_graph({"as_string": "reflect; whatever"})


def test_descriptions_of_tensors_are_names_and_sizes():
    check_strings({"path_name": "weight_0", "sizes": [1, 2]})
    with pytest.raises(NeedsTrustError, match="'a b' is used as path_name"):
        check_strings({"path_name": "a b"})
