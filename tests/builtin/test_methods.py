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
    ],
)
def test_pairing(name, options, pairing):
    spec = SPEC[name]
    assert spec.pairing(spec.options(**options)) == pairing


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
@pytest.mark.parametrize(("name", "option"), [("cyclegan", "lambda_A"), ("pix2pix", "lambda_L1")])
def test_a_weight_is_a_number_from_zero_on(name, option, value):
    with pytest.raises(ValidationError, match=option):
        SPEC[name].options(**{option: value})
