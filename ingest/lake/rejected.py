"""Questions about what could not be read: the table `rejects`, listed and grouped, and the objects it names."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files
from typing import Any

import pyarrow as pa

from ingest.lake import contents
from ingest.lake.declarations import OBJECTS, REJECTS, TABLES
from ingest.lake.schema import Table
from ingest.lake.tables import Lake


class Group(StrEnum):
    """What rejects are grouped by."""

    REASON = "reason"
    OBJECT = "object"
    FORMAT = "format"


def rejects(lake: Lake, by: Group | None, since: datetime | None, limit: int, memory_limit: str) -> pa.Table:
    """The newest rejects with their text, or how many there are by group, the largest first; at most `limit` rows."""
    return _answer(lake, f"by_{by}" if by else "listed", {"since": since, "limit": limit}, memory_limit)


def objects_with_rejects(lake: Lake, reason: str | None, uri: str | None, memory_limit: str) -> list[dict[str, Any]]:
    """Rows of the ledger of the objects that have rejects, or whose replay was cut short.

    Each has log_object, etag, size_bytes, last_modified, batch_id, format, min_time, and `expired`: whether rows of it
    have been taken out of the lake by age. `reason` and `uri` leave only objects with such a reject, and that object.
    """
    found = _answer(lake, "objects", {"reason": reason, "object": uri}, memory_limit)
    formats = found.column("format").unique().to_pylist()
    first_days = {name: _first_day_of_all(lake, name) for name in formats if name}
    rows: list[dict[str, Any]] = found.to_pylist()
    for row in rows:
        first = first_days.get(row["format"])
        row["expired"] = bool(row["min_time"] and first and row["min_time"].date() < first)
    return rows


def _first_day_of_all(lake: Lake, format_: str) -> date | None:
    """The oldest day that every table of an object (its `format`, joined by `+`) still holds."""
    return max((first for name in format_.split("+") if (first := _first_day(lake, TABLES[name]))), default=None)


def _first_day(lake: Lake, table: Table) -> date | None:
    """The oldest day that the table still holds; far ahead when it holds none."""
    handle = lake.open(table)
    return None if handle is None else next(iter(contents.days(handle, table)), date.max)


def _answer(lake: Lake, name: str, parameters: dict[str, object], memory_limit: str) -> pa.Table:
    text = (files("ingest.lake.rejects_sql") / f"{name}.sql").read_text(encoding="utf-8")
    with contents.bounded(memory_limit) as connection:
        for table in (REJECTS, OBJECTS):
            handle = lake.open(table)
            rows = table.empty() if handle is None else contents.dataset(handle, table)
            connection.register(table.name, rows)
        return connection.execute(text, parameters).to_arrow_table()
