"""Plugins listed, described and checked by a program."""

from __future__ import annotations

import pytest

from i2i.api import check_plugin, list_plugins, show_plugin
from i2i.errors import PluginError
from i2i.plugins.manager import PluginManager


def test_what_is_installed_by_kind():
    installed = list_plugins("buffer")

    assert {component.spec.kind for component in installed.components} == {"buffer"}
    assert "replay" in {component.spec.name for component in installed.components}
    assert installed.plugins[0].package == "i2i"
    assert installed.to_dict()["plugins"][0]["status"] == "loaded"


def test_a_component_with_its_options():
    shown = show_plugin("generator", "resnet9")

    assert shown.component.spec.name == "resnet9"
    assert "base_channels" in {option.name for option in shown.options}
    assert show_plugin("method", "cyclegan").to_dict()["defaults"]["loss"] == {"name": "lsgan"}
    with pytest.raises(PluginError, match="did you mean 'resnet9'"):
        show_plugin("generator", "resnet99")


def test_checks_come_one_component_after_the_other(capfd):
    checks = check_plugin("hinge", "loss", manager=PluginManager())
    checked = next(checks)

    assert checked.ok
    assert checked.component.spec.name == "hinge"
    assert next(checks, None) is None
    assert capfd.readouterr() == ("", "")


def test_what_is_not_there_is_an_error_at_the_call():
    with pytest.raises(PluginError, match="there is no package or component called 'nothing'"):
        check_plugin("nothing")
    with pytest.raises(PluginError, match="there is no kind of plugin called 'los'"):
        check_plugin("hinge", "los")
