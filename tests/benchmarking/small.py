"""Small cases: what the real ones do, in milliseconds."""

from __future__ import annotations

from functools import partial

import torch

from i2i.benchmarking import blocks, memory, norms
from i2i.benchmarking.case import Candidate, MemoryCase, Prepared, TimedCase, deviation
from i2i.benchmarking.runner import BenchOptions, run_bench

SHAPE = (1, 16, 12, 10)

BLOCK = TimedCase(
    "small-block",
    "Residual block, 1x16x12x10",
    partial(blocks.prepare_forward, shape=SHAPE, variants=("avx2", "portable")),
    True,
    True,
)
CHAIN = TimedCase("small-chain", "Chain, 1x16x12x10", partial(blocks.prepare_forward, shape=SHAPE, blocks=3))
TRAINING = TimedCase("small-training", "Training, 1x16x12x10", partial(blocks.prepare_training, shape=SHAPE))
ACT = TimedCase("small-act", "Norm, 1x16x12x10", partial(norms.prepare_act, shape=SHAPE, pad=2, training=True))
ADD = TimedCase("small-add", "Skip, 1x16x12x10", partial(norms.prepare_add, shape=SHAPE, training=True))
MEMORY = MemoryCase("small-memory", "Kept, 1x16x12x10", partial(memory.measure_block, shape=SHAPE), True)


def doubling(name, factor=2.0, **more):
    """A candidate that should double some numbers."""
    numbers = torch.arange(1.0, 9.0)

    def call():
        return numbers * factor

    return Candidate(name, call, lambda: [deviation("output", call(), numbers * 2, 1e-6)], **more)


def case_of(*candidates, name="made-up", **more):
    """A case of these candidates; all of it is the headline."""
    return TimedCase(
        name, f"Made-up work, {name}", lambda setting: Prepared(candidates, **more), quick=True, headline=True
    )


QUICK = BenchOptions(quick=True, repeat=2, threads=1)


def run(*cases, options=QUICK):
    return run_bench(options, cases=cases)


def require_right_and_timed(case):
    """Run a case of real operators; the fused ones take part or say why not."""
    report = run(case)
    assert report.failures == []
    names = [result.name for result in report.timed[0].results]
    assert names[0] == "eager"
    assert ("fused" in names) != ("fused" in report.timed[0].missing)
    assert all(result.seconds["median"] > 0 for result in report.timed[0].results)


def require_fault_is_found(case):
    """Run a case whose fused operator is wrong."""
    report = run(case)
    assert any("fused: the relative error of the output" in failure for failure in report.failures)
    assert report.timed[0].results == ()


def spoilt(operator):
    """An operator by the reference, with one pixel in one channel that is off by a hundredth."""

    def call(*arguments, **options):
        out = operator(*arguments, **{**options, "impl": "reference"})
        off = torch.zeros_like(out)
        off[0, 3, 5, 5] = 0.01
        return out + off

    return call
