"""The operators' host side on the CPU: checks, layouts, plans, the residual block's wiring and its gradients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import building

HOST_SOURCES = (
    "cuda/instance_norm/instance_norm_act.cpp",
    "cuda/instance_norm/instance_norm_add.cpp",
    "cuda/residual_block/residual_block.cpp",
    "schemas.cpp",
)


def run_on_host(program: Path) -> str:
    """What a program prints that is given the library of the operators; its kernels run on the CPU."""
    library = building.build("operators.so", building.KERNEL_SOURCES, building.QUICK, with_torch=HOST_SOURCES)
    environment = {**os.environ, "PYTHONPATH": str(building.HERE)}
    command = [sys.executable, str(program), str(library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_operators_are_right_with_the_kernels_on_the_cpu() -> None:
    assert "all operators are right" in run_on_host(building.HERE / "host_operators.py")
