"""Rows as a table for people, or as CSV, JSON or Parquet for programs.

Log data is hostile: in tables it is never read as markup, and control characters (which could rewrite a terminal) are
shown as escapes. The other formats carry it unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ingest.errors import QueryError
from ingest.terminal import visible

_WIDE = 240


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def chosen_format(form: Format | None, output: Path | None) -> Format:
    """The format asked for; without one a table on a terminal and CSV elsewhere."""
    return form or (Format.TABLE if output is None and sys.stdout.isatty() else Format.CSV)


def write(rows: pa.Table, form: Format | None, output: Path | None) -> None:
    """Write rows to `output`, else to stdout; without a format a table on a terminal and CSV elsewhere.

    Raises:
        QueryError: Parquet to a terminal, or a file that cannot be written.
    """
    chosen = chosen_format(form, output)
    rows = rows.rename_columns(_told_apart(rows.column_names))
    if chosen is Format.TABLE:
        _write_table(rows, output)
        return
    if output is None and chosen is Format.PARQUET and sys.stdout.isatty():
        raise QueryError("parquet is binary: name a file with --output, or pipe it")
    try:
        if output is None:
            _write_bytes(rows, chosen, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with output.open("wb") as file:
                _write_bytes(rows, chosen, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise QueryError(f"{output}: cannot be written: {error.strerror}") from error


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, `a_1` for a second column called `a`: rows as objects would keep only one of them."""
    found: list[str] = []
    for name in names:
        candidate, count = name, 0
        while candidate in found or (count and candidate in names):
            count += 1
            candidate = f"{name}_{count}"
        found.append(candidate)
    return found


def _write_bytes(rows: pa.Table, form: Format, file: BinaryIO) -> None:
    if form is Format.CSV:
        pa_csv.write_csv(_flat(rows), file)
    elif form is Format.JSON:
        file.write(orjson.dumps(rows.to_pylist(), default=_jsonable, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        # Through a buffer: Parquet's writer asks for positions that a pipe does not have.
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        file.write(sink.getvalue().to_pybytes())


def _jsonable(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _flat(rows: pa.Table) -> pa.Table:
    """The rows with lists and structs as JSON text, which CSV has no form for."""
    columns = [
        pa.array([None if v is None else orjson.dumps(v, default=_jsonable).decode() for v in column.to_pylist()])
        if pa.types.is_nested(column.type)
        else column
        for column in rows.columns
    ]
    return pa.table(columns, names=rows.column_names)


def _write_table(rows: pa.Table, output: Path | None) -> None:
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        right = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        table.add_column(Text(visible(name)), justify="right" if right else "left", overflow="fold")
    decimals = [_decimals(name, column) for name, column in zip(rows.column_names, rows.columns, strict=True)]
    for row in rows.to_pylist():
        table.add_row(*(Text(_cell(value, places)) for value, places in zip(row.values(), decimals, strict=True)))
    if output is None:
        width = None if sys.stdout.isatty() else _WIDE
        Console(width=width, highlight=False).print(table)
        return
    with output.open("w", encoding="utf-8") as file:
        Console(file=file, width=_WIDE, highlight=False).print(table)


def _decimals(name: str, column: pa.ChunkedArray[Any]) -> int:
    """Decimal places for a column of numbers: one for milliseconds and all that goes beyond 1, three for shares."""
    if not pa.types.is_floating(column.type) or name.endswith("_ms"):
        return 1
    highest = pc.max(pc.abs(column)).as_py()
    return 3 if highest is not None and highest <= 1 else 1


def _cell(value: object, decimals: int) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.{decimals}f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list():
            return ", ".join(_cell(item, decimals) for item in value)
        case _:
            return visible(str(value))
