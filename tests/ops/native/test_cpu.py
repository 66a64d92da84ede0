"""Where the native library comes from: in which order it is looked for, and what is said about what is not taken.

Most tests build a library of one function instead of the kernels: the same tools in a second instead of a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2i.errors import ConfigError, NativeError
from i2i.ops.native import cpu, toolchain
from i2i.ops.native.toolchain import BuildError

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


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process starts with: nothing loaded, nothing said in the environment."""
    for name in ("I2I_BUILD", "I2I_CPU", "CXX", "CMAKE_ARGS", "CXXFLAGS"):
        monkeypatch.delenv(name, raising=False)
    cpu._load.cache_clear()
    yield
    cpu._load.cache_clear()


@pytest.fixture
def small(tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package without a library, beside the sources of a small one, and an empty cache. Returns the checkout."""
    (tmp_path / "checkout" / "i2i").mkdir(parents=True)
    (tmp_path / "checkout" / "csrc" / "tests").mkdir(parents=True)
    (tmp_path / "checkout" / "CMakeLists.txt").write_text(CMAKE)
    (tmp_path / "checkout" / "csrc" / "small.cpp").write_text(SMALL)
    monkeypatch.setattr(toolchain, "PACKAGE", tmp_path / "checkout" / "i2i")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "checkout"


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


@COMPILER
@pytest.mark.parametrize("packaged", [False, True], ids=["checkout", "package"])
def test_without_an_installed_library_one_is_compiled_once_and_kept(
    small: Path, packaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if packaged:
        as_package(small)
    first = cpu.load()
    said = capfd.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler any more
    second = load_anew()

    assert (first.origin, first.variant) == ("cache", "small")
    assert first.reasons == {"installed": "the installation built none"}
    assert re.match(r"i2i: compiling the native kernels with \S*g\+\+, once .* can take a minute\n", said)
    assert second.library == first.library
    assert tmp_path / "cache" in first.library.parents
    assert capfd.readouterr().err == "", "the second time nothing is compiled"
    assert not list((tmp_path / "cache").rglob("CMakeCache.txt")), "what compiling leaves behind is not kept"


@COMPILER
def test_the_installed_library_is_taken_unless_the_sources_have_changed(small: Path) -> None:
    compiled = cpu.load().library
    assert compiled is not None
    installed = small / "i2i" / toolchain.LIBRARY
    shutil.copyfile(compiled, installed)

    taken = load_anew()
    (small / "csrc" / "small.cpp").write_text(SMALL + "// edited\n")
    after_edit = load_anew()

    assert (taken.origin, taken.library, taken.reasons) == ("installed", installed, {})
    assert after_edit.origin == "cache"
    assert after_edit.library not in (None, compiled)
    assert f"{installed} was built from other sources ({taken.facts['i2i-sources']})" in after_edit.reasons["installed"]


def test_a_library_that_cannot_be_loaded_is_named_with_the_linkers_words(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    damaged = small / "i2i" / toolchain.LIBRARY
    damaged.write_bytes(b"i2i-sources: " + toolchain.sources_hash(small).encode())

    kernels = cpu.load()

    assert kernels.origin == "reference"
    assert str(damaged) in kernels.reasons["installed"]
    assert "cannot be loaded: " in kernels.reasons["installed"]


def test_without_a_compiler_the_reference_is_used_and_says_why(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    kernels = cpu.load()

    assert (kernels.origin, kernels.library, kernels.variant) == ("reference", None, None)
    assert kernels.reasons["cache"].startswith("there is no C++ compiler; install one")
    monkeypatch.setenv("I2I_BUILD", "required")
    with pytest.raises(NativeError, match=r"I2I_BUILD=required, but .*there is no C\+\+ compiler"):
        load_anew()


def test_a_compiler_that_is_named_and_missing_is_not_replaced_by_another(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "g++-99 -m64")

    assert "CXX names the C++ compiler 'g++-99 -m64', which is not there" in cpu.load().reasons["cache"]


@COMPILER
def test_a_broken_compiler_is_asked_once_and_again_only_when_kernels_are_required(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    broken = f"echo >>'{calls}'; echo 'fatal error: cannot execute cc1plus' >&2; exit 1"
    monkeypatch.setenv("CXX", compiler(tmp_path, broken))

    first = load_anew()
    asked = calls.read_text()
    second = load_anew()

    assert first.origin == second.origin == "reference"
    expected = f"the build with {tmp_path}/compiler failed: fatal error: cannot execute cc1plus"
    assert first.reasons["cache"] == expected
    assert "tried before; to try again, delete " in second.reasons["cache"]
    assert calls.read_text() == asked
    monkeypatch.setenv("I2I_BUILD", "required")
    with pytest.raises(NativeError, match="fatal error: cannot execute cc1plus"):
        load_anew()
    assert calls.read_text() != asked
    monkeypatch.delenv("I2I_BUILD")
    monkeypatch.delenv("CXX")
    assert load_anew().origin == "cache", "another compiler is another try"


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


@COMPILER
def test_two_at_once_compile_once(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path, "sleep 0.1"))
    taken: list[Path] = []

    threads = [threading.Thread(target=lambda: taken.append(cpu._compiled(again=False))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    said = capfd.readouterr().err
    assert len(taken) == 2
    assert taken[0] == taken[1]
    assert said.count("compiling the native kernels with") == 1
    assert said.count("another process is compiling the native kernels; waiting for it") == 1


@COMPILER
@pytest.mark.slow
@pytest.mark.parametrize("packaged", [False, True], ids=["checkout", "package"])
def test_a_builder_that_was_killed_is_in_nobodys_way(
    small: Path, packaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if packaged:
        as_package(small)
    monkeypatch.setenv("CXX", compiler(tmp_path, f"case \"$*\" in *small*) echo >'{tmp_path}/began'; sleep 3;; esac"))
    program = f"""
        from pathlib import Path
        from i2i.ops.native import toolchain, cpu
        toolchain.PACKAGE = Path({str(small / "i2i")!r})
        cpu.load()
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    deadline = time.monotonic() + 100
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (tmp_path / "began").exists(), "it was killed before it compiled"
    cache = tmp_path / "cache" / "i2i" / "native"
    assert not list(cache.rglob(toolchain.LIBRARY))

    kernels = cpu.load()

    assert kernels.origin == "cache"
    assert kernels.library is not None
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {kernels.library.parent.name}


def test_a_cache_that_cannot_be_written_is_a_reason(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("CXX", sys.executable)  # any program: it is not run

    reason = cpu.load().reasons["cache"]

    assert f"{tmp_path / 'file' / 'i2i' / 'native'} cannot be used: " in reason
    assert "XDG_CACHE_HOME names another place" in reason


def test_off_loads_nothing_and_a_misspelt_mode_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2I_BUILD", "off")
    kernels = cpu.load()

    assert kernels == cpu.CpuKernels("reference", reasons={"installed": "I2I_BUILD=off", "cache": "I2I_BUILD=off"})
    monkeypatch.setenv("I2I_BUILD", "of")
    with pytest.raises(ConfigError, match="I2I_BUILD must be one of auto, required, off; got 'of'"):
        load_anew()


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
