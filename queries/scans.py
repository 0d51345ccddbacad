"""One view a table of the lake: its declared columns over a snapshot's files, typed and empty when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from ingest.lake.schema import Table
from ingest.lake.snapshot import DataFile


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def moment(at: datetime) -> str:
    """A SQL timestamptz literal, UTC."""
    return f"timestamptz '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def scan(table: Table, files: Sequence[DataFile], since: datetime | None, until: datetime | None) -> str:
    """The statement that makes the table's view over `files`, its rows those of the window [since, until).

    One `read_parquet` a schema version (the version is in the file's name), so that a column added later does not make
    every query open every file; `union all by name` fills what an older version lacks.
    """
    ordered = sorted(files, key=lambda file: (file.schema_version, file.uri))
    by_version = {number: list(part) for number, part in groupby(ordered, key=lambda file: file.schema_version)}
    parts = [f"from {_read_parquet(table, part)}" for part in by_version.values()]
    if by_version.keys() != {table.version}:
        # Files of today's columns need no types from here; planning the union takes longer than planning their scan.
        empty = ", ".join(f'null::{column.type.duckdb} as "{column.name}"' for column in table.columns)
        parts.insert(0, f"select {empty} where false")
    names = ", ".join(f'"{name}"' for name in table.names)
    bounds = [f'"{table.time}" >= {moment(since)}'] if since else []
    bounds += [f'"{table.time}" < {moment(until)}'] if until else []
    where = f"\nwhere {' and '.join(bounds)}" if bounds else ""
    body = "\nunion all by name\n".join(parts)
    return f"create or replace temp view {table.name} as\nselect {names}\nfrom (\n{body}\n){where}"


def _read_parquet(table: Table, files: Sequence[DataFile]) -> str:
    paths = ",\n    ".join(literal(file.uri) for file in files)
    hive = f", hive_partitioning = true, hive_types = {{'{table.partition}': date}}" if table.partition else ""
    # Version 0 is any version: such files differ in their columns.
    mixed = ", union_by_name = true" if files[0].schema_version == 0 else ""
    return f"read_parquet([\n    {paths}\n]{hive or ', hive_partitioning = false'}{mixed})"
