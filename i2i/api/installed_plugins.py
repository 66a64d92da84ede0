"""Installed plugins and their components: which there are, what options they have, whether they keep their contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.api.arguments import positive_seconds
from i2i.errors import PluginError, did_you_mean
from i2i.plugins.calls import calling
from i2i.plugins.manager import Component, Plugin, PluginManager, same_package
from i2i.plugins.specs import DiscriminatorSpec, GeneratorSpec, MethodSpec
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.plugins.component_options import OptionField
    from i2i.testing.results import CheckResult

EXPORT_SECONDS = 120.0
"""How long an export of a generator under check may take, if nobody says."""


@dataclass(frozen=True)
class InstalledPlugins:
    """What :func:`list_plugins` found.

    Attributes:
        components: all of them, or all of one kind, ordered by kind, name and package.
        plugins: every plugin, the built-in one first; ``.status`` and ``.problem`` say what became of it.
    """

    components: tuple[Component, ...]
    plugins: tuple[Plugin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "components": [facts(component) for component in self.components],
            "plugins": [asdict(plugin) for plugin in self.plugins],
        }


@dataclass(frozen=True)
class DescribedComponent:
    """What :func:`show_plugin` found.

    Attributes:
        component: its spec, and the plugin that brought it.
        options: each option with type, bounds, default and description.
        taps: of a generator or discriminator, the names of its inner layers, from shallow to deep, with its options'
            defaults; none for another component, or where an option has no default.
    """

    component: Component
    options: tuple[OptionField, ...]
    taps: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        values = {**facts(self.component), "options": [asdict(option) for option in self.options]}
        spec = self.component.spec
        if isinstance(spec, MethodSpec):
            values["defaults"] = {section: dict(defaults) for section, defaults in spec.defaults.items()}
        if isinstance(spec, GeneratorSpec | DiscriminatorSpec):
            values["taps"] = list(self.taps)
        return values


@dataclass(frozen=True)
class CheckedPlugin:
    """What :func:`check_plugin` found of one component, or of a plugin as a whole.

    Attributes:
        plugin: where it is from.
        component: it; ``None`` for a plugin as a whole.
        results: one for each check.
    """

    plugin: Plugin
    component: Component | None
    results: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every promise is kept."""
        return all(result.ok for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        named = asdict(self.plugin) if self.component is None else facts(self.component)
        return {**named, "ok": self.ok, "results": [asdict(result) for result in self.results]}


def list_plugins(kind: str | None = None, *, manager: PluginManager | None = None) -> InstalledPlugins:
    """List what is installed. Raises nothing for a plugin that cannot be loaded; it is among those that come back.

    Args:
        kind: ``generator``, ``discriminator``, ``loss``, ``buffer``, ``method``, ``dataset``, ``optimizer``,
            ``metric``, ``observer``, ``augmentation``, ``exporter``, ``command`` or ``reader``; all if not given.
        manager: the plugins; those that are installed if not given.
    """
    manager = manager or PluginManager()
    return InstalledPlugins(tuple(manager.components(kind)), tuple(manager.plugins))


def show_plugin(kind: str, name: str, *, manager: PluginManager | None = None) -> DescribedComponent:
    """Describe one component and its options.

    Args:
        kind: see :func:`list_plugins`.
        name: the component's name.
        manager: see :func:`list_plugins`.

    Raises:
        PluginError: there is no such component, or two packages claim its name, or its options cannot be described.
    """
    from i2i.plugins.component_options import describe_options

    manager = manager or PluginManager()
    component = manager.find(kind, name)
    spec, taps = component.spec, ()
    with calling(component.called, f"describing the options of {kind} {name}"):
        fields = tuple(describe_options(spec.options))
        all_have_defaults = not any(field.is_required() for field in spec.options.model_fields.values())
    if isinstance(spec, GeneratorSpec | DiscriminatorSpec) and all_have_defaults:
        taps = tuple(manager.ask(kind, name, "taps", spec.options()))
    return DescribedComponent(component, fields, taps)


def check_plugin(
    name: str,
    kind: str | None = None,
    *,
    data: str | Path | None = None,
    timeout: float = EXPORT_SECONDS,
    manager: PluginManager | None = None,
) -> Iterator[CheckedPlugin]:
    """Run the contract checks on one component, or on all components of a package, one after the other.

    Args:
        name: a component, or a package or its entry point. Without ``kind``, a package goes before components of its
            name; with it, the component goes before a package.
        kind: the kind of the component, or which components of the package are checked.
        data: what data sets read, or a file for a reader; small folders made for the purpose, and what the reader
            writes, if not given.
        timeout: seconds that each export of a generator may take.
        manager: see :func:`list_plugins`.

    Returns:
        An iterator: the plugins that are not loaded; each component as soon as it is checked; and the other plugins of
        a package, which declare what they import or not.

    Raises:
        PluginError: there is no such component or package.
    """
    manager, timeout = manager or PluginManager(), positive_seconds("timeout", timeout)
    components = [found for found in manager.components(kind) if found.spec.name == name]
    of_package = [found for found in manager.components(kind) if is_called(found.plugin, name)]
    plugins = [plugin for plugin in manager.plugins if is_called(plugin, name)]
    if kind is not None and (components or not plugins):
        # It names the nearest, or both that claim the name.
        return _checked(manager, [], [manager.find(kind, name)], data, timeout)
    components, broken = of_package or components, [plugin for plugin in plugins if plugin.status != "loaded"]
    if not components and not broken:
        raise _nothing_found(manager, name, kind)
    return _checked(manager, plugins if kind is None else broken, components, data, timeout)


def facts(component: Component) -> dict[str, Any]:
    """What is known about a component without looking into it, as plain values."""
    spec, plugin = component.spec, component.plugin
    return {
        "kind": spec.kind,
        "name": spec.name,
        "summary": spec.summary,
        "package": plugin.package,
        "version": plugin.version,
        "module": plugin.module,
    }


def is_called(plugin: Plugin, name: str) -> bool:
    """Whether a person means this plugin, by its package or its entry point."""
    return same_package(name, plugin.package) or name == plugin.name


def _checked(
    manager: PluginManager, plugins: list[Plugin], components: list[Component], data: str | Path | None, timeout: float
) -> Iterator[CheckedPlugin]:
    from i2i.testing import CheckResult, check_component
    from i2i.testing.declared_imports import check_dependencies

    for plugin in plugins:
        if plugin.status != "loaded":
            problem = plugin.problem or "it is disabled by I2I_DISABLE_PLUGINS"
            yield CheckedPlugin(plugin, None, (CheckResult("loads", False, problem),))
    for component in components:
        with working(f"checking {component.spec.kind} {component.spec.name}"):
            results = tuple(check_component(component, root=data, export_seconds=timeout, manager=manager))
        yield CheckedPlugin(component.plugin, component, results)
    for plugin in plugins:
        if plugin.status == "loaded" and not plugin.file and plugin.package != "i2i":
            result = check_dependencies(plugin)
            if result is not None:
                yield CheckedPlugin(plugin, None, (result,))


def _nothing_found(manager: PluginManager, name: str, kind: str | None) -> PluginError:
    packages = {plugin.package for plugin in manager.plugins}
    names = {component.spec.name for component in manager.components(kind)}
    of_kind = f" with a {kind}" if kind else ""
    return PluginError(
        f"there is no package or component called {name!r}{of_kind}{did_you_mean(name, packages | names)} "
        "(see: i2i plugins list)"
    )
