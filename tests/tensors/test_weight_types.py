"""Weights of a type that torch would convert without a word are refused by name."""

import pytest
import torch

from i2i.errors import CheckpointError
from i2i.tensors.weight_types import require_types

EXPECTED = {"weight": torch.zeros(2), "count": torch.zeros((), dtype=torch.int64)}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_16_bits_and_more_stand_for_each_other(kind):
    require_types({"weight": torch.zeros(2, dtype=kind)}, EXPECTED, "weights.pth, G_A")


def test_a_key_that_nobody_expects_is_somebody_else_s_to_find():
    require_types({"other": torch.zeros(2, dtype=torch.complex64)}, EXPECTED, "weights.pth, G_A")


@pytest.mark.parametrize(
    ("tensor", "found"),
    [
        (torch.zeros(2, dtype=torch.int8), "int8"),
        (torch.zeros(2, dtype=torch.bool), "bool"),
        (torch.zeros(2, dtype=torch.complex64), "complex64"),
        (torch.zeros(2).to(torch.float8_e4m3fn), "float8_e4m3fn"),
        (torch.zeros(2).to_sparse(), "a sparse_coo tensor of float32"),
        (torch.zeros(2, device="meta"), "without values (on torch's device meta)"),
    ],
    ids=["int8", "bool", "complex", "float8", "sparse", "meta"],
)
def test_everything_else_is_named_with_its_file(tensor, found):
    with pytest.raises(CheckpointError) as raised:
        require_types({"weight": tensor}, EXPECTED, "weights.pth, G_A")
    assert str(raised.value).startswith(f"weights.pth, G_A: weight is {found}")
    assert "expected float16 or bfloat16 or float32 or float64" in str(raised.value)


def test_a_count_is_a_whole_number():
    require_types({"count": torch.tensor(3, dtype=torch.int32)}, EXPECTED, "x")
    with pytest.raises(CheckpointError, match="count is float32; expected int64 or int32 or uint8 or bool"):
        require_types({"count": torch.tensor(3.0)}, EXPECTED, "x")
