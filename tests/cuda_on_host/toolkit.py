"""Where CUDA's headers and its compiler are on this machine, if anywhere. No GPU is needed for either."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

HEADERS = ("cuda_runtime_api.h", "cuda_fp16.h", "cuda_bf16.h")
CURE = "set CUDA_HOME, or install the compiler from PyPI: pip install i2i[cuda-build]"


@cache
def nvcc() -> Path | None:
    """The CUDA compiler, or None."""
    for root in _roots():
        if (root / "bin" / "nvcc").is_file():
            return root / "bin" / "nvcc"
    return None


@cache
def include_folder() -> Path | None:
    """The folder with CUDA's headers, or None."""
    for root in _roots():
        if all((root / "include" / header).is_file() for header in HEADERS):
            return root / "include"
    return None


@cache
def _roots() -> tuple[Path, ...]:
    roots = [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    on_path = shutil.which("nvcc")
    if on_path:
        roots += _root_of(on_path)
    roots += sorted(Path("/usr/local").glob("cuda*"), reverse=True)
    roots += sorted(Path(sysconfig.get_path("purelib"), "nvidia").glob("cu[0-9]*"), reverse=True)
    return tuple(roots)


def _root_of(compiler: str) -> list[Path]:
    """The compiler's own answer: the file on PATH may be a script that calls another."""
    told = subprocess.run([compiler, "--dryrun", "-x", "cu", "-E", os.devnull], capture_output=True, text=True)
    return [Path(found) for found in re.findall(r"^#\$ TOP=(.+)$", told.stderr, re.MULTILINE)]
