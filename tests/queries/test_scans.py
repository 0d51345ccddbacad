"""A table's files may be of several schema versions; what has no version in its name may be of any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.lake.declarations import OBJECTS
from ingest.lake.schema import Column, Type
from ingest.lake.snapshot import DataFile
from queries.scans import scan

WIDER = replace(OBJECTS, columns=(*OBJECTS.columns, Column("added", Type.LONG, "New")), version=2)


def data_file(folder: Path, name: str, version: int, added: int | None) -> DataFile:
    row = {"log_object": name, "ingested_at": datetime(2026, 3, 10, tzinfo=UTC)}
    table = OBJECTS if added is None else WIDER
    rows = pa.Table.from_pylist([row if added is None else {**row, "added": added}], schema=table.arrow)
    pq.write_table(rows, folder / name)
    return DataFile(str(folder / name), 1, 0, None, version, None, None)


def test_rewritten_files_of_two_versions_keep_the_added_column(tmp_path: Path) -> None:
    files = [
        data_file(tmp_path, "part-a.parquet", 0, None),
        data_file(tmp_path, "part-b.parquet", 0, 7),
        data_file(tmp_path, "v1-c.parquet", 1, None),
        data_file(tmp_path, "v2-d.parquet", 2, 9),
    ]
    with duckdb.connect() as connection:
        connection.execute(scan(WIDER, files, None, None))
        found = connection.execute("select log_object, added from objects order by log_object").fetchall()
    assert found == [("part-a.parquet", None), ("part-b.parquet", 7), ("v1-c.parquet", None), ("v2-d.parquet", 9)]
