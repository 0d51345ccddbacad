"""Rows on stdout: a table for people, JSON for programs.

Names come from buckets and log lines, so they are hostile: in a table they are never read as markup, and control
characters, which could rewrite a terminal, are spelled out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

import orjson
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ingest.terminal import visible

Row = Mapping[str, object]
_WIDE = 240


class Shape(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


def print_json(value: object) -> None:
    """One JSON document; times in ISO form."""
    sys.stdout.buffer.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


def print_rows(rows: Sequence[Row], title: str | None = None, empty: str = "none") -> None:
    """A table of rows that share their keys; `empty` where there are none."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    if title:
        console.print(Text(title, style="bold"))
    if not rows:
        console.print(Text(empty))
        return
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for name, value in rows[0].items():
        right = isinstance(value, int | float)
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console.print(table)


def duration(seconds: float) -> str:
    """A length of time as people say it: 12 s, 6.5 min, 3.2 h, 45 d."""
    for unit, size, longest in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if abs(seconds) < longest * size:
            return f"{seconds / size:,.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400:,.0f} d"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case _:
            return visible(str(value))
