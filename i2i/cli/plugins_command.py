"""``i2i plugins``: what is installed, one component's options, a new plugin package, and the contract checks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import CONTEXT_SETTINGS, Command, tell_new_spelling
from i2i.cli.output import new_table, plugin_manager, print_json, print_table, say
from i2i.config.sections import NUMBERED, section_of
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.specs import (
    NETWORK_GROUPS,
    SPECS,
    TAKEN_COMMANDS,
    CommandSpec,
    ExporterSpec,
    MethodSpec,
    OptimizerSpec,
)

if TYPE_CHECKING:
    from i2i.api.installed_plugins import CheckedPlugin
    from i2i.plugins.component_options import OptionField
    from i2i.plugins.manager import PluginManager

KINDS = click.Choice(list(SPECS))


@click.group(context_settings=CONTEXT_SETTINGS)
def plugins() -> None:
    """List, show, make and check plugins.

    A plugin is an installed package with an entry point in the group i2i; the built-in parts are one too.
    I2I_DISABLE_PLUGINS=NAME,... leaves plugins out; I2I_TRACE_PLUGINS=1 tells what is loaded and
    shows the traceback of a component that fails.
    """


@plugins.command("list", cls=Command)
@shared.option("--kind", type=KINDS, help="Only this kind. Default: all.")
@shared.as_json("components and plugins")
def list_(kind: str | None, as_json: bool) -> None:
    """List every component, and the plugins that are not loaded."""
    from i2i.api import list_plugins

    installed = list_plugins(kind, manager=plugin_manager(warn=False))
    if as_json:
        print_json(installed.to_dict())
        return
    table = new_table("Kind", "Name", "Summary", "Package", "Version")
    for component in installed.components:
        spec, plugin = component.spec, component.plugin
        table.add_row(spec.kind, spec.name, spec.summary, plugin.package, plugin.version)
    print_table(table)
    missing = [plugin for plugin in installed.plugins if plugin.status != "loaded"]
    if missing:
        say()
        say("Not loaded:")
        for plugin in missing:
            reason = f": {plugin.problem}" if plugin.problem else " by I2I_DISABLE_PLUGINS"
            say(f"  {plugin.name} ({plugin.package} {plugin.version}) {plugin.status}{reason}", lines=True)
    newer = [plugin for plugin in installed.plugins if plugin.passed_over]
    if newer:
        say()
        say("Passed over, for this i2i has no such hooks; a later one may:")
        for plugin in newer:
            say(f"  {plugin.name} ({plugin.package} {plugin.version}): {', '.join(plugin.passed_over)}", lines=True)


@plugins.command(cls=Command)
@click.argument("kind", type=KINDS)
@click.argument("name")
@shared.as_json("the component and its options")
def show(kind: str, name: str, as_json: bool) -> None:
    """Show one component: where it comes from, and its options with type, bounds and default."""
    from i2i.api import show_plugin

    shown = show_plugin(kind, name, manager=plugin_manager())
    if as_json:
        print_json(shown.to_dict())
        return
    component, fields = shown.component, shown.options
    spec = component.spec
    formatter = click.HelpFormatter(max_width=80)
    formatter.write_text(f"{kind} {name} ({component.plugin.package} {component.plugin.version})")
    with formatter.indentation():
        formatter.write_text(spec.summary)
    formatter.write_paragraph()
    section = section_of(spec)
    if fields:
        formatter.write_text(f"Options, set with --set {section}.OPTION=VALUE:")
        with formatter.indentation():
            formatter.write_dl([(field.name, _describe(field)) for field in fields], col_max=24)
        if isinstance(spec, OptimizerSpec):
            formatter.write_paragraph()
            formatter.write_text(
                f"For one group of networks: --set {section}.GROUP.OPTION=VALUE; the groups are "
                f"{', '.join(NETWORK_GROUPS)}."
            )
    elif isinstance(spec, CommandSpec):
        formatter.write_text(f"Its options: i2i {name} --help")
    else:
        formatter.write_text("It has no options.")
    if isinstance(spec, ExporterSpec):
        formatter.write_paragraph()
        beside = f", with {' and '.join(spec.beside)} beside it" if spec.beside else ""
        formatter.write_text(f"Chosen with i2i export --format {name}; its files end in {spec.suffix}{beside}.")
    if section in NUMBERED:
        formatter.write_paragraph()
        formatter.write_text(_one_of_several(section))
    if shown.taps:
        formatter.write_paragraph()
        formatter.write_text(f"Its inner layers that have a name (taps): {', '.join(shown.taps)}.")
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
    """Write an installable plugin package, with a small component that works, tests that pass and a licence."""
    from i2i.cli.new_plugin import default_folder, write_plugin

    if family is not None and kind != "loss":
        raise click.UsageError(f"--family is for a loss; got {kind}")
    owners = [found.plugin.package for found in plugin_manager().components(kind) if found.spec.name == name]
    if kind == "command" and name in TAKEN_COMMANDS:
        owners.append("i2i")
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


class CheckCommand(Command):
    """``i2i plugins check``, which once took the kind as an option, too."""

    def todays_words(self, words: list[str]) -> list[str]:
        """The words with the kind before the name, wherever and however it was given."""
        for place, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name == "--kind" and (equals or place + 1 < len(words)):
                tell_new_spelling("NAME --kind KIND", "KIND NAME")
                kind = value if equals else words[place + 1]
                words = [kind, *words[:place], *words[place + (1 if equals else 2) :]]
                break
        return super().todays_words(words)


@plugins.command(cls=CheckCommand)
@click.argument("words", metavar="[KIND] NAME", nargs=-1, required=True)
@shared.option(
    "--data",
    metavar="FOLDER|FILE",
    type=shared.FOLDER,
    help="What data sets read, or a file for a reader. Default: small folders made for the purpose; what it writes.",
)
@shared.timeout("How long each export of a generator may take. Default: 120.")
@shared.as_json("the result of each check")
def check(words: tuple[str, ...], data: Path | None, timeout: float | None, as_json: bool) -> None:
    """Run the contract checks on one component, or on all components of a package.

    NAME is a package, its entry point or a component. KIND NAME is one component, as in "plugins show", or the
    components of that kind of a package. A generator is exported as well, in each built-in format whose packages are
    installed. The imports of a package are compared with its dependencies. Exit code 1 when a check fails.
    """
    if len(words) > 2:
        raise click.UsageError(f"expected NAME or KIND NAME; got {' '.join(words)}")
    from i2i.api import check_plugin
    from i2i.terminal import watching

    *kinds, name = words
    kind = KINDS.convert(kinds[0], None, None) if kinds else None
    manager = plugin_manager(warn=False)
    found = check_plugin(name, kind, **shared.given({"data": data, "timeout": timeout}), manager=manager)
    if not as_json and kind is None:
        _tell_namesakes(manager, name)
    checked = []
    with watching(not as_json):
        for each in found:
            checked.append(each)
            if not as_json:
                _print_checks(each)
    if as_json:
        print_json([each.to_dict() for each in checked])
    else:
        components = sum(each.component is not None for each in checked)
        results = [result for each in checked for result in each.results]
        failed = sum(not result.ok for result in results)
        say(f"{_counted(components, 'component')}, {_counted(len(results), 'check')}, {failed} failed")
    if not all(each.ok for each in checked):
        click.get_current_context().exit(1)


def _print_checks(checked: CheckedPlugin) -> None:
    plugin, component = checked.plugin, checked.component
    title = f"plugin {plugin.name}" if component is None else f"{component.spec.kind} {component.spec.name}"
    say(f"{title} ({plugin.package} {plugin.version})")
    for result in checked.results:
        message = f": {result.message}" if result.message else ""
        say(f"  {'ok    ' if result.ok else 'FAILED'}  {result.name}{message}", lines=True)


def _one_of_several(section: str) -> str:
    """How options of one of several components are set."""
    numbered = NUMBERED[section]
    told = f"One of several {numbered.plural}, numbered from 0: --set {section}.1.OPTION=VALUE."
    if section == "pixel_loss":
        told = f"{told} Its factor in their sum: --set {section}.1.weight=0.5."
    return told


def _describe(field: OptionField) -> str:
    facts = ", ".join(part for part in (field.type, field.bounds, f"default {_plain(field.default)}") if part)
    return f"{field.description} [{facts}]".strip()


def _plain(value: Any) -> str:
    """A value as a person would type it after ``--set``; ``none`` is not a value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "empty"
    return str(value)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_plain(value)}" for key, value in values.items())


def _tell_namesakes(manager: PluginManager, name: str) -> None:
    """Say so where components are called like the package or entry point that is checked, unless they are all of it."""
    from i2i.api.installed_plugins import is_called

    of_package = [found for found in manager.components() if is_called(found.plugin, name)]
    namesakes = [found for found in manager.components() if found.spec.name == name]
    if of_package and namesakes and namesakes != of_package:
        commands = " or ".join(f"i2i plugins check {found.spec.kind} {name}" for found in namesakes)
        say(f"{name} is the name of a package, which is checked, and of a component: {commands}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
