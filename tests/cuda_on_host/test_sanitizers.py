"""The kernels under sanitizers: driver.cpp with every one of them, which sees what a right result can hide."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from . import building

DEBUG = ("-O0", "-g1", "-fno-omit-frame-pointer")
SANITIZERS = {
    "address": (*DEBUG, "-fsanitize=address"),
    "thread": (*DEBUG, "-fsanitize=thread"),
    "undefined": (*DEBUG, "-fsanitize=undefined", "-fno-sanitize-recover=all"),
    "valgrind": (*DEBUG, "-DCUDA_ON_HOST_VALGRIND"),
}
SOURCES = tuple(source for source in building.KERNEL_SOURCES if "unmeasured" not in source)
"""What the driver drives."""
FEW_THREADS = "96"
"""Of a block: three warps show what more would."""


def driver(sanitizer: str) -> Path:
    """The driver's program for a sanitizer."""
    return building.build("driver", [*SOURCES, "driver.cpp"], SANITIZERS[sanitizer])


def run_driver(program: Path, sanitizer: str, order: int = 0, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """Run it with two workers, so that blocks run side by side."""
    command = [str(program), str(order), str(seed), "2", FEW_THREADS]
    if sanitizer == "valgrind":
        command[:0] = ["valgrind", "--quiet", "--error-exitcode=9", "--max-stackframe=1000000"]
    stop_early = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}  # one race tells enough
    return subprocess.run(command, capture_output=True, text=True, timeout=250, env=stop_early)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitizer_finds_nothing(sanitizer: str) -> None:
    if sanitizer == "valgrind" and not (shutil.which("valgrind") and Path("/usr/include/valgrind").is_dir()):
        pytest.skip("valgrind and its headers are not installed")
    done = run_driver(driver(sanitizer), sanitizer, order=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
