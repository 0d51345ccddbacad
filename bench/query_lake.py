"""The lakes of `make bench-queries`: one busy day, and the same with 29 days before it.

Rows go through the lake's own append, their rollups are made by the code that ingest runs, and days are compacted by
`compaction.compact`, as `eastwest lake compact` does. The days before the newest have its rollups and its ledger in
full, moved back in time, and as many source files as it has, which hold every two-hundredth row: what a session's cost
can depend on is the number of files and the rollups.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.query_load import Estate, ledger, rows_of
from ingest.lake import compaction
from ingest.lake.declarations import ALB_ACCESS, LATTICE_ACCESS, OBJECTS, ROLLUPS, TABLES, VPC_FLOW
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit

NEWEST = datetime(2026, 3, 10, tzinfo=UTC)
DAY, BATCH = timedelta(days=1), timedelta(minutes=30)
SOURCES = (LATTICE_ACCESS, ALB_ACCESS, VPC_FLOW)
THINNED = 200
SEED = 7


def build_day(folder: Path, scale: float) -> Lake:
    """A lake of the newest day, compacted; one that is there already is taken as it is."""
    lake = Lake(str(folder))
    if (folder / "complete").exists():
        return lake
    shutil.rmtree(folder, ignore_errors=True)
    estate, draw = Estate(SEED), np.random.default_rng(SEED)
    for number in range(DAY // BATCH):
        _append_batch(lake, rows_of(estate, draw, NEWEST + number * BATCH, BATCH, scale))
        _say(f"{(number + 1) * BATCH} of the newest day are in the lake")
    for table in (*SOURCES, *ROLLUPS, OBJECTS):
        compaction.compact(lake, table, NEWEST.date(), memory_limit="4GiB")
        _say(f"{table.name} is compacted")
    _finish(lake, folder)
    return lake


def build_month(folder: Path, day: Path, days: int = 30) -> Lake:
    """A lake with the newest day of the lake `day` and the days before it, `days` in all."""
    lake = Lake(str(folder))
    if (folder / "complete").exists():
        return lake
    shutil.rmtree(folder, ignore_errors=True)
    # Files of a lake never change, so links will do.
    shutil.copytree(day, folder, copy_function=_link_data, ignore=shutil.ignore_patterns("complete"))
    for table in (*SOURCES, *ROLLUPS, OBJECTS):
        files = Lake(str(day)).snapshot(table).files
        for file in sorted(files, key=lambda file: file.uri):
            rows = _read(table, file.uri, thin=table in SOURCES)
            for back in range(1, days):
                unit = Unit(f"{file.uri} {back}", "1")
                _append(lake, table, [unit], _moved(table, rows, back))
        _say(f"{table.name} has {days} days")
    _finish(lake, folder)
    return lake


def _append_batch(lake: Lake, rows: dict[Table, pa.Table]) -> None:
    by_name = {table.name: part for table, part in rows.items()}
    entries = ledger(rows)
    units = [Unit(str(uri), "1") for uri in entries.column("log_object").to_pylist()]
    rolled = roll_up(by_name)
    for table, part in rows.items():
        _append(lake, table, units, part)
    for rollup in ROLLUPS:
        _append(lake, rollup, units, rolled[rollup.name])
    _append(lake, OBJECTS, units, entries)


def _append(lake: Lake, table: Table, units: Collection[Unit], rows: pa.Table) -> None:
    lake.append(table, units, lambda _: rows)


def _finish(lake: Lake, folder: Path) -> None:
    for table in TABLES.values():
        handle = lake.open(table)
        if handle is not None:
            handle.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
            # Where in its log a table stands by chance would otherwise decide how many requests its snapshot costs.
            handle.create_checkpoint()
    (folder / "complete").touch()


def _link_data(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)


def _read(table: Table, path: str, *, thin: bool) -> pa.Table:
    file = pq.ParquetFile(path)
    if not thin:
        return file.read()
    groups = [file.read_row_group(n) for n in range(file.num_row_groups)]
    return pa.concat_tables([group.take(np.arange(0, group.num_rows, THINNED)) for group in groups])


def _moved(table: Table, rows: pa.Table, back: int) -> pa.Table:
    """The rows as of `back` days earlier, in the table's schema: every time moved, every object of another day."""
    away: Any = pa.scalar(back * DAY, pa.duration("us"))
    newest: date = NEWEST.date()
    earlier = newest - back * DAY
    arrays: list[pa.Array[Any] | pa.ChunkedArray[Any]] = []
    for column in table.columns:
        if column.name == table.partition:
            arrays.append(pa.nulls(rows.num_rows, pa.date32()).fill_null(earlier))
        elif pa.types.is_timestamp(column.type.arrow):
            arrays.append(pc.subtract(rows.column(column.name), away))
        elif column.name == "log_object":
            names: Any = pc.replace_substring(rows.column(column.name), f"{newest:%Y/%m/%d}", f"{earlier:%Y/%m/%d}")
            arrays.append(pc.replace_substring(names, f"{newest:%Y%m%d}T", f"{earlier:%Y%m%d}T"))
        else:
            arrays.append(rows.column(column.name))
    return pa.Table.from_arrays(
        [pa.chunked_array([a]) if isinstance(a, pa.Array) else a for a in arrays], schema=table.arrow
    )


def _say(line: str, started: float = time.monotonic()) -> None:
    print(f"{time.monotonic() - started:7.0f} s  {line}", file=sys.stderr, flush=True)


def sizes(lake: Lake, tables: Collection[Table]) -> dict[str, tuple[int, int, int]]:
    """Files, rows and bytes of each table."""
    found = {table.name: lake.snapshot(table).files for table in tables}
    return {
        name: (len(files), sum(file.rows for file in files), sum(file.size for file in files))
        for name, files in found.items()
    }
