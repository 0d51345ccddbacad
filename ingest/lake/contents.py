"""What a table holds at one version, read in bounded memory: a day of it, or a span of its time.

Maintenance reads through here, local or on S3: DuckDB sees Arrow batches and spills what does not fit its memory limit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as fs
from deltalake import DeltaTable

from ingest.lake.schema import Table
from ingest.lake.store import is_remote

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_BATCH_ROWS = 16_384

Span = tuple[datetime, datetime]


def dataset(handle: DeltaTable, table: Table, day: date | None = None, last: date | None = None) -> ds.Dataset:
    """The rows of the handle's version, in the table's declared columns; of one day, or of those from it to `last`.

    A column that a file lacks, because it was declared later, is NULL.
    """
    import pyarrow.dataset as ds  # it takes a fifth of a second that few commands need

    # A local folder is read without delta-rs's own file system: that calls Python from Arrow's threads, which may
    # outlive the interpreter.
    folder = handle.table_uri.removeprefix("file://")
    local = fs.SubTreeFileSystem(unquote(folder), fs.LocalFileSystem()) if not is_remote(handle.table_uri) else None
    # Of no file: delta-rs would state bounds of every column of every file (20 ms a file), also of columns that it has
    # no statistics of, as comparisons with NULL. Where a file's least and greatest time are the same, Arrow concludes
    # from them that a filter on such a column leaves no row.
    found: Any = handle.to_pyarrow_dataset(filesystem=local, file_pruning_predicate="false", schema=table.arrow)
    fragments = [
        found.format.make_fragment(path, found.filesystem, _of_day(of))
        for path, of in _paths(handle, table)
        if day is None or table.partition is None or (of is not None and day <= of <= (last or day))
    ]
    return ds.FileSystemDataset(fragments, found.schema, found.format, found.filesystem)


def _paths(handle: DeltaTable, table: Table) -> list[tuple[str, date | None]]:
    """The version's files, each with its day."""
    actions = pa.table(handle.get_add_actions(flatten=True))
    paths = [str(path) for path in actions.column("path").to_pylist()]
    if table.partition is None or not paths:
        return [(path, None) for path in paths]
    return list(zip(paths, actions.column(f"partition.{table.partition}").to_pylist(), strict=True))


def _of_day(day: date | None) -> ds.Expression:
    """What is known of all rows of a file."""
    return pc.scalar(True) if day is None else pc.field("day") == pa.scalar(day, pa.date32())


def batches(source: ds.Dataset, predicate: ds.Expression | None = None) -> pa.RecordBatchReader:
    """The dataset's rows as a stream that reads one file a time, little ahead: wide rows would fill the memory."""
    scanner = source.scanner(filter=predicate, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
    return scanner.to_reader()


def relation(
    connection: duckdb.DuckDBPyConnection, handle: DeltaTable, table: Table, day: date | None, span: Span | None
) -> duckdb.DuckDBPyRelation:
    """The rows of a day, or of a span of the table's time, in its declared columns, for one pass over them.

    From a local folder DuckDB reads the files itself: that takes half the memory of Arrow's readers.
    """
    if is_remote(handle.table_uri):
        return connection.from_arrow(
            batches(dataset(handle, table, day), None if span is None else between(table, *span))
        )

    only = [("day", "=", day.isoformat())] if day and table.partition else None
    paths = handle.file_uris(file_pruning_predicate=only)
    if not paths:
        return connection.from_arrow(table.empty())
    found = connection.read_parquet(paths, union_by_name=True, hive_partitioning=table.partition is not None)
    if span is not None:
        time = duckdb.ColumnExpression(table.time)
        start, end = (duckdb.ConstantExpression(moment) for moment in span)
        found = found.filter((time >= start) & (time < end))
    held = set(found.columns)
    picked = [
        f"{column.name}::{column.type.duckdb} as {column.name}"
        if column.name in held
        else f"null::{column.type.duckdb} as {column.name}"
        for column in table.columns
    ]
    return found.project(", ".join(picked))


def days(handle: DeltaTable, table: Table) -> list[date]:
    """Days of which the handle's version holds a file, oldest first; none for a table without partitions."""
    return sorted({day for _, day in _paths(handle, table) if day is not None})


@contextmanager
def bounded(memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that takes so much memory and writes what does not fit to a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="eastwest-") as folder,
        duckdb.connect(config={"memory_limit": memory_limit, "temp_directory": folder}) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def between(table: Table, start: datetime, end: datetime) -> ds.Expression:
    """Rows with start <= time < end."""
    bounds = [pa.scalar(moment, pa.timestamp("us", tz="UTC")) for moment in (start, end)]
    return (pc.field(table.time) >= bounds[0]) & (pc.field(table.time) < bounds[1])
