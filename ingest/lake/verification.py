"""Whether the lake holds what its ledger says, and every difference by name.

The ledger is read first and the tables after it: what an ingest adds meanwhile can only show as `unfinished`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from ingest.lake import contents, guards, rollups
from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES, TABLES
from ingest.lake.rebuilding import merge, recompute
from ingest.lake.retention import expired_before, listed
from ingest.lake.schema import Table
from ingest.lake.statements import sql
from ingest.lake.store import open_store
from ingest.lake.tables import Lake


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be.

    `kind`: rows, rejects (an object's, against the ledger), repeated_lines, ledger_repeats, ledger_sum, not_in_ledger,
    unfinished (guarded, not in the ledger; or begun to be replaced), rollup (a day's measure, against the source rows),
    file_missing, file_size.
    """

    kind: str
    table: str
    log_object: str | None
    day: date | None
    expected: int | None
    found: int | None
    detail: str


def verify(lake: Lake, memory_limit: str = "1GiB") -> Iterator[Difference]:
    """Every difference between ledger, tables, rollups and files, as they are found; none for a lake that is sound."""
    ledger = lake.open(OBJECTS)
    handles = {table: handle for table in TABLES.values() if (handle := lake.open(table)) is not None}
    if ledger is not None:
        handles[OBJECTS] = ledger
    yield from _missing_files(lake, handles)
    with contents.bounded(memory_limit) as connection:
        yield from _object_differences(lake, handles, connection)
    yield from _rollup_differences(handles)


def _missing_files(lake: Lake, handles: dict[Table, DeltaTable]) -> Iterator[Difference]:
    for table, handle in handles.items():
        there = listed(lake, table)
        for action in pa.table(handle.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist():
            path, size = action["path"], action["size_bytes"]
            if path not in there:
                yield Difference("file_missing", table.name, None, None, size, None, path)
            elif there[path] != size:
                yield Difference("file_size", table.name, None, None, size, there[path], path)


def _object_differences(
    lake: Lake, handles: dict[Table, DeltaTable], connection: duckdb.DuckDBPyConnection
) -> Iterator[Difference]:
    ledger = handles.get(OBJECTS)
    connection.register("objects", contents.dataset(ledger, OBJECTS) if ledger else OBJECTS.empty())
    connection.execute(sql("ledger_objects"))
    connection.execute(sql("holdings"))
    store = open_store(lake.uri, lake.storage)
    for table, handle in handles.items():
        if before := expired_before(handle):
            connection.table("expired").insert([table.name, before])
        if table in (*SOURCE_TABLES, REJECTS):
            for day in contents.days(handle, table):
                connection.register("contents", contents.dataset(handle, table, day))
                connection.execute(sql("hold_day"), {"table": table.name})
        if table in (*SOURCE_TABLES, REJECTS, *ROLLUPS):
            connection.register("carried", guards.carried(store, table.name))
            connection.execute(sql("hold_guards"), {"table": table.name})
    claimed = lake.claimed() if ledger else set()
    connection.register("carried", pa.table({"key": pa.array(sorted(claimed), pa.string())}))
    connection.execute(sql("hold_guards"), {"table": OBJECTS.name})
    cursor = connection.execute(sql("object_differences"))
    while rows := cursor.fetchmany(1_000):
        yield from (Difference(*row) for row in rows)


def _rollup_differences(handles: dict[Table, DeltaTable]) -> Iterator[Difference]:
    sources = {table: handle for table, handle in handles.items() if table in SOURCE_TABLES}
    every = {
        day for table in (*SOURCE_TABLES, *ROLLUPS) if table in handles for day in contents.days(handles[table], table)
    }
    for day in sorted(every):
        made = recompute(sources, day)
        for rollup in ROLLUPS:
            concerned = [rollup, *rollups.FEEDS[rollup]]
            if all(day >= (expired_before(handles[table]) or date.min) for table in concerned if table in handles):
                yield from _compared(rollup, day, made[rollup.name], handles.get(rollup))


def _compared(rollup: Table, day: date, made: pa.Table, handle: DeltaTable | None) -> Iterator[Difference]:
    kept = rollup.empty() if handle is None else contents.dataset(handle, rollup, day).to_table()
    kept = rollup.negated(kept)
    left = merge(rollup, pa.concat_tables([made, kept.cast(rollup.arrow)]))
    for measure in rollup.measures:
        wrong = sum(1 for value in left.column(measure).to_pylist() if value)
        if wrong:
            expected, negated = (int(pc.sum(rows.column(measure)).as_py() or 0) for rows in (made, kept))
            detail = f"{measure}: {wrong} groups differ; eastwest lake rebuild-rollup {rollup.name} --day {day}"
            yield Difference("rollup", rollup.name, None, day, expected, -negated, detail)
