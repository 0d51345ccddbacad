"""Compaction, expiry and vacuum: what goes is what was asked for, what stays is exact, and nothing comes back."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import LakeError
from ingest.lake import compaction, contents, ledger, rebuilding, retention, verification
from ingest.lake.declarations import (
    CALL_HOURS,
    CALL_MINUTES,
    EDGE_LATENCY_HOURS,
    OBJECTS,
    REJECTS,
    ROLLUPS,
    SOURCE_TABLES,
    TABLES,
    VPC_FLOW,
)
from ingest.lake.schema import Column, Table, Type
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from tests import lakes

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LATER = timedelta(days=2)


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of the sample logs in many small files."""
    folder = tmp_path_factory.mktemp("small") / "lake"
    lakes.ingested(lakes.SAMPLE, folder, batch_objects=60)
    return folder


@pytest.fixture
def sample(small_files: Path, tmp_path: Path) -> Lake:
    """A copy of it."""
    return Lake(str(shutil.copytree(small_files, tmp_path / "lake")))


def reject(uri: str, line: int = 1, at: datetime = NOON) -> pa.Table:
    return pa.Table.from_pylist(
        [{"log_object": uri, "log_line": line, "rejected_at": at, "day": at.date()}], schema=REJECTS.arrow
    )


def minute(requests: int, day: date = DAY) -> pa.Table:
    row = {"minute": NOON, "requests": requests, "bytes_in": 0, "bytes_out": 0, "day": day}
    return pa.Table.from_pylist([row], schema=CALL_MINUTES.arrow)


def column(path: str, name: str) -> list[Any]:
    return list(pq.read_table(path, columns=[name], partitioning=None).column(0).to_pylist())


def compact_all(lake: Lake) -> list[compaction.Compacted]:
    now = datetime.now(UTC) + LATER
    found = [
        compaction.compact(lake, table, day, before=now)
        for table in compaction.COMPACTED
        for day in compaction.due(lake, table, now)
    ]
    return [one for one in found if one is not None]


def test_compaction_keeps_every_row_and_ingest_still_knows_every_object(sample: Lake) -> None:
    before, small = lakes.counts(sample), sum(len(sample.snapshot(table).files) for table in TABLES.values())
    done = compact_all(sample)
    files = {table.name: len(sample.snapshot(table).files) for table in TABLES.values()}
    assert small > 50
    assert {one.table for one in done} >= {"vpc_flow", "objects", "call_minutes"}
    assert max(files.values()) == 1
    assert lakes.counts(sample) == before
    lakes.check_exact(sample)
    assert list(verification.verify(sample)) == []
    assert compact_all(sample) == []
    again = lakes.run("ingest", str(lakes.SAMPLE), "--lake", sample.uri)
    assert "Nothing new" in again.stdout, again.stderr


def test_a_lake_whose_columns_are_described_in_other_words_is_kept_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one that another release made: delta-rs refuses rows with other comments than the table's.
    with monkeypatch.context() as earlier:
        earlier.setattr(Column, "comment", property(lambda column: f"{column.name}, in other words"))
        lake = lakes.ingested(lakes.SAMPLE / "AWSLogs" / "123456789012", tmp_path / "lake", batch_objects=60)
        (field,) = (field for field in lake.open(VPC_FLOW).schema().fields if field.name == "day")  # type: ignore[union-attr]
        assert field.metadata == {"comment": "day, in other words"}
    lakes.ingested(lakes.SAMPLE, tmp_path / "lake")
    lakes.check_exact(lake)
    before = lakes.counts(lake)
    assert {done.table for done in compact_all(lake)} >= {"vpc_flow", "objects", "call_minutes"}
    for rollup in ROLLUPS:
        rebuilding.rebuild(lake, rollup, DAY)
    assert lakes.counts(lake) == before
    found = lakes.run("check", "--lake", lake.uri, "--at", "2026-03-10T11:00Z")
    assert "not run" not in found.stderr
    assert before["findings"] == 0 < lakes.counts(lake)["findings"], found.stderr
    replayed = lakes.run("rejects", "replay", "--lake", lake.uri)
    assert replayed.returncode == 0, replayed.stderr
    lakes.check_exact(lake)


def test_a_compacted_day_is_sorted_and_windows_still_prune(sample: Lake) -> None:
    spans = [(file.min_time, file.max_time) for file in sample.snapshot(VPC_FLOW).files]
    compact_all(sample)
    (file,) = sample.snapshot(VPC_FLOW).files
    times = column(file.uri, "start_time")
    # delta-rs takes the batches of a sorted stream two at a time: runs of 16,384 rows, in about their order.
    runs = [times[at : at + 16_384] for at in range(0, len(times), 16_384)]
    assert runs == [sorted(run) for run in runs]
    # Delta's statistics of it are cut to milliseconds, so its end is taken for as late as that allows.
    latest = max(s[1] for s in spans if s[1])
    assert (file.min_time, file.max_time) == (min(times), latest + timedelta(microseconds=999))
    assert (file.rows, file.day) == (len(times), DAY)
    assert sample.snapshot(VPC_FLOW).overlapping(latest + timedelta(seconds=1), None) == ()
    objects = column(sample.snapshot(OBJECTS).files[0].uri, "log_object")
    assert objects == sorted(objects)


@pytest.mark.parametrize(
    ("table", "order"),
    [
        (CALL_HOURS, "hour, front_door, service, host, caller_principal, caller_key, target_group, part, bucket"),
        (EDGE_LATENCY_HOURS, "front_door, service, target_group, caller_key, octave, hour"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_compacted_rollup_is_sorted_so_that_runs_shrink(sample: Lake, table: Table, order: str) -> None:
    """By time and then all keys; those that are read by the week, an edge after the other."""
    compact_all(sample)
    (file,) = sample.snapshot(table).files
    rows = duckdb.from_parquet(file.uri)
    # Within a run: see above.
    assert rows.limit(16_384).fetchall() == rows.limit(16_384).order(order).fetchall()
    assert rows.aggregate("count(*)").fetchone() == (file.rows,)
    assert file.rows > 400


def test_a_day_without_files_stays_one(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.append(REJECTS, {Unit("0", "e")}, lambda _: reject("0"))
    result = compaction.compact(lake, REJECTS, DAY + timedelta(days=1))
    assert result is not None
    assert (result.rows, result.files_before, result.files_after) == (0, 0, 0)
    assert len(lakes.rows(lake, "rejects")) == 1


def test_rows_of_a_rollup_with_the_same_keys_become_one_and_cancelled_ones_go(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n, requests in enumerate((5, 7, -5)):
        lake.append(CALL_MINUTES, {Unit(str(n), "e")}, lambda _, requests=requests: minute(requests))  # type: ignore[misc]
    compaction.compact(lake, CALL_MINUTES, DAY)
    assert [row["requests"] for row in lakes.rows(lake, "call_minutes")] == [7]
    lake.append(CALL_MINUTES, {Unit("3", "e")}, lambda _: minute(-7))
    compaction.compact(lake, CALL_MINUTES, DAY)
    assert lakes.rows(lake, "call_minutes") == []


def test_a_day_is_left_alone_until_it_has_ended_and_settled(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(3):
        lake.append(REJECTS, {Unit(str(n), "e")}, lambda units: reject(min(units).uri))
    now = datetime.now(UTC)
    assert compaction.due(lake, REJECTS, NOON + timedelta(hours=11)) == []
    assert compaction.due(lake, REJECTS, now, settled=timedelta(hours=1)) == []
    assert compaction.due(lake, REJECTS, now + LATER, settled=timedelta(hours=1)) == [DAY]


def test_younger_rows_of_the_ledger_stay_where_they_are(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for hour in range(4):
        rows = pa.Table.from_pylist(
            [{"log_object": f"{9 - hour}", "etag": "e", "ingested_at": NOON + timedelta(hours=hour)}],
            schema=OBJECTS.arrow,
        )
        lake.append(OBJECTS, {Unit(f"{9 - hour}", "e")}, lambda _, rows=rows: rows)  # type: ignore[misc]
    compaction.compact(lake, OBJECTS, DAY, before=NOON + timedelta(hours=2, minutes=30))
    assert sorted(file.rows for file in lake.snapshot(OBJECTS).files) == [1, 3]
    assert ledger.unknown(lake, ["9", "8", "7", "6", "5"], ["e"] * 5) == {4: False}


def test_the_ledger_is_followed_through_appends_and_rewrites(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))

    def add(uri: str, etag: str) -> pa.Table:
        return pa.Table.from_pylist([{"log_object": uri, "etag": etag, "ingested_at": NOON}], schema=OBJECTS.arrow)

    assert ledger.unknown(lake, ["a"], ["1"]) == {0: False}
    lake.append(OBJECTS, {Unit("a", "1")}, lambda _: add("a", "1"))
    assert ledger.unknown(lake, ["a", "b"], ["1", "1"]) == {1: False}
    lake.append(OBJECTS, {Unit("b", "1")}, lambda _: add("b", "1"))
    compaction.compact(lake, OBJECTS, DAY)
    assert ledger.unknown(lake, ["a", "b"], ["1", "1"]) == {}
    lake.replace(OBJECTS, lake.claim({Unit("a", "2")}), lambda _: add("a", "2"))
    # The old version is not known any more: an object that is put back as it was is new again.
    assert ledger.unknown(lake, ["a", "a", "b"], ["1", "2", "1"]) == {0: True}


def test_a_compaction_that_an_append_came_before_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path))
    lake.append(REJECTS, {Unit("0", "e")}, lambda _: reject("0"))
    original, late = contents.relation, iter(("1", "2"))

    def relation(*arguments: Any) -> Any:
        rows = original(*arguments)
        if uri := next(late, None):
            lake.append(REJECTS, {Unit(uri, "e")}, lambda _: reject(uri))
        return rows

    monkeypatch.setattr(contents, "relation", relation)
    result = compaction.compact(lake, REJECTS, DAY)
    assert result is not None
    assert (result.rows, result.files_after) == (3, 1)
    assert sorted(row["log_object"] for row in lakes.rows(lake, "rejects")) == ["0", "1", "2"]


def test_a_day_to_which_others_keep_adding_is_given_up_unharmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    lake.append(REJECTS, {Unit("0", "e")}, lambda _: reject("0"))
    original, added = contents.relation, list[str]()

    def relation(*arguments: Any) -> Any:
        rows = original(*arguments)
        added.append(str(len(added) + 1))
        lake.append(REJECTS, {Unit(added[-1], "e")}, lambda _: reject(added[-1]))
        return rows

    monkeypatch.setattr(contents, "relation", relation)
    assert compaction.compact(lake, REJECTS, DAY) is None
    assert sorted(row["log_object"] for row in lakes.rows(lake, "rejects")) == ["0", *added]


def test_a_column_declared_later_is_in_what_compaction_writes(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(2):
        lake.append(REJECTS, {Unit(str(n), "e")}, lambda units: reject(min(units).uri))
    wider = replace(REJECTS, columns=(*REJECTS.columns, Column("added", Type.LONG, "New")), version=2)
    assert compaction.compact(lake, wider, DAY) is not None
    (file,) = lake.snapshot(wider).files
    held = pq.read_table(file.uri, partitioning=None)
    assert held.column("added").to_pylist() == [None, None]
    assert set(held.column("log_object").to_pylist()) == {"0", "1"}
    # A later reader cannot tell from its name which version it is.
    assert file.schema_version == 0


def test_the_last_microseconds_of_a_compacted_file_are_in_its_window(tmp_path: Path) -> None:
    lake, last = Lake(str(tmp_path)), NOON + timedelta(microseconds=123_987)
    lake.append(REJECTS, {Unit("0", "e")}, lambda _: reject("0", at=last))
    lake.append(REJECTS, {Unit("1", "e")}, lambda _: reject("1"))
    compaction.compact(lake, REJECTS, DAY)
    assert [file.rows for file in lake.snapshot(REJECTS).overlapping(last, None)] == [2]


def test_expiry_is_by_metadata_and_what_expired_does_not_come_back(sample: Lake) -> None:
    before = lakes.counts(sample)
    paths = [file.uri for table in SOURCE_TABLES for file in sample.snapshot(table).files]
    kept = DAY + timedelta(days=1)
    planned = [retention.expire(sample, table, kept, dry_run=True) for table in (*SOURCE_TABLES, REJECTS)]
    assert lakes.counts(sample) == before
    done = [retention.expire(sample, table, kept) for table in (*SOURCE_TABLES, REJECTS)]
    assert done == planned
    assert {one.table: one.rows for one in done}["vpc_flow"] == before["vpc_flow"]
    assert all(os.path.exists(path) for path in paths)
    after = lakes.counts(sample)
    assert all(after[table.name] == 0 for table in (*SOURCE_TABLES, REJECTS))
    assert all(after[table.name] == before[table.name] for table in (*ROLLUPS, OBJECTS))
    assert list(verification.verify(sample)) == []
    again = lakes.run("ingest", str(lakes.SAMPLE), "--lake", sample.uri)
    assert "Nothing new" in again.stdout, again.stderr


def test_only_days_before_the_limit_expire(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(3):
        lake.append(REJECTS, {Unit(str(n), "e")}, lambda _, n=n: reject(str(n), at=NOON + timedelta(days=n)))  # type: ignore[misc]
    assert retention.expire(lake, REJECTS, DAY + timedelta(days=2)).rows == 2
    assert [row["log_object"] for row in lakes.rows(lake, "rejects")] == ["2"]
    assert retention.expire(lake, REJECTS, DAY + timedelta(days=2)).rows == 0
    assert retention.expire(Lake(str(tmp_path / "none")), REJECTS, DAY).rows == 0


def test_vacuum_removes_what_no_version_needs_and_guards_survive_it(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    units = {Unit(str(n), "e") for n in range(3)}
    for unit in sorted(units):
        lake.append(REJECTS, {unit}, lambda _, unit=unit: reject(unit.uri))  # type: ignore[misc]
    compaction.compact(lake, REJECTS, DAY)
    folder = tmp_path / "rejects" / f"day={DAY}"
    fresh, old = folder / "v1-fresh.parquet", folder / "v1-old.parquet"
    for orphan in (fresh, old):
        orphan.write_bytes(b"a refused commit's file")
    os.utime(old, (time.time() - 9 * 86_400,) * 2)
    assert retention.vacuum(lake, REJECTS, dry_run=True).files == 1
    assert old.exists()
    assert retention.vacuum(lake, REJECTS).files == 1
    assert fresh.exists()
    assert not old.exists()
    assert retention.vacuum(lake, REJECTS, timedelta(0), force=True).files == 4
    assert [path.name for path in folder.glob("v1-*")] == []
    assert sorted(row["log_object"] for row in lakes.rows(lake, "rejects")) == ["0", "1", "2"]
    assert lake.append(REJECTS, units, lambda _: reject("again")).committed == set()


def test_vacuum_keeps_at_least_an_hour(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="--force"):
        retention.vacuum(Lake(str(tmp_path)), REJECTS, timedelta(minutes=59))
