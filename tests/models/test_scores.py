"""Metrics are named and written in one way, and JSON, which has no infinity, gives them back."""

import json
import math

import pytest

from i2i.evaluation.pairs import PairMetrics
from i2i.models.scores import (
    AGAINST_TRUTH,
    BASELINE,
    METRICS,
    metrics_from_json,
    metrics_to_json,
    score_of,
    values_from_json,
    values_to_json,
)


@pytest.mark.parametrize(
    ("name", "heading", "text", "direction"),
    [
        ("l1", "L1, 0 to 255", "18.04", "lower"),
        ("psnr", "PSNR, dB", "18.04 dB", "higher"),
        ("ssim", "SSIM", "18.0400", "higher"),
        ("kid", "KID", "18.04000", "lower"),
    ],
)
def test_a_metric_is_written_with_what_it_takes_to_read_it(name, heading, text, direction):
    metric = METRICS[name]
    assert (metric.heading, metric.text(18.04), metric.direction) == (heading, text, direction)


def test_the_psnr_of_equal_images_is_infinite():
    assert METRICS["psnr"].text(math.inf) == "inf dB"
    assert METRICS["psnr"].number(math.inf) == "inf"


def test_what_is_measured_against_the_truth_is_in_the_table():
    import torch

    metrics, images = PairMetrics(), torch.zeros(1, 3, 16, 16)
    metrics.update(images, images, images)
    assert metrics.compute().keys() - {"images"} == {
        f"{prefix}{name}" for name in AGAINST_TRUTH for prefix in ("", BASELINE)
    }
    assert set(AGAINST_TRUTH) < set(METRICS)


def test_json_gives_infinity_back():
    values = {"l1": 0.0, "psnr": math.inf, "identity_psnr": math.inf, "ssim": 1.0, "images": 2}
    stored = json.dumps(values_to_json(values), allow_nan=False)
    assert values_from_json(json.loads(stored)) == values
    both = {"AtoB": values, "BtoA": {}}
    assert metrics_from_json(json.loads(json.dumps(metrics_to_json(both), allow_nan=False))) == both


def test_null_where_no_infinity_can_be_meant_is_left_out():
    assert values_from_json({"l1": None, "somebodys": None, "psnr": None}) == {"psnr": math.inf}


def test_the_score_is_the_truths_where_it_is_known_and_else_the_cycles():
    both = {"AtoB": {"l1": 2.0, "cycle_l1": 7.0}, "BtoA": {"l1": 4.0, "cycle_l1": 9.0}}
    assert score_of(both) == 3
    assert score_of({way: {"cycle_l1": values["cycle_l1"]} for way, values in both.items()}) == 8
    assert score_of({"AtoB": {}}) is None
