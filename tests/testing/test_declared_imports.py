"""A package that imports what it does not declare is told so; what needs no declaration is let be."""

import importlib
import sys

import pytest

from i2i.plugins.manager import Plugin, PluginManager
from i2i.testing.declared_imports import check_dependencies, imports_of

OAK = """
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import i2i
from i2i_oak.bark import thickness
from . import bark

if TYPE_CHECKING:
    import scipy
else:
    import click

try:
    import no_such_package
except ImportError:
    no_such_package = None


def grow():
    import numpy as np
    from PIL import Image
    from leaves.of import many
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    """A function that installs a package with these dependencies, and checks it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "i2i_oak"
    package.mkdir()
    (package / "__init__.py").write_text(OAK)
    (package / "bark.py").write_text("import yaml\nthickness = 3\n")
    information = tmp_path / "i2i_oak-1.2.dist-info"
    information.mkdir()

    def check(*dependencies):
        lines = "".join(f"Requires-Dist: {each}\n" for each in dependencies)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: i2i-oak\nVersion: 1.2\n{lines}")
        importlib.invalidate_caches()
        return check_dependencies(Plugin("oak", "i2i-oak", "1.2", "i2i_oak.plugin", "loaded"))

    yield check
    sys.modules.pop("i2i_oak", None)


def test_what_is_imported_is_found_with_its_place(check):
    check()
    found = imports_of("i2i_oak")
    assert set(found) == {"PIL", "click", "i2i", "leaves", "numpy", "yaml"}
    assert found["yaml"] == "bark.py, line 1"


def test_what_is_missing_is_named_as_a_package_index_knows_it(check):
    result = check("numpy>=2", "Pillow", 'click; python_version >= "3.8"')
    assert not result.ok
    assert result.message == (
        "imported and not declared: leaves (__init__.py, line 25); yaml (bark.py, line 1); add to dependencies in "
        'pyproject.toml: "leaves", "PyYAML"'
    )


def test_what_is_declared_is_enough_also_in_an_extra_for_users(check):
    declared = ("numpy", "pillow", "click", "pyyaml>=6")
    assert check(*declared, 'leaves; extra == "more"').ok
    assert not check(*declared, 'leaves; extra == "test"').ok


def test_without_metadata_nothing_is_said():
    assert check_dependencies(Plugin("oak", "no-such-package", "1.2", "i2i_oak", "loaded")) is None


def test_the_packages_that_are_installed_here_declare_what_they_import():
    for plugin in PluginManager({}).plugins:
        if plugin.package not in ("i2i", "unknown") and (result := check_dependencies(plugin)) is not None:
            assert result.ok, f"{plugin.package}: {result.message}"
