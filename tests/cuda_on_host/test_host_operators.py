"""The operators' host side on the CPU: checks, layouts, plans, the residual block's wiring and its gradients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from . import building

HOST_SOURCES = (
    "cuda/instance_norm/instance_norm_act.cpp",
    "cuda/instance_norm/instance_norm_add.cpp",
    "cuda/residual_block/residual_block.cpp",
    "schemas.cpp",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("host_operators.py", "all operators are right"),
        ("host_fused_convolution.py", "the block is right on its own convolutions"),
    ],
)
def test_operators_are_right_with_the_kernels_on_the_cpu(program: str, words: str) -> None:
    torch_folder = Path(torch.__file__).parent
    flags = ["-O1", "-g1", "-fvisibility=hidden", "-DTORCH_TARGET_VERSION=0x020d000000000000"]
    flags += [f"-isystem{torch_folder / 'include'}", f"-L{torch_folder / 'lib'}", "-Wl,--no-as-needed", "-ltorch_cpu"]
    library = building.build("operators.so", [*building.KERNEL_SOURCES, *HOST_SOURCES], flags)
    command = [sys.executable, str(building.HERE / program), str(library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert words in done.stdout
