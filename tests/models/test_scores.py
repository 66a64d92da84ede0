"""Metrics are named and written in one way, and JSON, which has no infinity, gives them back."""

import json
import math

import pytest

from i2i.config.sections import USUAL_METRICS
from i2i.models.scores import (
    IDENTITY,
    OTHER_SETS,
    STANDARD_SETS,
    WITHOUT_TRUTH,
    metrics_from_json,
    metrics_to_json,
    score_of,
    table_of,
    values_from_json,
    values_to_json,
)
from i2i.plugins import MetricSpec

from ..helpers.metrics import MANAGER, pair_metrics, plugins_with

METRICS = table_of(MANAGER)
OWN = {*USUAL_METRICS, *STANDARD_SETS, *OTHER_SETS, *WITHOUT_TRUTH, "cycle_l1"}


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

    metrics, images = pair_metrics(), torch.zeros(1, 3, 16, 16)
    metrics.update(images, images, images)
    assert metrics.compute().keys() - {"images"} == {
        f"{prefix}{name}" for name in USUAL_METRICS for prefix in ("", IDENTITY.prefix)
    }
    assert set(USUAL_METRICS) < set(METRICS)


def test_json_gives_infinity_back():
    values = {"l1": 0.0, "psnr": math.inf, "identity_psnr": math.inf, "ssim": 1.0, "images": 2}
    stored = json.dumps(values_to_json(values), allow_nan=False)
    assert values_from_json(json.loads(stored)) == values
    both = {"AtoB": values, "BtoA": {}}
    assert metrics_from_json(json.loads(json.dumps(metrics_to_json(both), allow_nan=False))) == both


def test_null_where_no_infinity_can_be_meant_is_left_out():
    assert values_from_json({"l1": None, "identity_ssim": None, "psnr": None}) == {"psnr": math.inf}


def test_infinity_of_a_plugins_metric_is_given_back_too():
    assert values_from_json({"somebodys": None, "identity_somebodys": 3.0}) == {
        "somebodys": math.inf,
        "identity_somebodys": 3.0,
    }


def test_a_plugins_metric_stands_behind_those_of_its_family():
    def oak(name, family):
        return MetricSpec(name=name, summary="A tree.", family=family, better="lower", build=len)

    table = table_of(plugins_with(oak("oak", "pairs"), oak("ash", "sets")))
    assert [name for name in table if name in OWN or name in ("oak", "ash")] == [
        *("l1", "psnr", "ssim", "oak", "cycle_l1"),
        *("fid", "kid", "frechet_distance", "kernel_distance", *WITHOUT_TRUTH, "ash"),
    ]


BOTH = {
    "AtoB": {"l1": 2.0, "psnr": 20.0, "cycle_l1": 7.0},
    "BtoA": {"l1": 4.0, "psnr": 30.0, "cycle_l1": 9.0},
}


def test_the_score_is_the_truths_where_it_is_known_and_else_the_cycles():
    assert score_of(BOTH, None, METRICS) == 3
    assert score_of({way: {"cycle_l1": values["cycle_l1"]} for way, values in BOTH.items()}, None, METRICS) == 8
    assert score_of({"AtoB": {}}, None, METRICS) is None


def test_the_score_is_that_of_the_metric_that_was_chosen_and_lower_wins():
    assert score_of(BOTH, "cycle_l1", METRICS) == 8
    assert score_of(BOTH, "psnr", METRICS) == -25
    assert score_of(BOTH, "ssim", METRICS) is None


def test_a_perfect_score_can_be_stored():
    best = score_of({"AtoB": {"psnr": math.inf}}, "psnr", METRICS)
    assert json.loads(json.dumps(best, allow_nan=False)) < -1e300


def test_without_a_truth_the_best_is_near_the_target_and_keeps_the_edges():
    def values(distance, edges, **more):
        found = {"domain_distance": distance, "identity_domain_distance": 2.0, "edge_preservation": edges}
        return {"AtoB": {**found, "cycle_l1": 3.0, **more}}

    nothing, smear, good = (score_of(values(*each), "auto", METRICS) for each in ((2.0, 1.0), (0.4, 0.3), (0.4, 0.9)))
    assert nothing == pytest.approx(1)
    assert smear == pytest.approx(0.9)
    assert good == pytest.approx(0.3)
    assert score_of(values(-0.1, 1.0), "auto", METRICS) == 0, "unbiased distances may be below zero"
    both = {**values(0.4, 0.9), "BtoA": values(2.0, 1.0)["AtoB"]}
    assert score_of(both, "auto", METRICS) == pytest.approx(0.65)
    assert score_of(values(0.4, 0.9, l1=12.0), "auto", METRICS) == 12, "a truth comes first"
    assert score_of(values(0.4, 0.9), None, METRICS) == 3, "a run of 0.1.0 goes on with the cycle"
    alike = values(0.01, 0.9, identity_domain_distance=0.02)
    assert score_of(alike, "auto", METRICS) == 3, "where the classifier sees no difference"
