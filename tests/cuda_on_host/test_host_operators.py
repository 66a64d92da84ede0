"""The operators' host side on the CPU: checks, layouts, plans, the residual block's wiring and its gradients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from . import building

HOST_SOURCES = ("instance_norm_act.cpp", "instance_norm_add.cpp", "residual_block.cpp", "schemas.cpp")


@pytest.mark.slow
def test_operators_are_right_with_the_kernels_on_the_cpu() -> None:
    torch_folder = Path(torch.__file__).parent
    flags = ["-O1", "-g1", "-fvisibility=hidden", "-DTORCH_TARGET_VERSION=0x020d000000000000"]
    flags += [f"-isystem{torch_folder / 'include'}", f"-L{torch_folder / 'lib'}", "-Wl,--no-as-needed", "-ltorch_cpu"]
    library = building.build("operators.so", [*building.KERNEL_SOURCES, *HOST_SOURCES], flags)
    program = [sys.executable, str(building.HERE / "host_operators.py"), str(library)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "all operators are right" in done.stdout
