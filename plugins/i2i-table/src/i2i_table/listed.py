"""From the rows of a table to the pictures of both domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2i.builtin.datasets.holding_out import check_held_out, hold_out
from i2i.builtin.datasets.layout import Layout, Picture, Split
from i2i.errors import DataError, amount, shown
from i2i.images.finding import bullets
from i2i.paths import named
from i2i_table.plugin import TableOptions
from i2i_table.reading import read_columns

DOMAINS = ("A", "B")
COUNTED = "rows are counted from 1, without the line of column names"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        number: from 1.
        name: of its pictures, in both domains.
        paths: of its picture in ``"A"`` and ``"B"``, as far as it has one.
        split: ``"train"``, ``"test"``, or empty where the table does not say.
    """

    number: int
    name: str
    paths: Mapping[str, Path]
    split: str


def find_listed(root: str, options: TableOptions) -> Layout:
    """Read the table and find its pictures.

    Raises:
        DataError: the table cannot be used, or files that it names are not there; all are listed with their rows.
    """
    table = named(root)
    if not table.is_file():
        raise DataError(f"{table}: there is no such file; expected a table in .csv, .tsv or .parquet")
    rows = _rows(table, options)
    for domain in DOMAINS:
        if not any(domain in row.paths for row in rows):
            raise DataError(f"{table}: no row has a path in the column of {domain}; fill it, or name another column")
    _require_names(table, rows)
    if options.pairing == "paired":
        lonely = [f"row {row.number}: only {next(iter(row.paths))}" for row in rows if len(row.paths) < 2]
        _refuse(
            table,
            lonely,
            ("row has no pair", "rows have no pair"),
            ", and paired training needs pairs",
            "Complete or remove them",
        )
    if not options.skip_bad:  # which leaves them out with other files that cannot be used, and counts them
        missing = [
            f"row {row.number}: {domain}: {path}"
            for row in rows
            for domain, path in row.paths.items()
            if not path.exists()
        ]
        _refuse(
            table,
            missing,
            ("file is not there", "files are not there"),
            "",
            "Add them, remove these rows, or leave them out with --skip-bad",
        )
    return _layout(root, rows, options)


def _rows(table: Path, options: TableOptions) -> list[Row]:
    columns = (options.column_A, options.column_B)
    if columns[0] == columns[1]:
        raise DataError(f"{table}: data.column_A and data.column_B must differ; got {shown(columns[0])} for both")
    cells = read_columns(table, columns, (options.column_name, options.column_split), options.delimiter)
    start = table.parent if options.pictures is None else named(options.pictures)
    rows = []
    for number, (a, b) in enumerate(zip(cells[columns[0]], cells[columns[1]], strict=True), start=1):
        paths = {domain: start / cell for domain, cell in zip(DOMAINS, (a, b), strict=True) if cell}
        if not paths:
            raise DataError(f"{table}: row {number} has no path in either column ({COUNTED}); fill or remove it")
        name = cells[options.column_name][number - 1] if options.column_name in cells else ""
        split = cells[options.column_split][number - 1] if options.column_split in cells else ""
        if options.column_split in cells and split not in ("train", "test"):
            raise DataError(
                f"{table}: row {number}: column {shown(options.column_split)} must hold train or test; got "
                f"{shown(split)} ({COUNTED})"
            )
        rows.append(Row(number, name or Path(a or b).with_suffix("").as_posix(), paths, split))
    if not rows:
        raise DataError(f"{table}: there is no row below the column names")
    return rows


def _require_names(table: Path, rows: Sequence[Row]) -> None:
    """A name means one picture of each domain: held-out pictures are chosen, and their truth found, by it."""
    first: dict[tuple[str, str], int] = {}
    twice = [
        f"rows {before} and {row.number}: {row.name}"
        for row in rows
        for domain in row.paths
        if (before := first.setdefault((domain, row.name), row.number)) != row.number
    ]
    _refuse(
        table,
        list(dict.fromkeys(twice)),
        ("row has the name of another", "rows have the name of another"),
        ", but a name must mean one picture",
        "Give each row a name of its own in a column name (data.column_name)",
    )


def _refuse(table: Path, wrong: Sequence[str], forms: tuple[str, str], told: str, way_on: str) -> None:
    if wrong:
        raise DataError(f"{table}: {amount(len(wrong), *forms)}{told} ({COUNTED}):\n{bullets(wrong)}\n{way_on}.")


def _layout(root: str, rows: Sequence[Row], options: TableOptions) -> Layout:
    notes: list[str] = []
    if any(row.split for row in rows):
        held_out = {row.number for row in rows if row.split == "test"}
        trained, tested = (_names([row for row in rows if (row.number in held_out) == test]) for test in (False, True))
        chosen = check_held_out(root, trained, tested, options, f"the column {options.column_split}")
    else:
        chosen = hold_out(root, _names(rows), options)
        held_out = {row.number for row in rows if row.name in chosen.test}
        notes.append(
            f"no column {options.column_split!r}: held out by {chosen.rule}: {len(held_out)} of {len(rows)} rows"
        )
    test = [row for row in rows if row.number in held_out]
    train = [row for row in rows if row.number not in held_out]
    domains = (options.column_A, options.column_B)
    notes += chosen.notes
    return Layout(root, domains, _split(train), _split(test), (), tuple(notes), chosen.held_out_by, chosen.leaks)


def _names(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.name for row in rows if domain in row.paths] for domain in DOMAINS]


def _split(rows: Sequence[Row]) -> Split:
    ordered = sorted(rows, key=lambda row: row.name)
    first, second = (
        tuple(Picture(row.name, row.paths[domain]) for row in ordered if domain in row.paths) for domain in DOMAINS
    )
    return Split(first, second)
