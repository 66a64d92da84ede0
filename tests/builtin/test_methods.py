"""Which images a method needs follows from its options."""

import pytest
from pydantic import ValidationError

from i2i.builtin.methods import SPECS

SPEC = {spec.name: spec for spec in SPECS}


@pytest.mark.parametrize(
    ("name", "options", "pairing"),
    [
        ("cyclegan", {}, "unpaired"),
        ("cyclegan", {"lambda_paired": 1.0}, "partners"),
        ("pix2pix", {}, "paired"),
        ("cut", {}, "unpaired"),
        ("fastcut", {}, "unpaired"),
        ("asp", {}, "paired"),
    ],
)
def test_pairing(name, options, pairing):
    spec = SPEC[name]
    assert spec.pairing(spec.options(**options)) == pairing


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
@pytest.mark.parametrize(
    ("name", "option"), [("cyclegan", "lambda_A"), ("pix2pix", "lambda_L1"), ("cut", "lambda_NCE")]
)
def test_a_weight_is_a_number_from_zero_on(name, option, value):
    with pytest.raises(ValidationError, match=option):
        SPEC[name].options(**{option: value})


def test_cut_and_fastcut_are_one_method_with_the_papers_two_settings():
    cut, fastcut = (SPEC[name].options().model_dump() for name in ("cut", "fastcut"))
    differing = {name: (cut[name], fastcut[name]) for name in cut if cut[name] != fastcut[name]}
    assert differing == {
        "lambda_NCE": (1.0, 10.0),
        "nce_identity": (True, False),
        "flip_equivariance": (False, True),
    }
    assert (cut["temperature"], cut["patches"], cut["projection_channels"]) == (0.07, 256, 256)
