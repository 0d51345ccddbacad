"""The one append: an id is in a table once or not at all, whoever races and whatever was read before."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from ingest.errors import LakeError
from ingest.lake import guards, ledger
from ingest.lake.declarations import CALL_MINUTES, FINDINGS, OBJECTS
from ingest.lake.store import open_store
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit, key_of
from tests import lakes

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def units(*texts: str) -> set[Unit]:
    """Units written as uri#etag."""
    return {Unit(uri, etag) for uri, etag in (text.split("#") for text in texts)}


def ledger_rows(wanted: set[Unit]) -> pa.Table:
    """One ledger row a unit."""
    rows = [{"log_object": unit.uri, "etag": unit.etag, "ingested_at": NOON} for unit in sorted(wanted)]
    return pa.Table.from_pylist(rows, schema=OBJECTS.arrow)


def ids_in(lake: Lake) -> Counter[str]:
    handle = lake.open(OBJECTS)
    assert handle is not None
    rows = handle.to_pyarrow_table(columns=["log_object", "etag"]).to_pylist()
    return Counter(f"{row['log_object']}#{row['etag']}" for row in rows)


def test_a_table_that_does_not_exist_is_an_empty_snapshot(tmp_path: Path) -> None:
    snapshot = Lake(str(tmp_path / "none")).snapshot(OBJECTS)
    assert (snapshot.version, snapshot.files) == (-1, ())


def test_only_units_the_table_lacks_are_committed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert lake.append(OBJECTS, units("a#1", "b#1"), ledger_rows).committed == units("a#1", "b#1")
    assert lake.append(OBJECTS, units("b#1", "c#1"), ledger_rows).committed == units("c#1")
    assert lake.append(OBJECTS, units("a#1", "b#1", "c#1"), ledger_rows).committed == set()
    assert ids_in(lake) == {"a#1": 1, "b#1": 1, "c#1": 1}


def test_another_version_of_an_object_is_handed_back_not_appended(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.append(OBJECTS, units("a#1"), ledger_rows)
    assert lake.append(OBJECTS, units("a#2", "b#1"), ledger_rows) == (units("b#1"), units("a#2"))
    assert ids_in(lake) == {"a#1": 1, "b#1": 1}


def test_a_replaced_object_keeps_one_version(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.append(OBJECTS, units("a'b#1", "c#1"), ledger_rows)
    for _ in range(2):
        lake.replace(OBJECTS, lake.claim(units("a'b#2", "new#1")), ledger_rows)
    assert ids_in(lake) == {"a'b#2": 1, "c#1": 1, "new#1": 1}


def minutes(requests: int) -> Callable[[Collection[Unit]], pa.Table]:
    """So many requests a unit."""
    row = {"minute": NOON, "requests": requests, "bytes_in": 0, "bytes_out": 0, "day": NOON.date()}
    return lambda wanted: pa.Table.from_pylist([row] * len(wanted), schema=CALL_MINUTES.arrow)


def requests_in(lake: Lake) -> Counter[int]:
    return Counter(row["requests"] for row in lakes.rows(lake, "call_minutes", ["requests"]))


def test_a_rollup_takes_the_old_contribution_back_once_and_counts_the_new_one_once(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.append(CALL_MINUTES, units("a#1"), minutes(5))
    claim = lake.claim(units("a#2", "b#1"))
    for _ in range(2):
        # b was never in the rollup: only a's five are taken back.
        lake.take_back(CALL_MINUTES, claim, (), minutes(5))
    assert requests_in(lake) == {5: 1, -5: 1}
    for _ in range(2):
        lake.count(CALL_MINUTES, claim, minutes(2))
    assert requests_in(lake) == {5: 1, -5: 1, 2: 2}


def test_a_complete_object_whose_guard_expired_is_taken_back_too(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    asked: list[Mapping[Unit, int | None]] = []

    def old(counted: Mapping[Unit, int | None]) -> pa.Table:
        asked.append(counted)
        return CALL_MINUTES.empty()

    [a] = units("a#2")
    lake.take_back(CALL_MINUTES, lake.claim(units("a#2", "b#1")), {a}, old)
    assert asked == [{a: None}]


def test_whoever_claimed_last_goes_on_and_the_others_write_nothing_more(tmp_path: Path) -> None:
    lake, other = Lake(str(tmp_path)), Lake(str(tmp_path))
    lake.append(OBJECTS, units("a#1", "b#1"), ledger_rows)
    lake.append(CALL_MINUTES, units("a#1"), minutes(5))
    first = lake.claim(units("a#2", "b#2"))
    second = other.claim(units("a#3"))
    lake.take_back(CALL_MINUTES, first, (), minutes(5))
    lake.count(CALL_MINUTES, first, minutes(2))
    # b's two alone: a is the other's.
    assert requests_in(lake) == {5: 1, 2: 1}
    assert lake.replace(OBJECTS, first, ledger_rows) == units("b#2")
    other.take_back(CALL_MINUTES, second, (), minutes(5))
    other.count(CALL_MINUTES, second, minutes(3))
    assert requests_in(lake) == {5: 1, -5: 1, 2: 1, 3: 1}
    assert other.replace(OBJECTS, second, ledger_rows) == units("a#3")
    assert ids_in(lake) == {"a#3": 1, "b#2": 1}
    # What the ledger names is finished.
    assert lake.claim(units("a#3", "b#3")).units == units("b#3")


def test_a_claim_made_between_the_look_at_it_and_the_commit_comes_after(tmp_path: Path) -> None:
    lake, other = Lake(str(tmp_path)), Lake(str(tmp_path))
    lake.append(CALL_MINUTES, units("a#1"), minutes(5))
    first = lake.claim(units("a#2"))

    def old(counted: Mapping[Unit, int | None]) -> pa.Table:
        """The other claims and takes back first."""
        other.take_back(CALL_MINUTES, other.claim(units("a#3")), (), minutes(5))
        return minutes(5)(counted)

    lake.take_back(CALL_MINUTES, first, (), old)
    assert requests_in(lake) == {5: 1, -5: 1}


def test_a_claim_whose_log_is_no_longer_whole_holds_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    claim = lake.claim(units("a#1"))
    for path in (tmp_path / "objects" / "_delta_log").glob(f"{claim.since + 1:020}.json"):
        path.unlink()
    lake.append(CALL_MINUTES, units("b#1"), minutes(5))
    lake.count(CALL_MINUTES, claim, minutes(2))
    assert requests_in(lake) == {5: 1}


def test_versions_are_known_across_checkpoints(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    many = [Unit(f"s3://bucket/{n}", "e") for n in range(55)]
    for one in many:
        lake.append(OBJECTS, {one}, ledger_rows)
    assert list((tmp_path / "objects" / "_delta_log").glob("*.checkpoint.parquet"))
    held = guards.present(open_store(lake.uri, None), "objects", {unit.uri for unit in many} | {"new"})
    assert held == {unit.uri: unit.version for unit in many}
    assert lake.append(OBJECTS, {*many, Unit("new", "e")}, ledger_rows).committed == {Unit("new", "e")}


def test_bulk_look_up_agrees_with_delta(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(23):
        lake.append(OBJECTS, units(f"{n}#1", f"x{n}#2"), ledger_rows)
    lake.replace(OBJECTS, lake.claim(units("7#3")), ledger_rows)
    asked = {f"{prefix}{n}" for n in range(30) for prefix in ("", "x", "y")}
    handle = DeltaTable(lake.table_uri(OBJECTS))
    one_by_one = {uri: handle.transaction_version(key_of(uri)) for uri in asked}
    assert sum(version is not None for version in one_by_one.values()) == 46
    held = guards.present(open_store(lake.uri, None), "objects", asked)
    assert held == {uri: version for uri, version in one_by_one.items() if version is not None}
    assert held["7"] == Unit("7", "3").version


def append_all(uri: str, ids: list[str]) -> None:
    """Append every id, five at a time."""
    for at in range(0, len(ids), 5):
        Lake(uri).append(OBJECTS, units(*ids[at : at + 5]), ledger_rows)


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
    lake.append(CALL_MINUTES, units("a#1"), lambda _: rows)
    files = sorted(lake.snapshot(CALL_MINUTES).files, key=lambda file: file.uri)
    assert [(file.rows, file.day, file.schema_version) for file in files] == [
        (2, date(2026, 3, 10), CALL_MINUTES.version),
        (1, date(2026, 3, 11), CALL_MINUTES.version),
    ]
    assert (files[0].min_time, files[0].max_time) == (minutes[0], minutes[1])


def test_a_window_lists_only_the_files_that_overlap_it(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for hour in range(3):
        minute = NOON + timedelta(hours=hour)
        rows = pa.Table.from_pylist([{"minute": minute, "day": minute.date()}], schema=CALL_MINUTES.arrow)
        lake.append(CALL_MINUTES, units(f"{hour}#1"), lambda _, rows=rows: rows)  # type: ignore[misc]
    snapshot = lake.snapshot(CALL_MINUTES)
    spans = [(file.min_time, file.max_time) for file in snapshot.overlapping(NOON + timedelta(minutes=30), None)]
    assert sorted(spans) == [(NOON + timedelta(hours=n),) * 2 for n in (1, 2)]
    # Until is exclusive, since inclusive.
    assert len(snapshot.overlapping(NOON, NOON + timedelta(hours=1))) == 1


def test_what_no_window_covers_reads_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    rows = pa.Table.from_pylist([{"minute": NOON, "day": NOON.date()}], schema=CALL_MINUTES.arrow)
    lake.append(CALL_MINUTES, units("a#1"), lambda _: rows)
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
    assert ledger.unknown(lake, ["a", "b"], ["1", "1"]) == {0: False, 1: False}
    lake.append(OBJECTS, units("a#1", "b#1"), ledger_rows)
    assert ledger.unknown(lake, ["a", "b", "c", "a"], ["1", "2", "1", "1"]) == {1: True, 2: False}
    assert ledger.unknown(lake, [], []) == {}


def test_a_lake_in_an_unknown_place_is_refused() -> None:
    with pytest.raises(LakeError, match="only a folder or s3://"):
        Lake("gs://bucket/lake")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakeError, match="file/lake"):
        Lake(str(tmp_path / "file" / "lake")).append(OBJECTS, units("a#1"), ledger_rows)


def test_files_whose_columns_may_be_null_and_may_not_are_one_table(tmp_path: Path) -> None:
    """A file says of a column whether it has a NULL; the table says that any may have one."""

    def rows_with(etag: str | None) -> Callable[[set[Unit]], pa.Table]:
        row = {"log_object": "a", "etag": etag, "ingested_at": NOON}
        return lambda wanted: pa.Table.from_pylist([row] * len(wanted), schema=OBJECTS.arrow)

    lake = Lake(str(tmp_path))
    lake.append(OBJECTS, units("a#1"), rows_with("1"))
    lake.append(OBJECTS, units("b#1"), rows_with(None))
    files = [pq.ParquetFile(file.uri) for file in lake.snapshot(OBJECTS).files]
    assert {file.schema_arrow.field("etag").nullable for file in files} == {True, False}
    assert Counter(lake.rows(OBJECTS).column("etag").to_pylist()) == {"1": 1, None: 1}
    assert Counter(row["etag"] for row in lakes.rows(lake, "objects", ["etag"])) == {"1": 1, None: 1}
    handle = lake.open(OBJECTS)
    assert handle is not None
    assert handle.schema().to_arrow().field("etag").nullable
