"""Compiled once and kept, whoever else compiles, is killed or fails: with a small library."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from i2i.errors import NativeError
from i2i.ops.native import cache, cpu, toolchain
from i2i.ops.native.cache import KernelBuild, Recipe, cache_folder, keep_compiled

from .small_library import COMPILER, as_package, compiler, load_anew


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


def test_a_copy_that_is_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(work: Path) -> Path:
        (work / "built.so").write_bytes(b"machine code")
        return work / "built.so"

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"machine")
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    recipe = Recipe("made-up kernels", "library.so", "made-up", "made-up", lambda: KernelBuild("cc", "0123", compiled))
    with monkeypatch.context() as patch:
        patch.setattr(cache.shutil, "copyfile", full)
        with pytest.raises(toolchain.BuildError, match=r"cannot be used: .*No space left"):
            keep_compiled(recipe, tmp_path, again=False)
    assert not list((cache_folder() / "made-up-0123").iterdir())
    library = keep_compiled(recipe, tmp_path, again=False)
    assert library.read_bytes() == b"machine code"
    assert list(library.parent.iterdir()) == [library]
