"""Finding plugins, surviving broken ones, and looking components up by name.

pluggy's own entry-point loader stops at the first plugin that fails to import. Here each one is loaded inside its own
``try``: a broken package becomes one line that names it and says how to disable it.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypeVar

import pluggy

from i2i._version import __version__
from i2i.environment.packages import plugin_entry_points
from i2i.errors import PluginError, did_you_mean, printable, shown
from i2i.paths import named
from i2i.plugins import hookspecs
from i2i.plugins.calls import TRACE_VARIABLE, Called, calling, show_trace
from i2i.plugins.component_options import Options
from i2i.plugins.hookspecs import HOOKS, PROJECT
from i2i.plugins.plugin_files import PluginFile
from i2i.plugins.specs import SPECS, Spec

BUILTIN_MODULE = "i2i.builtin.plugin"
DISABLE_VARIABLE = "I2I_DISABLE_PLUGINS"

SIZES = ("size_multiple", "smallest_size")
"""The functions of specs that give a size."""

SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True)
class Plugin:
    """One plugin module, and what became of it.

    Attributes:
        name: the entry point's name.
        package: the distribution it came from.
        version: that distribution's version.
        module: the dotted module name.
        status: ``"loaded"``, ``"failed"`` or ``"disabled"``.
        problem: one line, for a plugin that failed.
        passed_over: its optional hooks that this i2i does not know: a later one may.
        file: of a plugin that is one file and no package, its path; its name stands for the package, and the beginning
            of its SHA-256 for the version.
    """

    name: str
    package: str
    version: str
    module: str
    status: Literal["loaded", "failed", "disabled"]
    problem: str = ""
    passed_over: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True)
class Component:
    """A registered spec and the plugin that brought it.

    Attributes:
        spec: its kind, name, summary, options and how it is built.
        plugin: where it is from.
    """

    spec: Spec
    plugin: Plugin

    @property
    def called(self) -> Called:
        """What messages call it."""
        plugin = self.plugin
        return Called(self.spec.kind, self.spec.name, plugin.package, plugin.version, plugin.module)


class PluginManager:
    """The components of all installed plugins, and of files. Make one per command or call: it keeps no global state.

    Args:
        environ: where ``I2I_DISABLE_PLUGINS`` (comma-separated entry-point or package names) and
            ``I2I_TRACE_PLUGINS`` (print what is loaded to standard error) are read from.
        files: plugins that are one Python file each and no package; they are loaded as the last ones.
        builtin: whether i2i's own components are among them; who looks for commands does without, and starts sooner.

    Attributes:
        plugins: every plugin that was found, loaded or not; the built-in one first, then by package and name.
        warnings: one line for each plugin that failed to load (who, why, and how to go on without it) and for each
            name in ``I2I_DISABLE_PLUGINS`` that no plugin has.

    Raises:
        PluginError: a file cannot be loaded. Somebody asked for it, so that nothing goes on without it.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, *, files: Iterable[str | Path] = (), builtin: bool = True
    ) -> None:
        environ = os.environ if environ is None else environ
        disabled = {name.strip() for name in environ.get(DISABLE_VARIABLE, "").split(",")} - {""}
        self.plugins: list[Plugin] = []
        self._components: dict[tuple[str, str], list[Component]] = defaultdict(list)
        self._tracing = bool(environ.get(TRACE_VARIABLE))
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspecs)

        if builtin:
            own = Plugin("builtin", "i2i", __version__, BUILTIN_MODULE, "loaded")
            self._load(own, lambda: importlib.import_module(BUILTIN_MODULE))
        unused = dict.fromkeys(sorted(disabled))
        found = [(_plugin_of(entry_point), entry_point) for entry_point in plugin_entry_points()]
        for plugin, entry_point in sorted(found, key=lambda item: (item[0].package, item[0].name)):
            naming = {name for name in disabled if name == plugin.name or same_package(name, plugin.package)}
            if naming:
                unused = {name: None for name in unused if name not in naming}
                self._trace(f"{plugin.name} of {plugin.package} is disabled")
                self.plugins.append(replace(plugin, status="disabled"))
            else:
                self._load(plugin, entry_point.load)
        self.warnings = [
            f"plugin {plugin.name!r} of package {plugin.package} was not loaded: {plugin.problem} "
            f"(report it to the package, or set {DISABLE_VARIABLE}={self._disabling_name(plugin)})"
            for plugin in self.plugins
            if plugin.status == "failed"
        ]
        known = {name for plugin, _ in found for name in (plugin.name, plugin.package)}
        self.warnings += [
            f"{DISABLE_VARIABLE} names {name!r}, which is not an installed plugin or package{did_you_mean(name, known)}"
            for name in unused
        ]
        for path in dict.fromkeys(named(file).absolute() for file in files):
            self._load_file(path)

    @property
    def files(self) -> list[str]:
        """The plugins that are files, by their paths."""
        return [plugin.file for plugin in self.plugins if plugin.file]

    def components(self, kind: str | None = None) -> Iterator[Component]:
        """All components, or all of one kind, ordered by kind, then name, then package."""
        kinds = list(SPECS)
        ordered = sorted(self._components.items(), key=lambda item: (kinds.index(item[0][0]), item[0][1]))
        for (found_kind, _), components in ordered:
            if kind in (None, found_kind):
                yield from sorted(components, key=lambda component: component.plugin.package)

    def find(self, kind: str, name: str) -> Component:
        """Return the component of this kind and name.

        Raises:
            PluginError: when there is none (naming the nearest) or when two packages claim the name (naming both).
        """
        if kind not in SPECS:
            raise PluginError(f"there is no kind of plugin called {shown(kind)}{did_you_mean(kind, SPECS)}")
        found = self._components.get((kind, name), [])
        if len(found) == 1:
            return found[0]
        if found:
            owners = " and ".join(f"{component.plugin.package} {component.plugin.version}" for component in found)
            raise PluginError(f"{kind} {name!r} is claimed by {owners}; {self._without(found[-1].plugin)}")
        known = [component.spec.name for component in self.components(kind)]
        installed = ", ".join(known) or "none"
        message = f"there is no {kind} called {shown(name)}{did_you_mean(name, known)} (installed: {installed})"
        failed = [plugin.name for plugin in self.plugins if plugin.status != "loaded"]
        if failed:
            message += f"; plugins that are not loaded: {', '.join(failed)} (see: i2i plugins list)"
        raise PluginError(message)

    def spec(self, spec_type: type[SpecType], name: str) -> SpecType:
        """Return the spec of this type and name; see :meth:`find`."""
        spec = self.find(spec_type.kind, name).spec
        assert isinstance(spec, spec_type)
        return spec

    def ask(self, kind: str, name: str, question: str, options: Options) -> Any:
        """Return what a function of a spec, such as ``size_multiple``, answers for these options.

        Raises:
            PluginError: there is no such component, or its function fails, or gives no size or no layers where they are
                asked for.
        """
        component = self.find(kind, name)
        with calling(component.called, f"asking {kind} {name} for its {question}"):
            answer = getattr(component.spec, question)(options)
            if question in SIZES and not (isinstance(answer, Integral) and int(answer) >= 1):
                raise TypeError(f"{question} must give a whole number of pixels, 1 or more; got {shown(answer)}")
            if question == "taps" and not _names_layers(answer):
                raise TypeError(f"taps must give a mapping of names to paths of layers; got {shown(answer)}")
        return answer

    def _without(self, plugin: Plugin) -> str:
        """What to do to be rid of one of several plugins."""
        if plugin.file:
            return f"leave out --plugin {plugin.file}, or rename its own"
        return f"disable one of them, for example {DISABLE_VARIABLE}={self._disabling_name(plugin)}"

    def _disabling_name(self, plugin: Plugin) -> str:
        """What to put into ``I2I_DISABLE_PLUGINS`` to be rid of this plugin and, where that can be had, of no other."""
        shared = [other for other in self.plugins if other.name == plugin.name and other.package != plugin.package]
        return plugin.package if shared else plugin.name

    def _trace(self, text: str) -> None:
        if self._tracing:
            sys.stderr.write(f"i2i plugins: {printable(text)}\n")

    def _load_file(self, path: Path) -> None:
        file = PluginFile.read(path)
        plugin = Plugin(path.stem, path.name, file.version, file.module, "loaded", file=str(path))
        try:
            self._load(plugin, file.load)
        except (Exception, SystemExit) as error:
            show_trace(error)
            problem = f"{_problem(error)}{file.line_of(error)}"
            raise PluginError(f"plugin file {path} cannot be loaded: {problem}") from error

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        self._trace(f"loading {plugin.name} of {plugin.package} {plugin.version} from {plugin.module}")
        begin = time.perf_counter()
        registered = f"{plugin.file or plugin.package}:{plugin.name}"
        try:
            module = load()
            self._pluggy.register(module, name=registered)
            specs, passed_over = self._collect(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plugin's module does, sys.exit() included, i2i continues
            problem = _problem(error)
            self._trace(f"{plugin.name} failed: {problem}")
            self._pluggy.unregister(name=registered)
            if plugin.file:
                raise
            self.plugins.append(replace(plugin, status="failed", problem=problem))
            return
        self._trace(f"loaded {plugin.name} in {1000 * (time.perf_counter() - begin):.0f} ms")
        plugin = replace(plugin, passed_over=passed_over)
        self.plugins.append(plugin)
        for spec in specs:
            self._components[spec.kind, spec.name].append(Component(spec, plugin))

    def _collect(self, module: Any) -> tuple[list[Spec], tuple[str, ...]]:
        """Call each hook of one plugin on its own, so that a failure has one owner.

        Returns:
            What they return, and the optional hooks that are not known.
        """
        collected: list[Spec] = []
        passed_over: list[str] = []
        callers = self._pluggy.get_hookcallers(module) or []
        if not callers:
            raise _BadPluginError(
                f"it implements no hook; expected functions decorated with @hookimpl, "
                f"named after one of {', '.join(HOOKS)}"
            )
        for caller in callers:
            (implementation,) = [each for each in caller.get_hookimpls() if each.plugin is module]
            if caller.has_spec():
                specs = _check_specs(caller.name, implementation.function())
                self._trace(f"{caller.name} returned {', '.join(spec.name for spec in specs) or 'nothing'}")
                collected.extend(specs)
            elif implementation.optionalhook:
                self._trace(f"{caller.name} is passed over: this i2i has no such hook, and it is optional")
                passed_over.append(caller.name)
            else:
                raise _BadPluginError(
                    f"there is no hook called {caller.name!r}{did_you_mean(caller.name, HOOKS)}; one that only a "
                    "later i2i knows is marked @hookimpl(optionalhook=True)"
                )
        names = [(spec.kind, spec.name) for spec in collected]
        for kind, spec_name in names:
            if names.count((kind, spec_name)) > 1:
                raise _BadPluginError(f"it registers {kind} {spec_name!r} more than once")
        return collected, tuple(sorted(passed_over))


def _names_layers(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(isinstance(text, str) for item in answer.items() for text in item)


class _BadPluginError(Exception):
    """A plugin that imports but does not keep to the hooks; its message needs no exception name before it."""


def _check_specs(hook: str, returned: Any) -> list[Spec]:
    expected = HOOKS[hook].__name__
    if isinstance(returned, Spec) or not isinstance(returned, Iterable) or isinstance(returned, str | Mapping):
        raise _BadPluginError(f"{hook} must return a list of {expected}; got {type(returned).__name__}")
    specs = list(returned)
    for spec in specs:
        if not isinstance(spec, HOOKS[hook]):
            raise _BadPluginError(f"{hook} must return a list of {expected}; one item is a {type(spec).__name__}")
    return specs


def _plugin_of(entry_point: EntryPoint) -> Plugin:
    """Say what an entry point's metadata claim, without importing anything; metadata can be damaged too."""
    package = version = "unknown"
    if entry_point.dist is not None:
        try:
            facts = entry_point.dist.metadata  # read and parsed at each access
            package, version = str(facts["Name"] or package), str(facts["Version"] or version)
        except Exception:  # a package whose METADATA file is missing or unreadable still has an entry point
            package = version = "unknown"
    return Plugin(entry_point.name, package, version, entry_point.value.partition(":")[0], "loaded")


def same_package(name: str, package: str) -> bool:
    """Compare as package indexes do: ``My_Package`` is ``my-package``."""
    return re.sub(r"[-_.]+", "-", name).lower() == re.sub(r"[-_.]+", "-", package).lower()


def _problem(error: BaseException) -> str:
    """One line that says what went wrong."""
    lines = (str(error).strip() or "no message").splitlines()
    if isinstance(error, _BadPluginError):
        return lines[0]
    if isinstance(error, pluggy.PluginValidationError):  # its first line names the hook, its last line the reason
        return f"{lines[0]}: {lines[-1]}; a hook of i2i is a plain function without arguments"
    return f"{type(error).__name__}: {lines[0]}"
