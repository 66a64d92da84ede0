"""Reading the columns of a table as texts, by pyarrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from i2i.errors import DataError, did_you_mean, reason_of, shown

Column = list[str]
"""The cells of a column; an empty text where there is none."""


def read_columns(
    path: Path, wanted: Sequence[str], optional: Sequence[str], delimiter: str | None
) -> dict[str, Column]:
    """Read some columns.

    Args:
        path: ending in ``.csv``, ``.tsv`` or ``.parquet``.
        wanted: columns that there must be.
        optional: columns that there may be.
        delimiter: of a text; see :class:`~i2i_table.plugin.TableOptions`.

    Raises:
        DataError: it cannot be read, a column is missing or there twice, or one holds no texts.
    """
    import pyarrow

    try:
        if path.suffix.lower() == ".parquet":
            table = _read_parquet(path, [*wanted, *optional])
        else:
            table = _read_text(path, delimiter or ("\t" if path.suffix.lower() == ".tsv" else ","))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason_of(error)}") from error
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a table that can be read: {reason_of(error)}; expected a CSV of UTF-8 text with a line of "
            "column names, or a Parquet file"
        ) from error
    names: list[str] = table.column_names
    _require_columns(path, names, wanted)
    twice = [name for name, times in Counter(names).items() if times > 1 and name in (*wanted, *optional)]
    if twice:
        raise DataError(f"{path}: column {shown(twice[0])} is there {names.count(twice[0])} times; rename the others")
    return {name: _texts(path, name, table.column(name)) for name in (*wanted, *optional) if name in names}


def _read_text(path: Path, delimiter: str) -> Any:
    """Read all cells as texts: a name such as 001 is no number, and NA no missing value."""
    import pyarrow
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with csv.open_csv(path, parse_options=parse) as reader:
        names = reader.schema.names
    texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
    return csv.read_csv(path, parse_options=parse, convert_options=texts)


def _read_parquet(path: Path, columns: Sequence[str]) -> Any:
    from pyarrow import parquet

    present = parquet.read_schema(path).names
    chosen = [name for name in columns if name in present]
    # Without any of them the names of all are needed, for the message.
    return parquet.read_table(path, columns=chosen) if chosen else parquet.read_schema(path).empty_table()


def _require_columns(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    missing = next((name for name in wanted if name not in names), None)
    if missing is None:
        return
    listed = ", ".join(names)
    told = f"{path}: there is no column {shown(missing)}{did_you_mean(missing, names)} (columns: {listed})"
    other = next((sign for sign in ";\t|" if sign in listed), None) if len(names) == 1 else None
    if other is not None:
        raise DataError(
            f"{told}; are the cells divided by {shown(other)}? Then add --set data.delimiter={shown(other)}"
        )
    raise DataError(f"{told}; name the columns of the two domains with --set data.column_A=... --set data.column_B=...")


def _texts(path: Path, name: str, column: Any) -> Column:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind)):
        raise DataError(
            f"{path}: column {shown(name)} must hold texts; it holds {column.type}. Paths of picture files are read, "
            "not pictures inside the table"
        )
    return [cell or "" for cell in column.to_pylist()]
