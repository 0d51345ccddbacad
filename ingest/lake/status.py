"""How the lake is: what arrives and how late, what does not, and how large it has grown.

Two questions: `tables` (sizes, small files, guards) reads metadata alone; `deliveries` reads the ledger, and of the
source tables a few columns, for the newest days only, so neither costs more as the lake grows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake import compaction, contents, guards
from ingest.lake.declarations import OBJECTS, REJECTS, SOURCE_TABLES, TABLES, VPC_FLOW
from ingest.lake.retention import expired_before, listed
from ingest.lake.schema import Table
from ingest.lake.statements import sql
from ingest.lake.store import open_store
from ingest.lake.tables import Lake

Row = dict[str, Any]


@dataclass(frozen=True)
class TableStatus:
    """One table. `unused_bytes`: files that the newest version does not need; `guards`: objects its log names."""

    table: str
    rows: int
    files: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    days_to_compact: int
    unused_bytes: int
    log_bytes: int
    guards: int
    expired_before: date | None


@dataclass(frozen=True)
class Deliveries:
    """What was ingested from `since` on (None: ever); rows as in `statements/status_*.sql`."""

    since: datetime | None
    sources: list[Row]
    gaps: list[Row]
    skipped: list[Row]
    rejects: list[Row]
    unknown_fields: list[Row]

    def as_dict(self) -> Row:
        """The same as plain lists and dictionaries."""
        return asdict(self)


def tables(lake: Lake, now: datetime) -> list[TableStatus]:
    """Every table that exists."""
    return [_status(lake, table, now) for table in TABLES.values() if lake.open(table) is not None]


def _status(lake: Lake, table: Table, now: datetime) -> TableStatus:
    snapshot, handle, there = lake.snapshot(table), lake.open(table), listed(lake, table)
    log = sum(size for path, size in there.items() if path.startswith("_delta_log/"))
    stored = sum(file.size for file in snapshot.files)
    carried = guards.carried(open_store(lake.uri, lake.storage), table.name)
    return TableStatus(
        table.name,
        sum(file.rows for file in snapshot.files),
        len(snapshot.files),
        stored,
        min((file.min_time for file in snapshot.files if file.min_time), default=None),
        max((file.max_time for file in snapshot.files if file.max_time), default=None),
        len(compaction.due(lake, table, now)) if table in compaction.COMPACTED else 0,
        max(0, sum(there.values()) - log - stored),
        log,
        int(pc.count_distinct(carried.column("key")).as_py()),
        expired_before(handle) if handle else None,
    )


def deliveries(lake: Lake, window: timedelta | None, memory_limit: str = "1GiB") -> Deliveries:
    """What arrived in the `window` before the newest ingest (None: ever)."""
    newest = max((file.max_time for file in lake.snapshot(OBJECTS).files if file.max_time), default=None)
    if newest is None:
        return Deliveries(None, [], [], [], [], [])
    since = datetime.min.replace(tzinfo=UTC) if window is None else newest - window
    with contents.bounded(memory_limit) as connection:
        _register(lake, connection, OBJECTS, "objects")
        connection.execute(sql("status_deliveries"), {"since": since})
        sources, gaps = _rows(connection, "status_sources"), _rows(connection, "status_gaps")
        _register(lake, connection, REJECTS, "contents")
        rejects = _rows(connection, "status_rejects", since=since)
        skipped: list[Row] = []
        unknown: list[Row] = []
        for table in SOURCE_TABLES:
            # By the rows' own days: a backfill of old days is not looked through again.
            first = _first_day(lake, table, window)
            _register(lake, connection, table, "contents", ("extra", "log_object", "log_account", "log_region", "day"))
            unknown += _rows(connection, "status_unknown_fields", table=table.name, since=first)
            if table is VPC_FLOW:
                _register(lake, connection, table, "contents", ("log_status", "log_account", "log_region", "day"))
                skipped = _rows(connection, "status_skipped", since=first)
    return Deliveries(None if window is None else since, sources, gaps, skipped, rejects, unknown)


def _first_day(lake: Lake, table: Table, window: timedelta | None) -> date:
    handle = lake.open(table)
    days = contents.days(handle, table) if handle else []
    if window is None or not days:
        return date.min
    return days[-1] - timedelta(days=max(0, window.days - 1))


def _register(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: Table, name: str, columns: tuple[str, ...] = ()
) -> None:
    """The table as a view; with `columns`, those and its time as `seen_at`."""
    handle = lake.open(table)
    connection.register("stored", contents.dataset(handle, table) if handle else table.empty())
    picked = (*columns, f"{table.time} as seen_at") if columns else ("*",)
    connection.table("stored").project(", ".join(picked)).create_view(name, replace=True)


def _rows(connection: duckdb.DuckDBPyConnection, name: str, **parameters: object) -> list[Row]:
    found: pa.Table = connection.execute(sql(name), parameters).to_arrow_table()
    return found.to_pylist()
