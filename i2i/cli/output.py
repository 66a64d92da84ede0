"""What the commands share in talking to a person: plugin warnings, tables, and who may speak."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from i2i.engine.launchers import launched

if TYPE_CHECKING:
    from rich.table import Table

    from i2i.plugins.manager import PluginManager

PIPED_WIDTH = 10_000
"""Wide enough that no row of a piped table is folded: one row is one line, fit for grep."""


def speaks() -> bool:
    """Whether this process prints: the only one, or the first of those that a launcher started."""
    return launched().rank == 0


def plugin_manager() -> PluginManager:
    """Return a manager of the installed plugins, after a warning for each that failed to load."""
    from i2i.plugins.manager import PluginManager

    manager = PluginManager()
    if speaks():
        for warning in manager.warnings:
            click.echo(f"Warning: {warning}", err=True)
    return manager


def tell_about_plugins() -> None:
    """Warn of plugins that failed to load, and trace loading once: the function of the API called next loads again."""
    from i2i.plugins.calls import ONLY_FAILURES, TRACE_VARIABLE

    plugin_manager()
    if os.environ.get(TRACE_VARIABLE):
        os.environ[TRACE_VARIABLE] = ONLY_FAILURES


def new_table(*columns: str) -> Table:
    """Return an empty table with a bold header and no lines, readable on a terminal and in a file."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or with one line a row where there is none."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(table)
        return
    text = io.StringIO()
    Console(file=text, width=PIPED_WIDTH, color_system=None, legacy_windows=False).print(table)
    for line in text.getvalue().splitlines():
        click.echo(line.rstrip())


def print_json(value: Any) -> None:
    """Print plain values as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
