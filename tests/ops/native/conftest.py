"""A checkout of a small library, for the tests of how the native library is found, built and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i2i.ops.native import cpu, toolchain

from .small_library import CMAKE, SMALL


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
