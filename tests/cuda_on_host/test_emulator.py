"""The emulator itself: what it computes, and that it reports what a device would not forgive."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

from . import building
from .test_sanitizers import DEBUG, SANITIZERS

REPORTED = {
    "lane_outside_its_mask": "a lane is not in its own mask",
    "shuffle_from_outside": "a shuffle reads lane 20, which is not in the mask",
    "different_masks": "deadlock",
    "different_barriers": "different barriers",
    "exit_before_barrier": "ended before a barrier",
    "warp_waits_for_barrier": "deadlock",
    "misaligned": "misaligned read of 16 bytes",
    "stray": "stray write of 4 bytes",
}


@functools.cache  # what is unchanged is not compiled again, but that takes the preprocessor each time
def kernels(*flags: str) -> Path:
    return building.build("emulator_kernels", ["emulator_kernels.cpp"], [*DEBUG, *flags])


def run(program: Path, name: str, order: int = 0, seed: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), name, str(order), str(seed)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["shuffles", "votes", "hand_on", "half_a_warp", "product", "garbage"])
def test_results_in_every_order(name: str) -> None:
    for order in range(3):
        for seed in range(4):
            done = run(kernels(), name, order, seed)
            assert done.returncode == 0, f"order {order}, seed {seed}: {done.stdout}"


@pytest.mark.parametrize("name", REPORTED)
def test_what_is_wrong_is_reported_with_its_place(name: str) -> None:
    for order in range(3):
        done = run(kernels(), name, order)
        assert done.returncode == 3
        assert REPORTED[name] in done.stdout
        if name not in ("misaligned", "stray"):
            assert "emulator_kernels.cpp:" in done.stdout


def test_missing_syncwarp_shows_in_some_order_and_to_thread_sanitizer() -> None:
    program = kernels("-DWITHOUT_SYNCWARP")
    assert any(run(program, "hand_on", order).returncode == 2 for order in range(3))
    watched = building.build("emulator_kernels", ["emulator_kernels.cpp"], SANITIZERS["thread"])
    assert run(watched, "hand_on").returncode == 0
    watched = building.build(
        "emulator_kernels", ["emulator_kernels.cpp"], [*SANITIZERS["thread"], "-DWITHOUT_SYNCWARP"]
    )
    done = run(watched, "hand_on")
    assert "data race" in done.stderr
