from collections.abc import Callable

import pytest

from i2i.plugins.manager import Component, Plugin, PluginManager
from i2i.plugins.specs import Spec

from ..helpers.fixtures import install

__all__ = ["install"]


@pytest.fixture
def file(tmp_path):
    """Write a configuration file."""

    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def manager() -> PluginManager:
    return PluginManager({})


@pytest.fixture
def add(manager: PluginManager) -> Callable[[Spec], None]:
    """Register a spec as if the package ``i2i-oak`` had brought it."""
    plugin = Plugin("oak", "i2i-oak", "1.2", "i2i_oak", "loaded")

    def add(spec: Spec) -> None:
        manager._components[spec.kind, spec.name].append(Component(spec, plugin))

    return add
