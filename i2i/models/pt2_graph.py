"""Checking the graph of a ``.pt2`` archive, which is JSON, against what weights and PyTorch's own operators need.

torch looks operators up by dotted names, evaluates the formulas of sizes as Python, and writes the names of values into
the source of a function. So each text of the graph is checked by what it is used for: names are identifiers, operators
are PyTorch's own and touch no files, formulas are arithmetic. What only serves people or further training, such
as the lines of source that an operator is from, is left out.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Mapping
from typing import Any

import torch

from i2i.tensors.torch_private import arguments_of, is_dispatched, is_overload

_WORDS = re.compile(r"[\w.+\-]*")
_OPERATOR = re.compile(r"torch\.ops\.(aten|prims)\.(\w+)\.(\w+)")
_OF_PYTHON = frozenset(
    f"_operator.{name}"
    for name in (
        *("add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lt", "mod", "mul", "ne", "neg", "or_", "pos"),
        *("sub", "truediv"),
    )
) | frozenset({"math.trunc", *(f"torch.sym_{name}" for name in ("float", "int", "ite", "max", "min", "not"))})
"""What is computed with sizes; powers and shifts, whose results can be as large as memory, are not."""
_OF_HIGHER_ORDER = frozenset(
    f"torch.ops.higher_order.{name}" for name in ("cond", "wrap_with_autocast", "wrap_with_set_grad_enabled")
)
"""Blocks inside a graph; the graphs in them are checked like the one around them."""
_OF_FILES = frozenset({"filename"})
"""Arguments of operators that name files."""
_LEFT_OUT: Mapping[str, Any] = {"metadata": {}, "guards_code": []}
_IDENTIFIERS = frozenset({"name", "as_name", "forward_arg_names"})
_FREE = frozenset({"as_string", "as_strings"})
"""Arguments such as a kind of padding; torch quotes them."""
_OBJECTS = frozenset({"as_custom_obj", "custom_obj", "custom_obj_values", "treespec_namedtuple_fields"})
_CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")

_FUNCTIONS = frozenset(
    {
        *("Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Max", "Min", "Mod", "Abs", "And", "Or"),
        *("Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "LessThan", "StrictLessThan"),
        *("GreaterThan", "StrictGreaterThan", "floor", "ceiling", "Piecewise", "ExprCondPair", "FloorDiv"),
        *("ModularIndexing", "Where", "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv", "FloatTrueDiv"),
        *("IntTrueDiv", "IsNonOverlappingAndDenseIndicator", "TruncToFloat", "TruncToInt", "RoundToInt"),
        *("RoundDecimal", "ToFloat", "Identity"),
    }
)
"""Of sympy, and of torch's own additions to it."""
_CONSTANTS = frozenset({"true", "false", "oo", "int_oo"})
_SIZE = re.compile(r"[a-z]{1,3}\d+")
_SYNTAX = (
    *(ast.Expression, ast.Load, ast.keyword, ast.Tuple, ast.UnaryOp, ast.USub, ast.UAdd, ast.Invert, ast.BinOp),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)
_LONGEST_FORMULA = 10_000
_MOST_POWERS = 8
_LARGEST_NUMBER = 2**63


class NeedsTrustError(Exception):
    """A file holds something that could run code when it is loaded. The message says what."""


def check_graph(program: Mapping[str, Any]) -> dict[str, Any]:
    """Return the program without what is not needed to compute.

    Args:
        program: ``models/model.json`` of an archive.

    Raises:
        NeedsTrustError: it holds something that could run code.
        ValueError: it has an operator that this torch lacks.
    """
    checked = _check(program, "")
    assert isinstance(checked, dict)
    return checked


def check_strings(described: Any) -> None:
    """Check a description of tensors, which has names and sizes alone; raises as :func:`check_graph`."""
    _check(described, "")


def _check(value: Any, key: str) -> Any:
    if key in _LEFT_OUT:
        return _LEFT_OUT[key]
    if key in _OBJECTS and value:
        raise NeedsTrustError(f"it has objects of Python or C++ ({key})")
    if isinstance(value, Mapping):
        for name in value:
            _check_text(name, "")
        return {name: _check(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_check(item, key) for item in value]
    if isinstance(value, str):
        _check_text(value, key)
    return value


def _check_text(text: str, key: str) -> None:
    if key in _FREE:
        return
    if key in ("target", "as_operator"):
        _check_operator(text)
    elif key == "expr_str":
        _check_formula(text)
    elif key in ("in_spec", "out_spec"):
        _check_containers(json.loads(text)[1])
    elif key in _IDENTIFIERS:
        if text and (not text.isidentifier() or keyword.iskeyword(text)):
            raise NeedsTrustError(f"{_short(text)} is used as a name")
    elif not _WORDS.fullmatch(text):
        raise NeedsTrustError(f"{_short(text)} is used as {key or 'a key'}")


def _check_operator(name: str) -> None:
    if name in _OF_PYTHON or name in _OF_HIGHER_ORDER:
        return
    found = _OPERATOR.fullmatch(name)
    if found is None:
        raise NeedsTrustError(f"{_short(name)} is not an operator of PyTorch's own")
    library, packet, overload = found.groups()
    try:
        operator = getattr(getattr(getattr(torch.ops, library), packet), overload)
    except AttributeError as error:
        raise ValueError(f"torch {torch.__version__} has no operator {name}") from error
    if not is_overload(operator) or not is_dispatched(operator):
        raise NeedsTrustError(f"{name} is not an operator of tensors")
    if any(argument.name in _OF_FILES for argument in arguments_of(operator) or ()):
        raise NeedsTrustError(f"{name} opens files")


def _check_containers(spec: Mapping[str, Any]) -> None:
    """Check how the arguments and results are nested; their types are found by name."""
    context = json.loads(spec["context"]) if isinstance(spec["context"], str) else spec["context"]
    keys = context or []
    if spec["type"] not in _CONTAINERS or not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise NeedsTrustError(f"it takes or gives {_short(str(spec['type']))}")
    for key in keys:
        _check_text(key, "")
    for child in spec["children_spec"]:
        _check_containers(child)


def _check_formula(text: str) -> None:
    if len(text) > _LONGEST_FORMULA:
        raise NeedsTrustError(f"a formula of {len(text)} characters")
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise NeedsTrustError(f"{_short(text)} is not a formula") from error
    powers = 0
    for node in nodes:
        if isinstance(node, ast.Call):
            good = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
            if good and node.func.id == "Pow":  # type: ignore[attr-defined]
                powers += 1
                good = len(node.args) == 2 and ast.unparse(node.args[1]) in ("Integer(-1)", "Integer(2)")
        elif isinstance(node, ast.Name):
            good = node.id in _FUNCTIONS or node.id in _CONSTANTS or _SIZE.fullmatch(node.id) is not None
        elif isinstance(node, ast.Constant):
            good = _is_plain(node.value)
        else:
            good = isinstance(node, _SYNTAX)
        if not good or powers > _MOST_POWERS:
            raise NeedsTrustError(f"{_short(text)} is not a formula of sizes")


def _is_plain(value: object) -> bool:
    """Whether a constant is a number that fits a size, a truth value, or the name of a size."""
    if isinstance(value, str):
        return _SIZE.fullmatch(value) is not None
    return isinstance(value, bool | int | float) and abs(value) < _LARGEST_NUMBER


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
