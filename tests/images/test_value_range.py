"""Values of files become numbers in [-1, 1] and come back, whatever their type."""

import numpy as np
import pytest

from i2i.images.value_range import TYPES, ValueRange


@pytest.mark.parametrize("text", ["0:4095", "-1.5:2.25", "-146.86666870117188:134.31666564941406", "0:1e+300"])
def test_a_range_reads_back_as_it_is_written(text):
    values = ValueRange.parse(text)
    assert ValueRange.parse(str(values)) == values


@pytest.mark.parametrize("text", ["", "0", "1:0", "0:0", "0:inf", "nan:1", "a:b", "0:1:2"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="must be two numbers, the lower first, such as 0:4095; got "):
        ValueRange.parse(text)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_comes_back(kind):
    values = ValueRange.of_type(kind)
    samples = np.linspace(values.low, values.high, 6 * 5 * 2).reshape(6, 5, 2).astype(kind)
    unit = values.to_unit(samples)
    assert (unit.dtype, unit.shape, unit.min(), unit.max()) == (np.float32, (2, 6, 5), -1, 1)
    back = values.from_unit(unit, kind)
    assert back.dtype == kind
    off = np.abs(back.astype(float) - samples.astype(float)).max() / (values.high - values.low)
    assert off <= (0 if kind in ("uint8", "int8", "uint16", "int16") else 1e-3 if kind == "float16" else 1e-7)


def test_values_outside_are_cut():
    values = ValueRange(100, 200)
    unit = values.to_unit(np.array([[[0], [100], [150], [200], [65535]]], np.uint16))
    assert unit.ravel().tolist() == [-1, -1, 0, 1, 1]
    assert values.from_unit(np.float32([[[-3, 0, 3]]]), "int16").ravel().tolist() == [100, 150, 200]
    assert not values.holds(0, 150)
    assert values.holds(100, 200)


def test_what_the_type_cannot_hold_is_its_end():
    assert ValueRange(-10, 300).from_unit(np.float32([[[-1, 1]]]), "uint8").ravel().tolist() == [0, 255]
