"""Columns fetched without the others: what is read of them is what the whole file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import LocalStore

from ingest.lake import remote_columns
from ingest.lake.remote_columns import fetch_columns

ROWS = 5_000
FORMATS = ["alb_access", "vpc_flow"] * (ROWS // 2)
NAMES = [f"s3://amzn-s3-demo-logging-bucket/AWSLogs/{row:05}" for row in range(ROWS)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A data file of three columns in five row groups, one of them with dictionaries."""
    rows = pa.table({"size": range(ROWS), "log_object": NAMES, "format": FORMATS})
    dictionaries: Any = ["format"]
    pq.write_table(rows, tmp_path / "data.parquet", row_group_size=1_000, use_dictionary=dictionaries)
    return tmp_path / "data.parquet"


def fetched(file: Path, column: str) -> tuple[list[object], int]:
    """What DuckDB reads of the column in what was fetched, and how many bytes were not fetched."""
    target = file.with_name("fetched")
    fetch_columns(LocalStore(prefix=str(file.parent)), file.name, file.stat().st_size, [column], target)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(target)).project(column).fetchall()
    bodies = zip(file.read_bytes(), target.read_bytes(), strict=True)
    return [value for (value,) in found], sum(1 for whole, part in bodies if whole != part)


@pytest.mark.parametrize(
    ("column", "expected"), [("log_object", NAMES), ("format", ["alb_access", "vpc_flow"] * 2_500)]
)
@pytest.mark.parametrize("footer", [64 << 10, 2_000, 100], ids=["file in one look", "footer in one", "in two"])
def test_a_column_is_read_and_the_others_stay_where_they_are(
    file: Path, monkeypatch: pytest.MonkeyPatch, column: str, expected: list[str], footer: int
) -> None:
    monkeypatch.setattr(remote_columns, "WHOLE", 0)
    monkeypatch.setattr(remote_columns, "_FOOTER", footer)
    values, missing = fetched(file, column)
    assert values == expected
    # The sizes alone are eight bytes a row, and hardly shrink.
    assert (missing == 0) if footer > file.stat().st_size else (missing > 5_000)


def test_a_small_file_is_fetched_whole(file: Path) -> None:
    values, missing = fetched(file, "size")
    assert (values, missing) == (list(range(ROWS)), 0)


def test_a_file_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for whole in (0, 1 << 20):
        monkeypatch.setattr(remote_columns, "WHOLE", whole)
        with pytest.raises(FileNotFoundError):
            fetch_columns(LocalStore(prefix=str(tmp_path)), "gone", 200_000, ["etag"], tmp_path / "fetched")
