"""``i2i plugins``: what is installed, one component's options, a new plugin package, and the contract checks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import CONTEXT_SETTINGS, Command
from i2i.cli.output import new_table, plugin_manager, print_json, print_table, say
from i2i.errors import ConfigError, PluginError, did_you_mean
from i2i.paths import named
from i2i.plugins.calls import calling
from i2i.plugins.manager import PluginManager, same_package
from i2i.plugins.specs import SPECS, LossSpec, MethodSpec, Spec
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.plugins.component_options import OptionField
    from i2i.plugins.manager import Component, Plugin

KINDS = click.Choice(list(SPECS))


@click.group(context_settings=CONTEXT_SETTINGS)
def plugins() -> None:
    """List, show, make and check plugins.

    A plugin is an installed package with an entry point in the group i2i; the built-in parts are one too.
    I2I_DISABLE_PLUGINS=NAME,... leaves plugins out; I2I_TRACE_PLUGINS=1 tells what is loaded and
    shows the traceback of a component that fails.
    """


@plugins.command("list", cls=Command)
@click.option("--kind", type=KINDS, help="Only this kind. Default: all.")
@shared.as_json("components and plugins")
def list_(kind: str | None, as_json: bool) -> None:
    """List every component, and the plugins that are not loaded."""
    manager = PluginManager()
    components = list(manager.components(kind))
    missing = [plugin for plugin in manager.plugins if plugin.status != "loaded"]
    if as_json:
        print_json(
            {
                "components": [_facts(component) for component in components],
                "plugins": [asdict(plugin) for plugin in manager.plugins],
            }
        )
        return
    table = new_table("Kind", "Name", "Summary", "Package", "Version")
    for component in components:
        spec, plugin = component.spec, component.plugin
        table.add_row(spec.kind, spec.name, spec.summary, plugin.package, plugin.version)
    print_table(table)
    if missing:
        say()
        say("Not loaded:")
        for plugin in missing:
            reason = f": {plugin.problem}" if plugin.problem else " by I2I_DISABLE_PLUGINS"
            say(f"  {plugin.name} ({plugin.package} {plugin.version}) {plugin.status}{reason}", lines=True)


@plugins.command(cls=Command)
@click.argument("kind", type=KINDS)
@click.argument("name")
@shared.as_json("the component and its options")
def show(kind: str, name: str, as_json: bool) -> None:
    """Show one component: where it comes from, and its options with type, bounds and default."""
    from i2i.plugins.component_options import describe_options

    component = plugin_manager().find(kind, name)
    with calling(component.called, f"describing the options of {kind} {name}"):
        spec, fields = component.spec, describe_options(component.spec.options)
    if as_json:
        facts = {**_facts(component), "options": [asdict(field) for field in fields]}
        if isinstance(spec, MethodSpec):
            facts["defaults"] = {section: dict(values) for section, values in spec.defaults.items()}
        print_json(facts)
        return
    formatter = click.HelpFormatter(max_width=80)
    formatter.write_text(f"{kind} {name} ({component.plugin.package} {component.plugin.version})")
    with formatter.indentation():
        formatter.write_text(spec.summary)
    formatter.write_paragraph()
    section = _section(spec)
    if fields:
        formatter.write_text(f"Options, set with --set {section}.OPTION=VALUE:")
        with formatter.indentation():
            formatter.write_dl([(field.name, _describe(field)) for field in fields], col_max=24)
    else:
        formatter.write_text("It has no options.")
    if isinstance(spec, MethodSpec) and spec.defaults:
        formatter.write_paragraph()
        formatter.write_text("It starts from these settings of other parts:")
        with formatter.indentation():
            formatter.write_dl([(part, _listed(values)) for part, values in spec.defaults.items()])
    say(formatter.getvalue().rstrip(), lines=True)


@plugins.command(cls=Command)
@click.argument("kind", type=KINDS)
@click.argument("name")
@shared.out("FOLDER", "A new or empty folder. Default: i2i-NAME.")
@shared.force("files that exist")
@click.option(
    "--family", type=click.Choice(["adversarial", "pixel"]), help="For a loss: what it compares. Default: pixel."
)
def new(kind: str, name: str, out: Path | None, force: bool, family: str | None) -> None:
    """Write an installable plugin package, with a small component that works and tests that pass."""
    from i2i.cli.new_plugin import default_folder, write_plugin

    if family is not None and kind != "loss":
        raise click.UsageError(f"--family is for a loss; got {kind}")
    owners = [found.plugin.package for found in plugin_manager().components(kind) if found.spec.name == name]
    if owners:
        raise ConfigError(f"there is already a {kind} called {name!r}, in {owners[0]}; choose another name")
    folder = default_folder(name) if out is None else named(out)
    for path in write_plugin(kind, name, folder, family or "pixel", force=force):
        say(f"wrote {path}")
    say()
    say("Next:")
    say(f"  pip install -e {shlex.quote(f'{folder}[test]')}")
    say(f"  i2i plugins check {name}")
    say(f"  pytest {shlex.quote(str(folder))}")


@plugins.command(cls=Command)
@click.argument("words", metavar="PACKAGE|[KIND] NAME", nargs=-1, required=True)
@click.option("--kind", type=KINDS, help="Of a package, only components of this kind. Default: all.")
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="What data sets read. Default: small folders made for the purpose.",
)
def check(words: tuple[str, ...], kind: str | None, data: Path | None) -> None:
    """Run the contract checks on all components of a package, or on one component.

    A single word is a package or its entry point, or else the name of components. KIND NAME is one component, as in
    "plugins show". Exit code 1 when a check fails.
    """
    manager = PluginManager()
    broken: list[Plugin] = []
    if len(words) == 1:
        (target,) = words
        broken = _not_loaded(manager, target)
        components = [found for found in _find(manager, target) if kind in (None, found.spec.kind)]
        if not components and not broken:
            raise _nothing_found(manager, target, kind)
        _tell_namesakes(manager, target, components, kind)
    elif len(words) == 2 and kind is None:
        components = [manager.find(KINDS.convert(words[0], None, None), words[1])]
    else:
        raise click.UsageError(
            f"expected PACKAGE, NAME or KIND NAME; got {' '.join(words)}{' and --kind' * bool(kind)}"
        )

    from i2i.terminal import watching
    from i2i.testing import check_component

    failures = len(broken)
    for plugin in broken:
        say(f"plugin {plugin.name} ({plugin.package} {plugin.version})")
        say(f"  FAILED  loads: {plugin.problem or 'it is disabled by I2I_DISABLE_PLUGINS'}", lines=True)
    count = len(broken)
    for component in components:
        say(f"{component.spec.kind} {component.spec.name} ({component.plugin.package} {component.plugin.version})")
        with watching(), working(f"checking {component.spec.kind} {component.spec.name}"):
            results = list(check_component(component, root=data))
        for result in results:
            message = f": {result.message}" if result.message else ""
            say(f"  {'ok    ' if result.ok else 'FAILED'}  {result.name}{message}", lines=True)
            count += 1
            failures += not result.ok
    say(f"{_counted(len(components), 'component')}, {_counted(count, 'check')}, {failures} failed")
    if failures:
        click.get_current_context().exit(1)


def _facts(component: Component) -> dict[str, Any]:
    spec, plugin = component.spec, component.plugin
    return {
        "kind": spec.kind,
        "name": spec.name,
        "summary": spec.summary,
        "package": plugin.package,
        "version": plugin.version,
        "module": plugin.module,
    }


def _section(spec: Spec) -> str:
    """The section of the configuration that holds the component's options."""
    if isinstance(spec, LossSpec) and spec.family == "pixel":
        return "pixel_loss"
    return "data" if spec.kind == "dataset" else spec.kind


def _describe(field: OptionField) -> str:
    facts = ", ".join(part for part in (field.type, field.bounds, f"default {_plain(field.default)}") if part)
    return f"{field.description} [{facts}]".strip()


def _plain(value: Any) -> str:
    """A value as a person would type it after ``--set``; ``none`` is no value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "empty"
    return str(value)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_plain(value)}" for key, value in values.items())


def _find(manager: PluginManager, target: str) -> list[Component]:
    """All components of the package or plugin called ``target``, or else all of that name."""
    components = list(manager.components())
    of_package = [component for component in components if _is_called(component.plugin, target)]
    return of_package or [component for component in components if component.spec.name == target]


def _tell_namesakes(manager: PluginManager, target: str, checked: list[Component], kind: str | None) -> None:
    """Say so where components are called like the package or entry point that is checked, unless they are all of it."""
    named = [component for component in manager.components(kind) if component.spec.name == target]
    if named and named != checked:
        commands = " or ".join(f"i2i plugins check {component.spec.kind} {target}" for component in named)
        say(f"{target} is the name of a package, which is checked, and of a component: {commands}")


def _not_loaded(manager: PluginManager, target: str) -> list[Plugin]:
    return [plugin for plugin in manager.plugins if plugin.status != "loaded" and _is_called(plugin, target)]


def _is_called(plugin: Plugin, target: str) -> bool:
    return same_package(target, plugin.package) or target == plugin.name


def _nothing_found(manager: PluginManager, target: str, kind: str | None) -> PluginError:
    packages = {plugin.package for plugin in manager.plugins}
    names = {component.spec.name for component in manager.components(kind)}
    of_kind = f" with a {kind}" if kind else ""
    return PluginError(
        f"there is no package or component called {target!r}{of_kind}{did_you_mean(target, packages | names)} "
        "(see: i2i plugins list)"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
