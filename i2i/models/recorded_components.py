"""What a run and its checkpoints record of the components they were made with, and how that compares with what is here.

A record is a list of ``{"kind": "loss", "name": "edge", "package": "i2i-edge", "version": "1.2"}``. Of a component of
a plugin file, the package is the file's name, the version a hash of it, and ``"file"`` says where it was.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from i2i.config.run_config import RunConfig
from i2i.environment.packages import pip_install
from i2i.errors import PluginError
from i2i.plugins.manager import PluginManager
from i2i.plugins.plugin_files import is_file, provider

UNKNOWN = "unknown"
"""The version of a package that does not say."""


@dataclass(frozen=True)
class RecordedComponent:
    """A component, and the package that brought it at that time."""

    kind: str
    name: str
    package: str
    version: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    @property
    def owner(self) -> str:
        """Package and version."""
        return f"{self.package} {self.version}"


def components_of(manager: PluginManager, config: RunConfig) -> list[RecordedComponent]:
    """Every component of a configuration once, with the package that brings it here."""
    found = []
    for kind, choice in config.chosen:
        plugin = manager.find(kind, choice.name).plugin
        found.append(RecordedComponent(kind, choice.name, plugin.package, plugin.version, plugin.file))
    return list(dict.fromkeys(found))


def components_to_json(components: Iterable[RecordedComponent]) -> list[dict[str, str]]:
    """Plain values, which :func:`components_from_json` reads back."""
    recorded = [asdict(component) for component in components]
    return [{key: value for key, value in each.items() if value or key != "file"} for each in recorded]


def components_from_json(values: Any) -> list[RecordedComponent]:
    """Read a record; one that is missing, as before it was kept, or damaged tells nothing."""
    try:
        return [RecordedComponent(**{str(key): str(value) for key, value in each.items()}) for each in values or ()]
    except (AttributeError, TypeError):
        return []


def require_components(
    manager: PluginManager, recorded: Sequence[RecordedComponent], what: str, otherwise: str = ""
) -> None:
    """Check that recorded components are still here.

    Args:
        manager: the plugins.
        recorded: what was used.
        what: what needs them, such as ``"the run runs/NAME"``.
        otherwise: what a person can do instead of installing them.

    Raises:
        PluginError: naming each that is missing, its package and what installs it, or two packages that claim one.
    """
    missing = [(component, said) for component in recorded if (said := _problem(manager, component))]
    if missing:
        lines = [f"  {component} of {provider(component.owner)}: {said}" for component, said in missing]
        cures = dict.fromkeys(cure(each.package, each.version, each.file) for each, _ in missing)
        ways = [*cures, otherwise] if otherwise else [*cures]
        raise PluginError("\n".join([f"{what} needs what is not here:", *lines, *ways]))


def missing_components(manager: PluginManager, recorded: Sequence[RecordedComponent]) -> list[RecordedComponent]:
    """Those that cannot be had here."""
    return [component for component in recorded if _problem(manager, component)]


def _problem(manager: PluginManager, component: RecordedComponent) -> str:
    """Why a component cannot be had, or an empty string."""
    try:
        manager.find(component.kind, component.name)
    except PluginError as error:
        return str(error)
    return ""


def changed_components(manager: PluginManager, recorded: Sequence[RecordedComponent]) -> str:
    """Say in one line which components come in another version or from another package now; empty if none does.

    Raises:
        PluginError: one is missing.
    """
    changes: dict[tuple[str, str], list[str]] = {}
    for component in recorded:
        plugin = manager.find(component.kind, component.name).plugin
        now = f"{plugin.package} {plugin.version}"
        if now != component.owner:
            changes.setdefault((component.owner, now), []).append(str(component))
    return "; ".join(f"{', '.join(names)}: {before} then, {now} now" for (before, now), names in changes.items())


def cure(package: str, version: str, file: str = "") -> str:
    """What to do where what a model was made with is missing: install the package, or give the file.

    Args:
        package: its name, or that of the file.
        version: its version, or the hash of the file.
        file: where the file was.
    """
    if is_file(version):
        place = shlex.quote(file or f"PATH/{package}")
        there = " (where it was when it was used)" if file else ""
        return f"give the plugin file again, before the command: i2i --plugin {place} ...{there}"
    return f"install what it was made with: {install_command(package, version)}"


def install_command(package: str, version: str) -> str:
    """The command that installs a package in the version that was used."""
    return pip_install(package if version in ("", UNKNOWN) else f"{package}=={version}")
