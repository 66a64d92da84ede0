"""The built-in components come through the public hooks, one of each name, and hold to the paper's choices."""

import pytest

from i2i.builtin import plugin
from i2i.plugins import hookspecs
from i2i.plugins.component_options import describe_options

NONE_BUILT_IN = {"i2i_commands"}  # i2i's own commands are in no plugin, for which i2i --help would load it
HOOKS = [name for name in vars(hookspecs) if name.startswith("i2i_") and name not in NONE_BUILT_IN]
SPECS = [spec for name in HOOKS for spec in getattr(plugin, name)()]


def test_every_hook_has_built_in_components_of_its_kind():
    for name in HOOKS:
        kinds = {spec.kind for spec in getattr(plugin, name)()}
        assert len(kinds) == 1, name
        assert name.removeprefix("i2i_").startswith(kinds.pop()[:4])


def test_no_two_components_of_a_kind_share_a_name():
    names = [(spec.kind, spec.name) for spec in SPECS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind} {spec.name}")
def test_a_component_says_what_it_is_and_what_each_option_does(spec):
    assert spec.summary
    assert len(spec.summary) < 120
    for field in describe_options(spec.options):
        assert field.description, field.name
        assert field.bounds or field.type not in ("integer", "number"), field.name


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.kind == "method"], ids=lambda spec: spec.name)
def test_what_a_method_chooses_is_there(spec):
    names = {(each.kind, each.name): each for each in SPECS}
    for kind, chosen in spec.defaults.items():
        component = names["loss" if kind == "pixel_loss" else kind, chosen["name"]]
        component.options(**{name: value for name, value in chosen.items() if name != "name"})
