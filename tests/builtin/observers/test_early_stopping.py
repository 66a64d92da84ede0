"""When early stopping asks for the end."""

import math

import pytest

import i2i
from i2i.errors import ConfigError
from i2i.plugins.protocols import ObservedRun


def watching(values, **options):
    """An observer that was told these values of l1, one evaluation each."""
    observer = i2i.create("observer", "early-stopping", **options)
    for step, value in enumerate(values):
        observer.evaluated(step, {"AtoB": {"l1": value}})
    return observer


@pytest.mark.parametrize(
    ("values", "options", "ends"),
    [
        ([3, 2, 1], {"patience": 1}, False),
        ([3, 3], {"patience": 1}, True),
        ([3, 4, 4, 2.9], {"patience": 3}, False),
        ([3, 4, 4, 3], {"patience": 3}, True),
        ([3, 2.95, 2.9], {"patience": 2, "least_gain": 0.2}, True),
        ([3, 2.9, 2.7], {"patience": 2, "least_gain": 0.2}, False),
        ([1, 2, 3], {"patience": 2, "better": "higher"}, False),
        ([3, 2, 1], {"patience": 2, "better": "higher"}, True),
        ([3, math.nan, math.nan], {"patience": 2}, True),
        ([math.nan, 3], {"patience": 2}, False),
        ([], {"patience": 1}, False),
    ],
)
def test_it_asks_for_the_end_after_so_many_evaluations_without_a_gain(values, options, ends):
    assert bool(watching(values, **options).stop()) is ends


def test_the_reason_names_metric_and_evaluations():
    assert watching([1, 2, 2], patience=2).stop() == "l1 got no better for 2 evaluations in a row"


def test_directions_count_as_their_mean():
    observer = i2i.create("observer", "early-stopping", patience=1)
    observer.evaluated(1, {"AtoB": {"l1": 2}, "BtoA": {"l1": 4}})
    observer.evaluated(2, {"AtoB": {"l1": 3}, "BtoA": {"l1": 2}})
    assert observer.stop() is None
    observer.evaluated(3, {"AtoB": {"l1": 0}, "BtoA": {"l1": 5}})
    assert observer.stop() is not None, "2.5 is no better than 2.5"


def test_a_resumed_run_counts_on_where_it_was(tmp_path):
    observer = i2i.create("observer", "early-stopping", patience=2)
    evaluations = {20: {"AtoB": {"l1": 2.0}}, 10: {"AtoB": {"l1": 1.0}}}
    observer.started(ObservedRun(tmp_path, {}, 20, evaluations))
    assert observer.stop() is None
    observer.evaluated(30, {"AtoB": {"l1": 1.5}})
    assert observer.stop() is not None


def test_a_metric_that_is_not_measured_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"step 1 was not measured by 'fid'; measured: l1, psnr"):
        i2i.create("observer", "early-stopping", metric="fid").evaluated(1, {"AtoB": {"l1": 1, "psnr": 20}})


@pytest.mark.parametrize(("metric", "ends"), [("psnr", False), ("l1", True)])
def test_the_metric_says_which_values_are_better(metric, ends):
    observer = i2i.create("observer", "early-stopping", metric=metric, patience=2)
    observer.measuring({"l1": "lower", "psnr": "higher"})
    for step, value in enumerate([1, 2, 3]):
        observer.evaluated(step, {"AtoB": {metric: value}})
    assert bool(observer.stop()) is ends


@pytest.mark.parametrize(
    ("options", "measured", "told"),
    [
        ({"metric": "psrn"}, {"l1": "lower", "psnr": "higher"}, r"\(l1, psnr\); got 'psrn'.*; did you mean 'psnr'"),
        ({"metric": "fid"}, {"l1": "lower"}, "--metric NAME measures by another one$"),
        (
            {"metric": "psnr", "better": "lower"},
            {"psnr": "higher"},
            "of psnr the higher values are better; leave it out",
        ),
        ({}, {}, "watches l1, and there is no held-out image to measure"),
    ],
)
def test_what_it_could_never_stop_by_is_refused(options, measured, told):
    with pytest.raises(ConfigError, match=told):
        i2i.create("observer", "early-stopping", **options).measuring(measured)
