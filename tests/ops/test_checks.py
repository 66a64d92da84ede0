"""What the operators refuse, and that the words name the argument, what is wanted and what came."""

import pytest
import torch

from i2i.ops import checks

X = torch.zeros(1, 4, 8, 6)
HALF = X.bfloat16()


@pytest.mark.parametrize("dtype", checks.FLOATING)
def test_images_of_every_floating_type_are_taken(dtype):
    checks.require_planes("x", X.to(dtype))


@pytest.mark.parametrize(
    ("check", "arguments", "error", "message"),
    [
        ("one_of", ("act", "tanh", ("a", "b")), ValueError, "act must be one of 'a', 'b'; got 'tanh'"),
        ("planes", ("x", [1]), TypeError, "x must be a tensor; got list"),
        ("planes", ("x", X.int()), TypeError, "x must be float16, bfloat16, float32 or float64; got torch.int32"),
        ("planes", ("x", X[0]), ValueError, r"x must have shape \[N, C, H, W\]; got \[4, 8, 6\]"),
        ("parameter", ("w", None, [4], X), TypeError, "w must be a tensor; got NoneType"),
        (
            "parameter",
            ("w", X, [4], X),
            ValueError,
            r"w must have shape \[4\] for x with 4 channels; got \[1, 4, 8, 6\]",
        ),
        ("parameter", ("w", HALF[0, :, 0, 0], [4], X), TypeError, "dtype torch.float32, the dtype of x; got"),
        ("parameter", ("w", X[0, :, 0, 0].double(), [4], HALF), TypeError, "the dtype of x, or torch.float32; got"),
        ("parameter", ("w", X[0, :, 0, 0].to("meta"), [4], X), ValueError, "must be on cpu, the device of x; got meta"),
        ("epsilon", (True,), TypeError, "eps must be a number; got True"),
        ("epsilon", ("1",), TypeError, "eps must be a number; got '1'"),
        ("epsilon", (-1e-9,), ValueError, "eps must be at least 0; got -1e-09"),
        ("padding", (True, X), TypeError, "pad must be an integer; got True"),
        ("padding", (-1, X), ValueError, "pad must be at least 0; got -1"),
        ("padding", (6, X), ValueError, "pad must be less than height and width of x to reflect it; got 6 for 8x6"),
        ("many_values", (torch.zeros(2, 4, 1, 1),), ValueError, r"got \[2, 4, 1, 1\]; use larger images, or no norm"),
    ],
)
def test_what_is_wrong_is_said(check, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(checks, f"require_{check}")(*arguments)


def test_a_scale_and_a_shift_come_together():
    given = torch.ones(4)
    checks.require_affine(("weight", "bias"), None, None, X)
    checks.require_affine(("weight", "bias"), given, given, HALF)
    for weight, bias, words in ((given, None, "weight without bias"), (None, given, "bias without weight")):
        with pytest.raises(ValueError, match=f"weight and bias must be given together; got {words}"):
            checks.require_affine(("weight", "bias"), weight, bias, X)


def test_the_least_and_the_most_that_is_right_are_taken():
    checks.require_epsilon(0)
    checks.require_padding(5, X)
    checks.require_padding(0, torch.zeros(1, 1, 0, 0))
    checks.require_many_values(torch.zeros(1, 1, 1, 2))
