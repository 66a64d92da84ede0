"""The library i2i_cuda as CMake builds it: it compiles without a warning, links, loads and registers without a GPU."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from ..cuda_on_host import building, toolkit
from . import cubins

ROOT = Path(__file__).parents[2]
OPERATORS = (
    "residual_block",
    "residual_block_forward",
    "residual_block_backward",
    "instance_norm_act",
    "instance_norm_act_backward",
    "instance_norm_add",
    "instance_norm_add_backward",
)
REGISTER = """
import ctypes, sys, torch
torch.ops.load_library(sys.argv[1])
ctypes.CDLL(sys.argv[2], ctypes.RTLD_GLOBAL)
torch.ops.load_library(sys.argv[3])
for operator in sys.argv[4:]:
    assert torch._C._dispatch_has_kernel_for_dispatch_key("i2i::" + operator, "CUDA"), operator
print("registered")
"""


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=800, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def libraries() -> Iterator[tuple[Path, Path]]:
    """A library of the operators' signatures, and that of the CUDA kernels: in a folder that stays, so that nvcc
    compiles what has changed."""
    nvcc = toolkit.nvcc()
    if nvcc is None:
        pytest.skip(f"nvcc is not here: {toolkit.CURE}")
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake or ninja is not here: pip install cmake ninja")
    settings = {"I2I_CUDA": "ON", "I2I_WERROR": "ON", "I2I_NVCC": str(nvcc), "I2I_PYTHON": sys.executable}
    torch_folder = Path(torch.__file__).parent
    newest = str(cubins.ARCHITECTURES[-1])  # test_resources.py compiles for all of them
    settings |= {"I2I_CUDA_ARCHITECTURES": newest, "I2I_TORCH": str(torch_folder)}
    options = [f"-D{name}={to}" for name, to in settings.items()]
    of_these = hashlib.sha256("\0".join([str(ROOT), torch.__version__, *options]).encode()).hexdigest()[:20]
    folder = cubins.CACHE / f"cmake-{of_these}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        run("cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *options)
        run("cmake", "--build", str(folder), "--target", "i2i_cuda")
        yield _signatures(folder, torch_folder), folder / "csrc" / "cuda" / "libi2i_cuda.so"


def _signatures(folder: Path, torch_folder: Path) -> Path:
    """The signatures alone: the library i2i has the kernels for the CPU as well, which take a minute more."""
    schemas = folder / "schemas.so"
    flags = ["-std=c++17", "-fPIC", "-shared", "-DTORCH_TARGET_VERSION=0x020d000000000000"]
    flags += ["-isystem", str(torch_folder / "include"), "-o", str(schemas)]
    run(*building.COMPILER, *flags, str(ROOT / "csrc" / "schemas.cpp"), str(torch_folder / "lib" / "libtorch_cpu.so"))
    return schemas


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_library_registers_every_operator_for_cuda(libraries: tuple[Path, Path]) -> None:
    """Under any torch: the one here may know nothing of CUDA."""
    nvcc = toolkit.nvcc()
    assert nvcc is not None
    runtime = next(iter(sorted(nvcc.parents[1].glob("lib*/libcudart.so.*"))), None)
    if runtime is None:
        pytest.skip(f"no CUDA runtime beside {nvcc}")
    told = run(sys.executable, "-c", REGISTER, str(libraries[0]), str(runtime), str(libraries[1]), *OPERATORS)
    assert "registered" in told


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_library_needs_no_python(libraries: tuple[Path, Path]) -> None:
    told = run("nm", "--dynamic", "--undefined-only", str(libraries[1]))
    assert "torch_call_dispatcher" in told
    assert " Py" not in told
