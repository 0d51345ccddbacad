"""Rows as a table for people, or as CSV, JSON or Parquet for programs.

Log data is hostile: in tables it is never read as markup, and control characters (which could rewrite a terminal) are
shown as escapes. The other formats carry it unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
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
from queries.fitting import broken, taken, unbroken, widths

_WIDE = 240
_FEW = 5
"""Rows that are shown one below the other rather than cut."""
_LEAST = 0.0001
"""Numbers of less are shown as 0."""


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
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            _print_table(rows, Console(file=file, width=_WIDE, highlight=False), is_wide=True)
    elif sys.stdout.isatty():
        _print_table(rows, Console(highlight=False), is_wide=False)
    else:
        _print_table(rows, Console(width=_WIDE, highlight=False), is_wide=True)


def _print_table(rows: pa.Table, console: Console, *, is_wide: bool) -> None:
    """As a table; what is too wide for a terminal (`is_wide`: nothing is) in a form that can be read there.

    Times of one day lose it. Few rows then stand in blocks, a column a line; of many, columns are left out. stderr says
    so.
    """
    names, cells = [visible(name) for name in rows.column_names], _cells(rows)
    found = widths(names, cells, console.width)
    day = _only_day(rows)
    said = []
    if is_wide and len(found) < len(names):
        found = widths(names, cells, sys.maxsize)
        console.width = taken(found.values())
    elif not is_wide and day is not None and taken(unbroken(names, cells)) > console.width:
        short = _cells(rows, only_clock=True)
        found = widths(names, short, console.width)
        if _is_table(found, cells, names):
            cells = short
            said.append(f"times are of {day}, UTC")
    if not _is_table(found, cells, names):
        _print_blocks(console, names, cells)
        return
    console.print(_table(rows, names, cells, found))
    left_out = [name for k, name in enumerate(names) if k not in found]
    if left_out:
        said.append(f"too wide for this terminal: {', '.join(left_out)}; --format csv has everything")
    for line in said:
        Console(stderr=True, highlight=False).print(Text(line, style="dim"), soft_wrap=True)


def _is_table(found: Mapping[int, int], cells: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    return len(found) == len(names) or (not 0 < len(cells) <= _FEW and len(found) > 1)


def _table(rows: pa.Table, names: Sequence[str], cells: Sequence[Sequence[str]], found: Mapping[int, int]) -> RichTable:
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for k, width in found.items():
        right = pa.types.is_integer(rows.column(k).type) or pa.types.is_floating(rows.column(k).type)
        heading = Text(broken(names[k], width))
        table.add_column(heading, justify="right" if right else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*(Text(row[k]) for k in found))
    return table


def _print_blocks(console: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(cells):
        if number:
            console.print()
        block = RichTable(box=None, pad_edge=False, show_header=False)
        block.add_column(style="bold", no_wrap=True)
        block.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            block.add_row(Text(name), Text(cell))
        console.print(block)


def _cells(rows: pa.Table, *, only_clock: bool = False) -> list[list[str]]:
    decimals = [_decimals(name, column) for name, column in zip(rows.column_names, rows.columns, strict=True)]
    return [
        [
            f"{value:%H:%M:%S}" if only_clock and isinstance(value, datetime) else _cell(value, places)
            for value, places in zip(row.values(), decimals, strict=True)
        ]
        for row in rows.to_pylist()
    ]


def _only_day(rows: pa.Table) -> date | None:
    """The day of all times, where it is one."""
    times = [column for column in rows.columns if pa.types.is_timestamp(column.type)]
    days = {value.date() for column in times for value in column.to_pylist() if value is not None}
    return days.pop() if len(days) == 1 else None


def _decimals(name: str, column: pa.ChunkedArray[Any]) -> int:
    """Decimal places for a column of numbers: one for milliseconds and all that goes beyond 1, three for shares."""
    if not pa.types.is_floating(column.type) or name.endswith("_ms"):
        return 1
    highest = pc.max(pc.abs(column)).as_py()
    return 3 if highest is not None and highest <= 1 else 1


def _number(value: float, decimals: int) -> str:
    """The number, with the places that its column has; what would be 0 with them shows its first digit instead."""
    if abs(value) < _LEAST:
        return f"{0:.{decimals}f}"
    shown = f"{value:,.{decimals}f}"
    return shown if shown.strip("-0.") else f"{value:.1g}"


def _cell(value: object, decimals: int) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return _number(value, decimals)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list():
            return ", ".join(_cell(item, decimals) for item in value)
        case _:
            return visible(str(value))
