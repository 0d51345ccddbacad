"""The lake's data files: rows to Parquet, one file a day, with the statistics that windows prune by."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction
from obstore.store import ObjectStore

from ingest.lake.schema import Table, Type
from ingest.lake.store import fetch, save

ROW_GROUP = 122_880
"""Rows of a row group, and at most of a page (which ends at 1 MiB, too): by the pages of 20,000 rows that writers make
unasked, a scan of packed numbers takes a quarter to two fifths more CPU (docs/decisions/0022)."""
_NUMBERS = (Type.INT, Type.LONG, Type.REAL)


def write(store: ObjectStore, table: Table, rows: pa.Table) -> list[AddAction | RemoveAction]:
    """Write the rows below `store`'s root, a file for each partition; what a Delta commit must add for them."""
    if table.partition is None:
        return [_write_file(store, table, rows, None)] if rows.num_rows else []
    of_row = rows.column(table.partition)
    days = sorted(day for day in pc.unique(of_row).to_pylist() if day is not None)
    if len(days) == 1:
        return [_write_file(store, table, rows, days[0])]
    return [_write_file(store, table, rows.filter(pc.equal(of_row, pa.scalar(day, pa.date32()))), day) for day in days]


def read(store: ObjectStore, table: Table, paths: Iterable[str]) -> pa.Table:
    """All rows of these files of a table without partitions, in its schema."""
    buffers = (pa.BufferReader(fetch(store, f"{table.name}/{path}")) for path in paths)
    found = [pq.ParquetFile(buffer).read(use_threads=False) for buffer in buffers]
    return pa.concat_tables([table.empty(), *(rows.select(table.names).cast(table.arrow) for rows in found)])


def _write_file(store: ObjectStore, table: Table, rows: pa.Table, day: date | None) -> AddAction:
    folder = f"{table.partition}={day.isoformat()}/" if day else ""
    # The schema's version comes first: a reader knows the file's columns without opening it.
    path = f"{folder}v{table.version}-{uuid.uuid4().hex}.parquet"
    sink = pa.BufferOutputStream()
    varying = {column.name for column in table.columns if column.varies}
    others: Any = [name for name in table.file_columns if name not in varying]
    codecs: Any = _codecs(table)
    pq.write_table(
        _strict(rows.select(table.file_columns)),
        sink,
        compression=codecs,
        compression_level={name: 1 for name, codec in codecs.items() if codec == "zstd"},
        row_group_size=ROW_GROUP,
        max_rows_per_page=ROW_GROUP,
        use_dictionary=others,
        column_encoding=dict.fromkeys(sorted(varying), "DELTA_BINARY_PACKED"),
        # Arrow's own schema says which texts were dictionaries here: nobody's business, and some kilobytes a file.
        store_schema=False,
        # Every row group holds nearly all values of the others: only these two prune any.
        write_statistics=[name for name in (table.time, "log_object") if name in table.file_columns],
    )
    buffer = sink.getvalue()
    save(store, f"{table.name}/{path}", buffer)
    return AddAction(
        path=path,
        size=buffer.size,
        partition_values={table.partition: day.isoformat()} if table.partition and day else {},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=_statistics(table, rows),
    )


def _codecs(table: Table) -> dict[str, str]:
    """How each column's pages are compressed: with zstd what shrinks by it, with Snappy what hardly does.

    Rollups, texts and what rises from row to row shrink. Numbers and dictionaries of log lines are packed bits by then:
    zstd took a quarter of the time to write flow records, for files 2 % smaller. Compaction leaves all of it to zstd.
    """
    rises = {table.time, "log_line"}
    quick = {
        column.name
        for column in table.columns
        if "log_line" in table.names and (column.repeats or column.type in _NUMBERS) and column.name not in rises
    }
    return {name: "snappy" if name in quick else "zstd" for name in table.file_columns}


def _strict(rows: pa.Table) -> pa.Table:
    """The rows, of which a column that is NULL nowhere cannot be: its file says so once, and not of every value."""
    strict = [field.with_nullable(rows.column(field.name).null_count > 0) for field in rows.schema]
    return pa.Table.from_arrays(rows.columns, schema=pa.schema(strict))


def _statistics(table: Table, rows: pa.Table) -> str:
    """Delta's statistics of a file: its rows, and the span of the column that windows prune by."""
    times = rows.column(table.time)
    statistics: dict[str, object] = {"numRecords": rows.num_rows, "nullCount": {table.time: times.null_count}}
    if rows.num_rows and not times.null_count:
        bounds = pc.min_max(times)
        for name, key in (("min", "minValues"), ("max", "maxValues")):
            statistics[key] = {table.time: bounds[name].as_py().strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return json.dumps(statistics)
