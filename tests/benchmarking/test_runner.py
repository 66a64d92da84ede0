"""Wrong results are never timed, missing rivals are reported, and real cases run."""

from __future__ import annotations

import json
import math
import time

import pytest
import torch

from i2i.benchmarking import machine, runner
from i2i.benchmarking.case import Candidate, Deviation, deviation
from i2i.benchmarking.runner import BenchOptions
from i2i.errors import ConfigError

from . import small
from .small import run


def test_right_results_are_timed_against_the_first_candidate():
    (case,) = run(small.case_of(small.doubling("eager"), small.doubling("fused"))).timed

    assert [result.name for result in case.results] == ["eager", "fused"]
    assert case.rounds == 2
    assert case.results[0].speedup == 1.0
    assert case.peak_flops > 0
    assert not case.failures


def test_a_wrong_candidate_fails_the_case_which_is_then_not_timed():
    report = run(small.case_of(small.doubling("eager"), small.doubling("fused", 2.001)))

    assert report.timed[0].results == ()
    assert report.failures == [
        "made-up: fused: the relative error of the output must be at most 1e-06; got 0.0005",
    ]


def test_a_result_that_is_not_a_number_fails():
    assert not Deviation("output", math.nan, 1.0).passes
    assert run(small.case_of(small.doubling("eager"), small.doubling("fused", math.nan))).failures


def test_one_failing_case_leaves_the_others_their_times():
    wrong = small.case_of(small.doubling("eager"), small.doubling("fused", 3.0), name="wrong")
    right = small.case_of(small.doubling("eager"), small.doubling("fused"), name="right")

    report = run(wrong, right)

    assert [bool(case.results) for case in report.timed] == [False, True]
    assert [failure.partition(":")[0] for failure in report.failures] == ["wrong"]


def raising(name, **more):
    def fail():
        raise RuntimeError("no compiler here\nand a long trace")

    return Candidate(name, fail, fail, **more)


def test_a_rival_that_cannot_run_is_missing_with_its_reason():
    report = run(small.case_of(small.doubling("eager"), raising("torch.compile", rival=True)))

    assert report.failures == []
    assert report.timed[0].missing == {"torch.compile": "RuntimeError: no compiler here"}
    assert [result.name for result in report.timed[0].results] == ["eager"]


def test_our_own_candidate_may_not_raise():
    report = run(small.case_of(small.doubling("eager"), raising("fused")))

    assert report.failures == ["made-up: fused raised RuntimeError: no compiler here"]


def test_a_result_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"output must have shape \[3\]; got \[2\]"):
        deviation("output", torch.ones(2), torch.ones(3), 1.0)


def test_shares_of_peak_count_direct_and_really_done_operations():
    work = 10**6
    eager = small.doubling("eager", flops=work)
    fused = small.doubling("fused", flops=work // 4)
    half = small.doubling("bf16", precision="bf16", flops=work)

    results = run(small.case_of(eager, fused, half, direct_flops=work)).timed[0].results

    assert results[1].effective_share == pytest.approx(4 * results[1].true_share)
    assert results[2].effective_share is None  # its peak is another


def test_the_number_of_threads_is_obeyed_and_put_back():
    seen = []

    def call():
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    candidate = Candidate("eager", call, list)

    report = run(small.case_of(candidate), options=BenchOptions(quick=True, repeat=1, threads=before + 1))

    assert set(seen) == {before + 1}
    assert report.settings["threads"] == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("load", "warned"), [(0.1, False), (3.0, True), (None, False)])
def test_a_busy_machine_is_warned_of(monkeypatch, load, warned):
    monkeypatch.setattr(machine, "load_average", lambda: load)

    report = run(small.case_of(small.doubling("eager")))

    assert any("busy" in warning for warning in report.warnings) is warned
    assert report.load_average == load


def test_a_wide_spread_is_warned_of(monkeypatch):
    monkeypatch.setattr(runner, "WIDE_SPREAD", -1.0)

    assert any("in made-up" in warning for warning in run(small.case_of(small.doubling("eager"))).warnings)


def test_kernels_that_do_not_pay_are_warned_of():
    slow = Candidate("fused", lambda: time.sleep(0.02), list)

    warnings = run(small.case_of(small.doubling("eager"), slow)).warnings

    assert any(warning.startswith("made-up: fused is slower than eager here (0.") for warning in warnings)


def test_the_report_says_what_it_belongs_to():
    report = run(small.case_of(small.doubling("eager"))).to_dict()

    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(report))
    assert report["software"]["torch"] == torch.__version__
    assert report["kernels"]["rung"] in ("installed", "cache", "reference")
    assert report["device"]["name"]
    assert report["created"].endswith("+00:00")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_before_anything_is_measured():
    with pytest.raises(ConfigError, match="--device cuda"):
        run(small.case_of(raising("eager")), options=BenchOptions(device="cuda"))
