"""What the commands share in talking to a person: plugin warnings, tables, and who may speak."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.environment.launchers import launched
from i2i.errors import I2IError, printable, reason_of

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from i2i.plugins.manager import PluginManager

PLUGIN_FILES = "i2i.plugin_files"
"""Where click's context holds the files of ``i2i --plugin``."""

PIPED_WIDTH = 10_000
"""Wide enough that no row of a piped table is folded: one row is one line, fit for grep."""


def say(text: str = "", *, err: bool = False, lines: bool = False) -> None:
    """Print one line on standard output or error; the names in it cannot steer a terminal. All commands speak by this.

    Args:
        text: what to say.
        err: on standard error; where that is full, or nobody reads it any more, the work continues in silence.
        lines: several lines, such as a message that lists files.

    Raises:
        I2IError: standard output cannot be written, as on a full disk.
        BrokenPipeError: nobody reads standard output any more, which click ends in silence.
    """
    try:
        click.echo(printable(text, lines=lines), err=err)
    except BrokenPipeError:
        if not err:
            raise
    except (OSError, ValueError) as error:  # ValueError: it is closed
        if not err:
            raise I2IError(f"standard output cannot be written: {reason_of(error)}") from error


def speaks() -> bool:
    """Whether this process prints: the only one, or the first of those that a launcher started."""
    return launched().rank == 0


def plugin_files() -> tuple[Path, ...]:
    """The files of ``i2i --plugin FILE ...``."""
    context = click.get_current_context(silent=True)
    files: tuple[Path, ...] = () if context is None else context.meta.get(PLUGIN_FILES, ())
    return files


def plugin_manager(*, warn: bool = True, builtin: bool = True) -> PluginManager:
    """Return a manager of the plugins, to hand to the API, after a warning for each that failed to load."""
    from i2i.plugins.manager import PluginManager

    manager = PluginManager(files=plugin_files(), builtin=builtin)
    if warn and speaks():
        for warning in manager.warnings:
            say(f"Warning: {warning}", err=True, lines=True)
    return manager


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; nothing in a cell is markup, nor can it steer a terminal.

    Attributes:
        columns: the headings.
        rows: as many cells each.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add one row at the end."""
        self.rows.append(cells)

    def __rich__(self) -> RichTable:
        """Draw it with a bold header and no lines."""
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in self.columns:
            drawn.add_column(Text(printable(column)), overflow="fold")
        for row in self.rows:
            drawn.add_row(*(Text(printable(cell)) for cell in row))
        return drawn


def new_table(*columns: str) -> Table:
    """Return an empty table."""
    return Table(columns)


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or with one line a row where there is none."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(table)
        return
    text = io.StringIO()
    Console(file=text, width=PIPED_WIDTH, color_system=None, legacy_windows=False).print(table)
    for line in text.getvalue().splitlines():
        say(line.rstrip())


def print_json(value: Any) -> None:
    """Print plain values as indented JSON; control characters in texts are JSON's own escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    click.echo("".join(f"\\u{ord(char):04x}" if printable(char, lines=True) != char else char for char in text))
