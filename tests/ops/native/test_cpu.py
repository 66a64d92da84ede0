"""Where the native library comes from: the order of the search, and the reasons given for what is not taken."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from i2i.errors import ConfigError, NativeError
from i2i.ops.native import cpu, toolchain

from .small_library import COMPILER, SMALL, as_package, load_anew


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


def test_off_loads_nothing_and_a_misspelt_mode_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2I_BUILD", "off")
    kernels = cpu.load()

    assert kernels == cpu.CpuKernels("reference", reasons={"installed": "I2I_BUILD=off", "cache": "I2I_BUILD=off"})
    monkeypatch.setenv("I2I_BUILD", "of")
    with pytest.raises(ConfigError, match="I2I_BUILD must be one of auto, required, off; got 'of'"):
        load_anew()
