"""A library of one function in place of the kernels: the same tools in a second instead of a minute."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from i2i.ops.native import cpu

CMAKE = """
cmake_minimum_required(VERSION 3.22)
project(i2i LANGUAGES CXX)
add_library(i2i SHARED csrc/small.cpp)
target_compile_definitions(i2i PRIVATE I2I_SOURCES_HASH="${I2I_SOURCES_HASH}")
"""
SMALL = r"""
extern "C" const char* i2i_facts() { return "i2i-sources: " I2I_SOURCES_HASH "\nvariant: small\n"; }
"""
COMPILER = pytest.mark.skipif(
    shutil.which("g++") is None and os.environ.get("I2I_BUILD") != "required", reason="there is no C++ compiler"
)


def as_package(checkout: Path) -> None:
    """Move the sources to where an installed package has them."""
    inside = checkout / "i2i" / "_native_sources"
    inside.mkdir()
    (checkout / "CMakeLists.txt").rename(inside / "CMakeLists.txt")
    (checkout / "csrc").rename(inside / "csrc")


def compiler(folder: Path, script: str) -> str:
    """A C++ compiler that runs ``script`` and then, unless that has exited, g++."""
    path = folder / "compiler"
    path.write_text(f'#!/bin/sh\n{script}\nexec g++ "$@"\n')
    path.chmod(0o755)
    return str(path)


def load_anew() -> cpu.CpuKernels:
    cpu._load.cache_clear()
    return cpu.load()


def program(path: Path, script: str) -> None:
    """A program of a shell's words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
