"""Tests of the tests: kernels with one bug each, and that the emulator, the values or a sanitizer finds every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import building
from .test_sanitizers import DEBUG, SANITIZERS, run_driver


@dataclass(frozen=True)
class Bug:
    """What is changed in which file, and the words by which it must be found: of the emulator, or ``error``."""

    name: str
    file: str
    before: str
    after: str
    words: tuple[str, ...]


BUGS = (
    Bug(
        "reflection forgotten",
        "cuda/runtime/reflection.cuh",
        "return reflect(row - plane.padding, plane.height) * plane.width",
        "return (row - plane.padding) * plane.width",
        ("stray read",),
    ),
    Bug(
        "gradient of the far border forgotten",
        "cuda/runtime/reflection.cuh",
        "upper(index <= size - 2 && ",
        "upper(false && ",
        ("error",),
    ),
    Bug(
        "wrong lane mask",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "kAllLanes = 0xffffffffu",
        "kAllLanes = 0x0000ffffu",
        ("own mask", "not in the mask"),
    ),
    Bug(
        "shared memory read that nobody wrote",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "if (lane < warps) {\n    all.count",
        "if (lane < warps + 1) {\n    all.count",
        ("error",),
    ),
    Bug(
        "wide read at any address",
        "cuda/runtime/elements.cuh",
        "if (COUNT > 1 && is_aligned<T, COUNT>(pointer)) {\n    read_aligned",
        "if (COUNT > 1) {\n    read_aligned",
        ("misaligned read",),
    ),
    Bug(
        "tail forgotten",
        "cuda/runtime/elements.cuh",
        "single(index < head ? index : tail + index - head);",
        "single(index % (head + 1));",
        ("error",),
    ),
    Bug(
        "shared memory too small",
        "cuda/runtime/plan.h",
        "rounded_up(size * bytes_of(type) + 16, 16)",
        "rounded_up(size * bytes_of(type) - 15, 16)",
        ("stray",),
    ),
    Bug(
        "shared memory not asked for",
        "cuda/runtime/plan.h",
        "if (dynamic + kReductionBytes <= (48 << 10)) return 0;",
        "if (dynamic <= (48 << 10)) return 0;",
        ("invalid",),
    ),
    Bug(
        "channels behind the last",
        "cuda/instance_norm/instance_norm_forward_channels_last.cuh",
        "has_channels = channel < shape.channels;",
        "has_channels = true;",
        ("stray", "error"),
    ),
    Bug(
        "all blocks write one partial result",
        "cuda/instance_norm/instance_norm_forward_contiguous.cuh",
        "arguments.workspace + (at.number * gridDim.y + blockIdx.y) * 3;",
        "arguments.workspace + at.number * gridDim.y * 3;",
        ("error",),
    ),
    Bug(
        "first sample alone counts for the parameters",
        "cuda/instance_norm/instance_norm_backward_contiguous.cuh",
        "plane < planes; plane += channels",
        "plane < channels; plane += channels",
        ("error",),
    ),
    Bug(
        "barrier that not all threads reach",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "  __syncthreads();\n  Sums all;",
        "  if (warp == 0) __syncthreads();\n  Sums all;",
        ("different barriers", "ended before a barrier"),
    ),
    Bug(
        "shuffle in a branch",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "  all.add_lanes(1);\n  return all;",
        "  if (lane < 16) all.add_lanes(1);\n  return all;",
        ("deadlock", "different barriers", "waits in"),
    ),
)
"""Found by what a run without a sanitizer shows."""

BARRIERS = (
    Bug(
        "no barrier before the warps' moments are read",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "  __syncthreads();\n  Moments<1> all;",
        "  Moments<1> all;",
        (),
    ),
    Bug(
        "no barrier before the warps' sums are read",
        "cuda/instance_norm/instance_norm_moments.cuh",
        "  __syncthreads();\n  Sums all;",
        "  Sums all;",
        (),
    ),
    Bug(
        "no barrier before the copies are read",
        "cuda/instance_norm/instance_norm_backward_contiguous.cuh",
        "  __syncthreads();\n  const BackwardPasses",
        "  const BackwardPasses",
        (),
    ),
    Bug(
        "no barrier before the channels' constants are read",
        "cuda/instance_norm/instance_norm_forward_channels_last.cuh",
        "  __syncthreads();\n  if (!at.has_channels) return;\n",
        "  if (!at.has_channels) return;\n",
        (),
    ),
)
"""Found by ThreadSanitizer, in one run of any order."""


def small_driver(flags: Sequence[str], bug: Bug | None = None) -> Path:
    """The driver with one operator alone, which holds every bug above."""
    patches = {} if bug is None else {bug.file: (bug.before, bug.after)}
    sources = ["cuda/runtime/device.cu", "cuda/instance_norm/instance_norm_act.cu", "driver.cpp"]
    return building.build("driver", sources, [*flags, "-DACTIVATION_ALONE"], patches)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_is_found(bug: Bug) -> None:
    program = small_driver(DEBUG, bug)
    for order in range(3):
        done = run_driver(program, "none", order)
        if done.returncode != 0:
            assert done.returncode in (2, 3), done
            assert any(words in done.stdout for words in bug.words), done.stdout
            return
    pytest.fail("no order of threads shows it")


@pytest.mark.slow
@pytest.mark.parametrize("bug", BARRIERS, ids=lambda bug: bug.name)
def test_missing_barrier_is_found_in_any_order(bug: Bug) -> None:
    program = small_driver(SANITIZERS["thread"], bug)
    for order in range(2):
        done = run_driver(program, "thread", order)
        assert done.returncode != 0
        assert "data race" in done.stderr, done.stdout + done.stderr


def test_kernels_without_a_bug_pass_in_every_order() -> None:
    program = small_driver(DEBUG)
    for order in range(3):
        for seed in range(4):
            done = run_driver(program, "none", order, seed)
            assert done.returncode == 0, done.stdout
