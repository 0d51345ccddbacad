"""Compaction: a closed day's many small files become few large ones, sorted, while ingest goes on.

One day of one table at a time: read at a handle's version, sorted by DuckDB in bounded memory, written with that
handle as an overwrite of the day. delta-rs refuses it when another writer added to the day or rewrote it in between;
nothing is lost then, and it is tried again. Appends are never refused by it. `optimize.compact`, `z_order` and
RemoveAction are not used: two that raced multiplied rows. Sorted means in runs of 16,384 rows that follow each other
closely: delta-rs takes them two at a time.

The rows of a rollup that have the same keys become one (rollups are additive), and those that replacements cancelled
out go; what is sorted by is said by `Table.order`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa
from deltalake import ColumnProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from ingest.errors import LakeError
from ingest.lake import contents
from ingest.lake.conflicts import NOTHING_ELSE, insist
from ingest.lake.declarations import FINDINGS, OBJECTS, TABLES
from ingest.lake.files import ROW_GROUP
from ingest.lake.schema import Table
from ingest.lake.tables import Lake

TARGET_BYTES = 128 * 1024 * 1024
COMPACTED = tuple(table for table in TABLES.values() if table is not FINDINGS)
"""Tables that grow by appends; findings are rewritten whole each time."""

_DAY = timedelta(days=1)
_BATCH_ROWS = 16_384
_ATTEMPTS = 4
# Names and ETags never repeat: a dictionary of them costs a third of the ledger's size and twice the time to read it.
_DISTINCT = {name: ColumnProperties(dictionary_enabled=False) for name in ("log_object", "etag")}


@dataclass(frozen=True)
class Compacted:
    """What a day of a table was and what it became; `rows` as they are now, sizes in bytes as stored."""

    table: str
    day: date
    rows: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class _File:
    day: date
    rows: int
    size: int
    written: datetime


def due(lake: Lake, table: Table, now: datetime, settled: timedelta = timedelta(hours=1)) -> list[date]:
    """Days worth compacting, oldest first: closed, with two or more files that are small.

    Closed is a day that ended, and got its last file, longer than `settled` ago. The ledger's days need not have ended:
    what was ingested longer ago than that never changes its time.
    """
    handle = lake.open(table)
    if handle is None:
        return []
    by_day: dict[date, list[_File]] = {}
    for file in _files(handle, table):
        by_day.setdefault(file.day, []).append(file)
    return [day for day, files in sorted(by_day.items()) if _is_due(table, day, files, now - settled)]


def _is_due(table: Table, day: date, files: list[_File], before: datetime) -> bool:
    if table.partition is None:
        files = [file for file in files if file.written <= before]
    elif _end(day) > before or any(file.written > before for file in files):
        return False
    return sum(file.size < TARGET_BYTES // 2 for file in files) > 1


def compact(
    lake: Lake,
    table: Table,
    day: date,
    *,
    memory_limit: str = "1GiB",
    before: datetime | None = None,
    target_bytes: int = TARGET_BYTES,
) -> Compacted | None:
    """Rewrite a day of a table; None when others kept adding to it, to be tried again later.

    `before` ends the span of a table without days (the ledger): younger rows of a running day stay as they are.

    Raises:
        LakeError: the table does not exist or cannot be written.
    """
    # Whole seconds: Delta's statistics of a rewritten file are cut to milliseconds.
    end = min(before.replace(microsecond=0), _end(day)) if before and table.partition is None else _end(day)
    try:
        return insist(lambda: _compact_once(lake, table, day, end, memory_limit, target_bytes), _ATTEMPTS)
    except CommitFailedError:
        return None
    except (OSError, duckdb.Error, DeltaError) as error:
        raise LakeError(f"lake {lake.uri}: table {table.name}, day {day} cannot be compacted: {error}") from error


def _compact_once(
    lake: Lake, table: Table, day: date, end: datetime, memory_limit: str, target_bytes: int
) -> Compacted:
    handle = lake.open(table)
    if handle is None:
        raise LakeError(f"lake {lake.uri}: there is no table {table.name} to compact")
    old = [file for file in _files(handle, table) if file.day == day]
    with contents.bounded(memory_limit) as connection:
        # A table without days has no partition to name: its days are spans of its time, and Delta's statistics tell
        # which files and which concurrent appends a span concerns.
        span = None if table.partition else (_end(day) - _DAY, end)
        rows = contents.relation(connection, handle, table, day, span)
        ordered = _merged(table, rows).order(", ".join(table.order))
        lacking = set(table.names) - {field.name for field in handle.schema().fields}
        write_deltalake(
            handle,
            _in_schema(table, ordered.to_arrow_reader(_BATCH_ROWS)),
            mode="overwrite",
            predicate=_predicate(table, day, end),
            # Only where needed: a change of the schema refuses every append under way.
            schema_mode="merge" if lacking else None,
            target_file_size=target_bytes,
            post_commithook_properties=NOTHING_ELSE,
            writer_properties=WriterProperties(
                compression="ZSTD",
                compression_level=3,
                max_row_group_size=ROW_GROUP,
                data_page_row_count_limit=ROW_GROUP,
                column_properties=_DISTINCT if table is OBJECTS else None,
            ),
        )
    new = [file for file in _files(handle, table) if file.day == day]
    lake.tend(table, handle)
    return Compacted(
        table.name,
        day,
        sum(file.rows for file in new),
        len(old),
        len(new),
        sum(file.size for file in old),
        sum(file.size for file in new),
    )


def _predicate(table: Table, day: date, end: datetime) -> str:
    if table.partition:
        return f"{table.partition} = '{day}'"
    return f"{table.time} >= '{(_end(day) - _DAY).isoformat()}' and {table.time} < '{end.isoformat()}'"


def _merged(table: Table, rows: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """A rollup's rows of the same keys as one, without those whose measures came to nothing."""
    if not table.measures:
        return rows
    sums = [f"sum({name})::bigint as {name}" for name in table.measures]
    known = f"case when count(*) = count({table.bounds[0][0]}) then " if table.bounds else ""
    ends = [f"{known}{how}({name}) end as {name}" for name, how in table.bounds]
    some = " or ".join(f"{name} <> 0" for name in table.measures)
    keys = ", ".join(table.keys)
    return rows.aggregate(", ".join((keys, *sums, *ends)), keys).filter(some).project(", ".join(table.names))


def _in_schema(table: Table, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.arrow, (batch.cast(table.arrow) for batch in reader))


def _files(handle: DeltaTable, table: Table) -> list[_File]:
    """The version's files; in a table without days, a file's day is that of its earliest row."""
    day = f"partition.{table.partition}" if table.partition else f"min.{table.time}"
    actions = pa.table(handle.get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    wanted = actions.select([day, "num_records", "size_bytes", "modification_time"]).to_pylist()
    return [
        _File(
            row[day].date() if isinstance(row[day], datetime) else row[day],
            row["num_records"],
            row["size_bytes"],
            datetime.fromtimestamp(row["modification_time"] / 1000, UTC),
        )
        for row in wanted
        if row[day] is not None
    ]


def _end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + _DAY
