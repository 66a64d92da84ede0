"""The kernels under sanitizers: driver.cpp with every one of them, which sees what a right result can hide."""

from __future__ import annotations

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
FEW_THREADS = "96"
"""Of a block: three warps show what more would."""


def driver(sanitizer: str, patches: dict[str, tuple[str, str]] | None = None) -> Path:
    """The driver's program for a sanitizer."""
    return building.build("driver", [*building.KERNEL_SOURCES, "driver.cpp"], SANITIZERS[sanitizer], patches)


def run_driver(program: Path, sanitizer: str, order: int = 0, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """Run it with two workers, so that blocks run side by side."""
    command = [str(program), str(order), str(seed), "2", FEW_THREADS]
    if sanitizer == "valgrind":
        command[:0] = ["valgrind", "--quiet", "--error-exitcode=9", "--max-stackframe=1000000"]
    return subprocess.run(command, capture_output=True, text=True, timeout=250)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitizer_finds_nothing(sanitizer: str) -> None:
    if sanitizer == "valgrind" and not (shutil.which("valgrind") and Path("/usr/include/valgrind").is_dir()):
        pytest.skip("valgrind and its headers are not installed")
    done = run_driver(driver(sanitizer), sanitizer, order=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
