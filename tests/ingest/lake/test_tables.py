"""The one append: an id is in a table once or not at all, whoever races and whatever was read before."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from ingest.errors import LakeError
from ingest.lake import guards, ledger
from ingest.lake.declarations import CALL_MINUTES, FINDINGS, OBJECTS
from ingest.lake.store import open_store
from ingest.lake.tables import Lake

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def ledger_rows(ids: set[str]) -> pa.Table:
    """One ledger row an id of the form uri#etag."""
    rows = [dict(zip(("log_object", "etag"), one.split("#"), strict=True), ingested_at=NOON) for one in sorted(ids)]
    return pa.Table.from_pylist(rows, schema=OBJECTS.arrow)


def ids_in(lake: Lake) -> Counter[str]:
    handle = lake.open(OBJECTS)
    assert handle is not None
    rows = handle.to_pyarrow_table(columns=["log_object", "etag"]).to_pylist()
    return Counter(f"{row['log_object']}#{row['etag']}" for row in rows)


def test_a_table_that_does_not_exist_is_an_empty_snapshot(tmp_path: Path) -> None:
    snapshot = Lake(str(tmp_path / "none")).snapshot(OBJECTS)
    assert (snapshot.version, snapshot.files) == (-1, ())


def test_only_ids_the_table_lacks_are_committed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert lake.append(OBJECTS, {"a#1", "b#1"}, ledger_rows) == {"a#1", "b#1"}
    assert lake.append(OBJECTS, {"b#1", "c#1"}, ledger_rows) == {"c#1"}
    assert lake.append(OBJECTS, {"a#1", "b#1", "c#1"}, ledger_rows) == set()
    assert ids_in(lake) == {"a#1": 1, "b#1": 1, "c#1": 1}


def test_ids_are_known_across_checkpoints(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    ids = [f"s3://bucket/{n}#e" for n in range(45)]
    for one in ids:
        lake.append(OBJECTS, {one}, ledger_rows)
    assert list((tmp_path / "objects" / "_delta_log").glob("*.checkpoint.parquet"))
    assert guards.committed(open_store(lake.uri, None), "objects", {*ids, "new#e"}) == set(ids)
    assert lake.append(OBJECTS, {*ids, "new#e"}, ledger_rows) == {"new#e"}


def test_bulk_look_up_agrees_with_delta(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(23):
        lake.append(OBJECTS, {f"{n}#1", f"{n}#2"}, ledger_rows)
    asked = {f"{n}#{v}" for n in range(30) for v in (1, 2, 3)}
    handle = DeltaTable(lake.table_uri(OBJECTS))
    one_by_one = {one for one in asked if handle.transaction_version(one) is not None}
    assert len(one_by_one) == 46
    assert guards.committed(open_store(lake.uri, None), "objects", asked) == one_by_one


def append_all(uri: str, ids: list[str]) -> None:
    """Append every id, five at a time."""
    for at in range(0, len(ids), 5):
        Lake(uri).append(OBJECTS, set(ids[at : at + 5]), ledger_rows)


def test_writers_racing_on_the_same_ids_commit_each_once(tmp_path: Path) -> None:
    ids = [f"{n}#1" for n in range(60)]
    spawn = multiprocessing.get_context("spawn")
    orders = (ids, list(reversed(ids)), ids[30:] + ids[:30])
    writers = [spawn.Process(target=append_all, args=(str(tmp_path), order)) for order in orders]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert ids_in(Lake(str(tmp_path))) == dict.fromkeys(ids, 1)


def test_files_carry_day_time_span_and_schema_version(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    minutes = [NOON, NOON + timedelta(minutes=3), NOON + timedelta(days=1)]
    rows = pa.Table.from_pylist(
        [{"minute": minute, "requests": 1, "day": minute.date()} for minute in minutes], schema=CALL_MINUTES.arrow
    )
    lake.append(CALL_MINUTES, {"a"}, lambda _: rows)
    files = sorted(lake.snapshot(CALL_MINUTES).files, key=lambda file: file.uri)
    assert [(file.rows, file.day, file.schema_version) for file in files] == [
        (2, date(2026, 3, 10), 1),
        (1, date(2026, 3, 11), 1),
    ]
    assert (files[0].min_time, files[0].max_time) == (minutes[0], minutes[1])


def test_a_window_lists_only_the_files_that_overlap_it(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for hour in range(3):
        minute = NOON + timedelta(hours=hour)
        rows = pa.Table.from_pylist([{"minute": minute, "day": minute.date()}], schema=CALL_MINUTES.arrow)
        lake.append(CALL_MINUTES, {str(hour)}, lambda _, rows=rows: rows)  # type: ignore[misc]
    snapshot = lake.snapshot(CALL_MINUTES)
    spans = [(file.min_time, file.max_time) for file in snapshot.overlapping(NOON + timedelta(minutes=30), None)]
    assert sorted(spans) == [(NOON + timedelta(hours=n),) * 2 for n in (1, 2)]
    # Until is exclusive, since inclusive.
    assert len(snapshot.overlapping(NOON, NOON + timedelta(hours=1))) == 1


def test_what_no_window_covers_reads_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    rows = pa.Table.from_pylist([{"minute": NOON, "day": NOON.date()}], schema=CALL_MINUTES.arrow)
    lake.append(CALL_MINUTES, {"a"}, lambda _: rows)
    assert lake.snapshot(CALL_MINUTES).overlapping(NOON + timedelta(days=2), None) == ()


def rewrite_all(uri: str, worker: int) -> None:
    """Add ten findings, one rewrite each."""
    for n in range(10):
        one = pa.Table.from_pylist([{"finding_id": f"{worker}-{n}"}], schema=FINDINGS.arrow)
        Lake(uri).rewrite(FINDINGS, lambda rows, one=one: pa.concat_tables([rows, one]))  # type: ignore[misc]


def test_racing_rewrites_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=rewrite_all, args=(str(tmp_path), n)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    handle = Lake(str(tmp_path)).open(FINDINGS)
    assert handle is not None
    found = handle.to_pyarrow_table(columns=["finding_id"]).column(0).to_pylist()
    assert sorted(map(str, found)) == sorted(f"{worker}-{n}" for worker in range(2) for n in range(10))


def test_the_ledger_tells_new_objects_and_new_versions(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert ledger.unknown(lake, ["a", "b"], ["1", "1"]) == [0, 1]
    lake.append(OBJECTS, {"a#1", "b#1"}, ledger_rows)
    assert ledger.unknown(lake, ["a", "b", "c", "a"], ["1", "2", "1", "1"]) == [1, 2]
    assert ledger.unknown(lake, [], []) == []


def test_a_lake_in_an_unknown_place_is_refused() -> None:
    with pytest.raises(LakeError, match="only a folder or s3://"):
        Lake("gs://bucket/lake")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakeError, match="file/lake"):
        Lake(str(tmp_path / "file" / "lake")).append(OBJECTS, {"a#1"}, ledger_rows)
