"""Where the CUDA kernels come from on a machine with a card, and what is said where they cannot be had.

The card, its PyTorch and nvcc are made up, and the library is one of no kernels: tests/cuda has the real ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from i2i.errors import NativeError
from i2i.ops.native import cpu, cuda, toolchain
from i2i.ops.native.cpu import CpuKernels

from .small_library import COMPILER, program

CMAKE = """
cmake_minimum_required(VERSION 3.22)
project(i2i LANGUAGES CXX)
file(WRITE ${CMAKE_BINARY_DIR}/told "${I2I_CUDA} ${I2I_NVCC} ${I2I_CUDA_ARCHITECTURES}")
add_subdirectory(csrc/cuda)
"""
CMAKE_OF_CUDA = "add_library(i2i_cuda SHARED small.cpp)"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of a small library, two cards, CUDA 13 in PyTorch and in nvcc. Returns the checkout."""
    checkout = tmp_path / "checkout"
    (checkout / "i2i").mkdir(parents=True)
    (checkout / "csrc" / "cuda").mkdir(parents=True)
    (checkout / "CMakeLists.txt").write_text(CMAKE)
    (checkout / "csrc" / "cuda" / "CMakeLists.txt").write_text(CMAKE_OF_CUDA)
    (checkout / "csrc" / "cuda" / "small.cpp").write_text("int small() { return 1; }")
    program(tmp_path / "toolkit" / "bin" / "nvcc", "echo 'Cuda compilation tools, release 13.0, V13.0.88'")
    for name in ("I2I_BUILD", "CXX", "CMAKE_ARGS", "CXXFLAGS", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "toolkit"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "PACKAGE", checkout / "i2i")
    monkeypatch.setattr(cpu, "load", lambda: CpuKernels("installed", Path("libi2i.so"), "portable"))
    monkeypatch.setattr(torch.version, "cuda", "13.1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: ((9, 0), (8, 6), (9, 0))[index])
    cuda._load.cache_clear()
    yield checkout
    cuda._load.cache_clear()


def load_anew() -> cuda.CudaKernels:
    cuda._load.cache_clear()
    return cuda.load()


@COMPILER
def test_compiled_once_for_the_cards_that_are_here(machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, said = cuda.load(), capfd.readouterr().err
    second, said_then = load_anew(), capfd.readouterr().err

    assert first.reason is None
    assert first.library is not None
    assert first.library.name == "libi2i_cuda.so"
    assert "-sm-86-90-" in first.library.parent.name
    (told,) = (machine / "build").glob("cuda-*/told")
    assert told.read_text() == f"ON {os.environ['CUDA_HOME']}/bin/nvcc 86;90"
    assert f"i2i: compiling the CUDA kernels with {os.environ['CUDA_HOME']}/bin/nvcc, once" in said
    assert (second, said_then) == (first, "")


@COMPILER
def test_an_edit_of_a_cuda_source_leads_to_another_library(machine: Path) -> None:
    before = cuda.load().library
    hashes = [toolchain.sources_hash(machine), toolchain.sources_hash(machine, cuda=True)]
    (machine / "csrc" / "cuda" / "small.cpp").write_text("int small() { return 2; }")

    assert load_anew().library not in (None, before)
    assert toolchain.sources_hash(machine) == hashes[0], "the CPU's library has nothing to do with it"
    assert toolchain.sources_hash(machine, cuda=True) != hashes[1]


def test_without_nvcc_it_is_said_how_to_get_one(machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nvcc() -> Path:
        raise toolchain.BuildError("there is no nvcc; set CUDA_HOME to a CUDA toolkit")

    monkeypatch.setattr(toolchain, "find_nvcc", find_nvcc)
    assert cuda.load() == cuda.CudaKernels(reason="there is no nvcc; set CUDA_HOME to a CUDA toolkit")


def test_a_toolkit_of_another_major_version_is_refused(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runtime would be a second one beside PyTorch's."""
    monkeypatch.setattr(torch.version, "cuda", "12.9")
    reason = cuda.load().reason
    nvcc = Path(os.environ["CUDA_HOME"], "bin", "nvcc")
    assert reason is not None
    assert reason.startswith(f"{nvcc} is of CUDA 13.0, this PyTorch of CUDA 12.9: install a toolkit of the same major")


@COMPILER
def test_what_nvcc_says_is_kept_and_required_makes_it_an_error(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "csrc" / "cuda" / "small.cpp").write_text("int small() { return nothing; }")
    reason = cuda.load().reason
    monkeypatch.setenv("I2I_BUILD", "required")

    assert reason is not None
    assert re.search(r"error: .nothing. was not declared", reason)
    with pytest.raises(NativeError, match="I2I_BUILD=required, but the CUDA kernels cannot be had: the build"):
        load_anew()


def test_a_file_that_is_no_library_is_a_reason(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = machine / "damaged.so"
    damaged.write_bytes(b"no library")
    monkeypatch.setattr(cuda, "_compiled", lambda *, again: damaged)
    reason = cuda.load().reason
    assert reason is not None
    assert reason.startswith(f"{damaged} cannot be loaded: ")


@pytest.mark.parametrize(
    ("version", "available", "origin", "reason"),
    [
        (None, False, "installed", "this PyTorch is built without CUDA"),
        ("13.0", False, "installed", "PyTorch finds no CUDA device"),
        ("13.0", True, "reference", "the native library, which has the operators' signatures, is not loaded"),
    ],
)
def test_nothing_is_compiled_where_it_could_not_be_used(
    machine: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, available: bool, origin: str, reason: str
) -> None:
    monkeypatch.setenv("I2I_BUILD", "required")
    monkeypatch.setattr(torch.version, "cuda", version)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(cpu, "load", lambda: CpuKernels(origin))  # type: ignore[arg-type]
    assert cuda.load() == cuda.CudaKernels(reason=reason)
