"""Which format a file is exported to, and what writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2i.config.components import build
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, PluginError
from i2i.models.find import exporter_of, exporters
from i2i.plugins.calls import Called, calling
from i2i.plugins.component_options import parse_options
from i2i.plugins.exporter_protocol import Exporter
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import ExporterSpec

SECTION = "exporter"
"""Before the point in ``i2i export --set exporter.OPTION=VALUE``."""


@dataclass(frozen=True)
class ExportFormat:
    """A format, with what writes it.

    Attributes:
        spec: its name and suffixes.
        exporter: what its ``build`` made.
        called: what messages call it.
    """

    spec: ExporterSpec
    exporter: Exporter
    called: Called


def choose_format(
    manager: PluginManager, out: Path | None, name: str | None, options: Mapping[str, Any] | None = None
) -> ExportFormat:
    """The format that was asked for by name, or else by the suffix of the output, ready to be written.

    Args:
        manager: the plugins.
        out: the file that will be written, if that is known.
        name: of the exporter, if given.
        options: its options.

    Raises:
        ConfigError: neither says it, they contradict each other, an option is wrong, or a package is missing.
        PluginError: an exporter is broken, or two claim the suffix.
    """
    spec = _named(manager, out, name) if name is not None else _by_suffix(manager, out)
    parsed, problems = parse_options(spec.options, options or {}, where=SECTION)
    if parsed is None:
        raise ConfigError("\n".join(map(str, problems)))
    called = manager.find("exporter", spec.name).called
    exporter: Exporter = build(manager, "exporter", Choice(spec.name, parsed))
    if missing := members_missing(exporter):
        raise PluginError(f"{called}: build must return an exporter; {type(exporter).__name__} has no {missing[0]}")
    with calling(called, f"preparing to export to {spec.name}"):
        exporter.require()
    return ExportFormat(spec, exporter, called)


def members_missing(built: Any) -> list[str]:
    """What an object lacks to be an exporter."""
    return [part for part in ("require", "write", "runner", "runtime") if part not in dir(built)]


def _named(manager: PluginManager, out: Path | None, name: str) -> ExporterSpec:
    known = {spec.name: spec for spec in exporters(manager)}
    if name not in known:
        raise ConfigError(f"format must be one of {', '.join(known)}; got {name!r}")
    spec = manager.spec(ExporterSpec, name)  # which refuses a name that two packages claim
    if out is not None and out.suffix != spec.suffix:
        raise ConfigError(f"files of format {name} end in {spec.suffix}; got {out}: rename it, or leave --format out")
    return spec


def _by_suffix(manager: PluginManager, out: Path | None) -> ExporterSpec:
    known = exporters(manager)
    component = None if out is None else exporter_of(manager, out.suffix)
    if component is None:
        names, suffixes = [spec.name for spec in known], [spec.suffix for spec in known]
        raise ConfigError(
            f"say the format: --format {' or --format '.join(names)}, or a file name in "
            f"{' or '.join(dict.fromkeys(suffixes))}"
        )
    assert isinstance(component.spec, ExporterSpec)
    return component.spec
