"""Sources, tools and what they say: from a checkout of a small library."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from i2i.ops.native import cpu, toolchain
from i2i.ops.native.toolchain import BuildError

from .small_library import CMAKE, COMPILER, SMALL, program


def test_a_compiler_that_is_named_and_missing_is_not_replaced_by_another(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "g++-99 -m64")

    assert "CXX names the C++ compiler 'g++-99 -m64', which is not there" in cpu.load().reasons["cache"]


@COMPILER
def test_the_reason_is_the_compilers_line_about_the_source(small: Path) -> None:
    (small / "csrc" / "small.cpp").write_text("int broken = nothing_of_this_name;\n")

    reason = cpu.load().reasons["cache"]

    assert re.search(r"small\.cpp:1:14: error: .nothing_of_this_name. was not declared", reason)
    assert "\n" not in reason


@COMPILER
def test_the_reason_is_what_cmake_says_where_no_compiler_was_asked(small: Path) -> None:
    (small / "CMakeLists.txt").write_text(f'{CMAKE}\nmessage(FATAL_ERROR "the kernels need another world")\n')

    assert "CMakeLists.txt:7 (message): the kernels need another world" in cpu.load().reasons["cache"]


def test_the_hash_follows_sources_alone(small: Path) -> None:
    hashes = [toolchain.sources_hash(small)]
    (small / "csrc" / "tests" / "test_small.cpp").write_text("// tests are in no library\n")
    (small / "csrc" / "README.md").write_text("nor is this\n")
    assert toolchain.sources_hash(small) == hashes[0]

    (small / "csrc" / "small.cpp").write_text(SMALL + " ")
    hashes.append(toolchain.sources_hash(small))
    (small / "csrc" / "small.cpp").rename(small / "csrc" / "renamed.cpp")
    hashes.append(toolchain.sources_hash(small))
    (small / "CMakeLists.txt").write_text(CMAKE + " ")
    hashes.append(toolchain.sources_hash(small))

    assert len(set(hashes)) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in hashes)


def test_sources_that_are_gone_are_missed_by_name(small: Path) -> None:
    shutil.rmtree(small / "csrc")

    with pytest.raises(BuildError, match=r"the native sources are missing at .*_native_sources; install i2i again"):
        toolchain.sources()


def test_an_interrupt_as_the_build_ends_stays_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is gone by then, and with it the group of processes that is to be ended."""
    finish = subprocess.Popen.communicate
    calls = []

    def interrupted(process: subprocess.Popen[str], timeout: float | None = None) -> tuple[str, str]:
        calls.append(process)
        words = finish(process, timeout=timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return words

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)

    with pytest.raises(KeyboardInterrupt):
        toolchain._run([sys.executable, "-c", ""], toolchain.Tools("cmake", "ninja", "c++"))
    assert len(calls) == 2


def test_nvcc_is_looked_for_where_people_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    program(tmp_path / "path" / "nvcc", "true")
    program(tmp_path / "home" / "bin" / "nvcc", "true")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}{os.environ['PATH']}")

    assert toolchain.find_nvcc() == tmp_path / "path" / "nvcc"
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    assert toolchain.find_nvcc() == tmp_path / "home" / "bin" / "nvcc"


def test_a_compiler_that_names_no_release_is_refused(tmp_path: Path) -> None:
    program(tmp_path / "nvcc", "echo something else")
    with pytest.raises(toolchain.BuildError, match="does not say of which release it is: something else"):
        toolchain.cuda_version(tmp_path / "nvcc")
    with pytest.raises(toolchain.BuildError, match="cannot be run"):
        toolchain.cuda_version(tmp_path / "missing")
