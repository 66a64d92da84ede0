"""Installed distributions for the tests of the plugin manager: real packages with real metadata, on ``sys.path``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install(package, source)`` lays a distribution down as pip would and returns the name of its module."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules: list[str] = []

    def install(
        package: str, source: str, *, version: str = "1.2", entry_points: str | None = None, metadata: bool = True
    ) -> str:
        module = package.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        information = site / f"{module}-{version}.dist-info"
        information.mkdir()
        if metadata:
            (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        entry_points = entry_points or f"{package}-entry = {module}"
        (information / "entry_points.txt").write_text(f"[i2i]\n{entry_points}\n")
        (information / "RECORD").write_text("")
        monkeypatch.syspath_prepend(site)  # once more, so that the import system looks at the folder again
        return module

    yield install
    for module in modules:
        sys.modules.pop(module, None)
