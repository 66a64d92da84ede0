"""Values of single images: the interval of their mean, their order, and a table."""

import csv
import math

import numpy as np
import pytest

from i2i.evaluation.per_image import PerImage, interval


def test_the_interval_is_that_of_the_normal_approximation_where_that_holds():
    values = np.random.default_rng(7).normal(20, 3, size=400)
    low, high = interval(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)
    assert interval(values) == (low, high), "always the same"


def test_one_outlier_widens_it_to_its_own_side():
    low, high = interval([10.0] * 9 + [110.0])
    assert low == 10
    assert high > 30


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0, 4.0], [math.inf, 1.0, 2.0, 3.0, 4.0, 5.0]])
def test_too_few_images_or_an_infinite_value_have_none(values):
    assert interval(values) is None


def test_images_are_ranked_from_the_worst_to_the_best():
    found = PerImage("abc", {"l1": [3.0, 9.0, 1.0], "psnr": [20.0, 10.0, math.inf]})
    assert found.ranked("l1", better=-1) == [1, 0, 2]
    assert found.ranked("psnr", better=1) == [1, 0, 2]


def test_the_table_is_read_back():
    found = PerImage(["a, b", "c"], {"l1": [3.25, 0.0], "psnr": [20.0, math.inf]})
    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert [row["name"] for row in rows] == ["a, b", "c"]
    assert [float(row["psnr"]) for row in rows] == [20.0, math.inf]
    assert float(rows[0]["l1"]) == 3.25
