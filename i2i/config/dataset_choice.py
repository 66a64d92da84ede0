"""Which data set reads what a person gave as data, where nobody names one."""

from __future__ import annotations

from i2i.errors import ConfigError, shown
from i2i.plugins.calls import calling
from i2i.plugins.manager import Component, PluginManager
from i2i.plugins.specs import DatasetSpec


def choose_dataset(manager: PluginManager, root: str, usual: str) -> tuple[str, list[str]]:
    """Choose a data set: the usual one where it reads this or does not say, else the only one that says it does.

    Args:
        manager: the plugins.
        root: what was given.
        usual: a data set by name; it is chosen, too, where none accepts it, and explains what it expected.

    Returns:
        Its name, and what a person should know about the choice.

    Raises:
        ConfigError: several accept it.
        PluginError: a data set cannot say.
    """
    component = manager.find("dataset", usual)
    if not _says(component) or accepts(component, root):
        return usual, []
    found = accepting(manager, root, usual)
    if len(found) == 1:
        return found[0].spec.name, [
            f"{root} is read by {found[0].called}, the only data set that accepts it; another is chosen with --set "
            "data.name=NAME"
        ]
    if found:
        named = " and ".join(str(each.called) for each in found)
        choices = " or ".join(f"--set data.name={each.spec.name}" for each in found)
        raise ConfigError(f"{shown(root)} can be read by {named}; choose one with {choices}")
    silent = [each.spec.name for each in manager.components("dataset") if not _says(each) and each.spec.name != usual]
    if not silent:
        return usual, []
    choices = " or ".join(f"--set data.name={name}" for name in silent)
    return usual, [f"no data set says that it reads {root}; some do not say what they read: {choices}"]


def accepting(manager: PluginManager, root: str, without: str) -> list[Component]:
    """The data sets that say they read this, but for one."""
    found = manager.components("dataset")
    return [each for each in found if each.spec.name != without and _says(each) and accepts(each, root)]


def accepts(component: Component, root: str) -> bool:
    """Whether the data set says that it reads this.

    Raises:
        PluginError: it cannot say.
    """
    spec = component.spec
    assert isinstance(spec, DatasetSpec)
    assert spec.accepts is not None  # who asks has looked
    with calling(component.called, f"asking data set {spec.name} whether it reads {root}"):
        return bool(spec.accepts(root))


def _says(component: Component) -> bool:
    return isinstance(component.spec, DatasetSpec) and component.spec.accepts is not None
