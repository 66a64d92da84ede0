"""Third-party packages, as installed ones: real distributions on the import path."""

import importlib
import sys

import pytest


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a one-module distribution with an entry point in the group ``i2i``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    added = []

    def add(package, source):
        module = package.replace("-", "_")
        added.append(module)
        (site / f"{module}.py").write_text(source)
        information = site / f"{module}-1.2.3.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2.3\n")
        (information / "entry_points.txt").write_text(f"[i2i]\n{package.removeprefix('i2i-')} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    yield add
    for module in added:
        sys.modules.pop(module, None)
