"""Wrong results are never timed, missing rivals are told, and real cases run."""

from __future__ import annotations

import json
import math
import time

import pytest
import torch

from i2i.benchmarking import machine, runner
from i2i.benchmarking.case import Contender, Deviation, Setting, deviation
from i2i.benchmarking.cases import CASES, choose
from i2i.benchmarking.runner import BenchOptions, run_bench
from i2i.errors import ConfigError

from . import small

QUICK = BenchOptions(quick=True, repeat=2, threads=1)


def run(*cases, options=QUICK):
    return run_bench(options, cases=cases)


def test_right_results_are_timed_against_the_first_contender():
    (case,) = run(small.case_of(small.doubling("eager"), small.doubling("fused"))).timed

    assert [result.name for result in case.results] == ["eager", "fused"]
    assert case.rounds == 2
    assert case.results[0].speedup == 1.0
    assert case.peak_flops > 0
    assert not case.failures


def test_a_wrong_contender_fails_the_case_which_is_then_not_timed():
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

    return Contender(name, fail, fail, **more)


def test_a_rival_that_cannot_run_is_missing_with_its_reason():
    report = run(small.case_of(small.doubling("eager"), raising("torch.compile", rival=True)))

    assert report.failures == []
    assert report.timed[0].missing == {"torch.compile": "RuntimeError: no compiler here"}
    assert [result.name for result in report.timed[0].results] == ["eager"]


def test_our_own_contender_may_not_raise():
    report = run(small.case_of(small.doubling("eager"), raising("fused")))

    assert report.failures == ["made-up: fused raised RuntimeError: no compiler here"]


def test_a_result_of_another_shape_is_told():
    with pytest.raises(ValueError, match=r"output must have shape \[3\]; got \[2\]"):
        deviation("output", torch.ones(2), torch.ones(3), 1.0)


@pytest.mark.parametrize(
    "case", [small.BLOCK, small.CHAIN, small.TRAINING, small.ACT, small.ADD], ids=lambda case: case.name
)
def test_real_operators_are_right_and_timed(case):
    report = run(case)

    assert report.failures == []
    names = [result.name for result in report.timed[0].results]
    assert names[0] == "eager"
    assert ("fused" in names) != ("fused" in report.timed[0].missing)
    assert all(result.seconds["median"] > 0 for result in report.timed[0].results)


@pytest.mark.parametrize("case", [small.BLOCK, small.TRAINING, small.ACT], ids=lambda case: case.name)
def test_a_fault_of_a_kernel_is_found(case, monkeypatch):
    """One pixel in one channel that is off by a hundredth."""
    from i2i.benchmarking import blocks, norms

    def spoilt(operator):
        def call(*arguments, **options):
            out = operator(*arguments, **options)
            off = torch.zeros_like(out)
            off[0, 3, 5, 5] = 0.01
            return out + off

        return call

    monkeypatch.setattr(blocks, "reason_against_fused", lambda *_: None)
    monkeypatch.setattr(norms, "reason_against_fused", lambda *_: None)
    reference = {"impl": "reference"}
    block, act = blocks.residual_block, norms.instance_norm_act
    monkeypatch.setattr(blocks, "residual_block", spoilt(lambda *a, **o: block(*a, **{**o, **reference})))
    monkeypatch.setattr(norms, "instance_norm_act", spoilt(lambda *a, **o: act(*a, **{**o, **reference})))
    monkeypatch.setattr(
        blocks, "_mask_of_fused", lambda block, x: blocks._mask_of_eager(block, x.float())
    )  # the native library may be missing

    report = run(case)

    assert any("fused: the relative error of the output" in failure for failure in report.failures)
    assert report.timed[0].results == ()


def test_a_wrong_gradient_is_found_where_the_output_is_right(monkeypatch):
    from i2i.benchmarking import blocks

    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, out):
            return out.view_as(out)

        @staticmethod
        def backward(ctx, grad):
            return grad * 1.001

    block = blocks.residual_block
    monkeypatch.setattr(blocks, "reason_against_fused", lambda *_: None)
    monkeypatch.setattr(blocks, "residual_block", lambda *a, **o: Spoilt.apply(block(*a, **{**o, "impl": "reference"})))
    monkeypatch.setattr(blocks, "_mask_of_fused", lambda block, x: blocks._mask_of_eager(block, x.float()))

    failures = run(small.TRAINING).failures

    assert any("fused: the relative error of the gradient of x must be at most 2e-05" in line for line in failures)
    assert not any("the output" in line for line in failures)


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
    contender = Contender("eager", call, list)

    report = run(small.case_of(contender), options=BenchOptions(quick=True, repeat=1, threads=before + 1))

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
    slow = Contender("fused", lambda: time.sleep(0.02), list)

    warnings = run(small.case_of(small.doubling("eager"), slow)).warnings

    assert any(warning.startswith("made-up: fused is slower than eager here (0.") for warning in warnings)


def test_the_report_says_what_it_belongs_to():
    report = run(small.case_of(small.doubling("eager"))).to_dict()

    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(report))
    assert report["software"]["torch"] == torch.__version__
    assert report["kernels"]["rung"] in ("installed", "cache", "reference")
    assert report["device"]["name"]
    assert report["created"].endswith("+00:00")


def test_fused_block_keeps_less_than_eager_and_recompute_keeps_x_alone():
    (memory,) = run(small.MEMORY).memory
    image = 4 * math.prod(small.SHAPE)

    assert memory.bytes["eager"] > 4 * image  # x, two padded images, two convolutions' outputs, an activation
    if "fused" in memory.bytes:
        assert memory.bytes["fused"] < 0.6 * memory.bytes["eager"]
        assert memory.bytes["fused, recompute"] == image


def test_cases_are_chosen_by_name_and_pattern_in_the_order_of_the_report():
    assert [case.name for case in choose(["chain-64", "block-64"], quick=False)] == ["block-64", "chain-64"]
    assert all(case.name.startswith("generator-") for case in choose(["generator-*"], quick=True))
    assert choose([], quick=False) == list(CASES)
    assert 0 < len(choose([], quick=True)) < len(CASES)


def test_an_unknown_case_names_the_nearest_and_all_there_are():
    with pytest.raises(ConfigError, match=r"no case 'blok-64'; did you mean 'block-64'\? \(cases: block-64, block-128"):
        choose(["blok-64"], quick=False)


def test_names_of_cases_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_told_before_anything_is_measured():
    with pytest.raises(ConfigError, match="--device cuda"):
        run(small.case_of(raising("eager")), options=BenchOptions(device="cuda"))


def test_contenders_of_the_gpu_say_why_they_are_missing_on_the_cpu():
    setting = Setting(torch.device("cpu"), 1, rivals=False)

    prepared = small.BLOCK.prepare(setting)

    assert prepared.missing["torch.compile"].startswith("left out by --quick")
