"""How much of a multiprocessor a kernel keeps busy, by CUDA's own calculator."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cuda_on_host import toolkit
from .cubins import SOURCES, Kernel

MULTIPROCESSORS = {
    75: (1024, 64, 64),
    80: (2048, 164, 163),
    86: (1536, 100, 99),
    90: (2048, 228, 227),
    100: (2048, 228, 227),
    120: (1536, 100, 99),
}
"""Of each architecture: threads and KiB of shared memory of a multiprocessor, KiB of shared memory of a block (CUDA
Programming Guide, technical specifications per compute capability)."""


@dataclass(frozen=True)
class Occupancy:
    """The least that any block of a kernel reaches.

    Attributes:
        share: of the multiprocessor's threads.
        threads: of the block.
        shared_bytes: the block's dynamic shared memory.
        side: of the square plane that it holds, 0 where the block is the same for all.
    """

    share: float
    threads: int
    shared_bytes: int
    side: int


def build(folder: Path) -> Path:
    """Compile the calculator."""
    program, include = folder / "occupancy", toolkit.include_folder()
    source = Path(__file__).with_name("occupancy.cpp")
    compiler = shlex.split(os.environ.get("CXX") or "c++")
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-isystem{include}", f"-I{SOURCES}"]
    subprocess.run([*compiler, *flags, str(source), "-o", str(program)], check=True)
    return program


def of(program: Path, kernels: Sequence[tuple[Kernel, str]]) -> list[Occupancy]:
    """The occupancy of each kernel with its kind of block (``forward``, ``backward`` or a number of threads)."""
    lines = []
    for kernel, kind in kernels:
        threads, shared, of_block = MULTIPROCESSORS[kernel.architecture]
        capability = divmod(kernel.architecture, 10)
        numbers = (*capability, threads, shared << 10, of_block << 10, kernel.registers, kernel.own_shared_bytes)
        lines.append(" ".join([*map(str, numbers), kind]))
    done = subprocess.run([str(program)], input="\n".join(lines), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == len(lines)
    return [Occupancy(float(share), int(threads), int(shared), int(side)) for share, threads, shared, side in rows]
