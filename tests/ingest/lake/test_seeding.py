"""A lake of an older release, without the rollups that add up others: read as it is, completed by the next ingest."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from ingest.lake import compaction, rebuilding, seeding, tables, verification
from ingest.lake.declarations import CALL_MINUTES, EDGE_HOURS, EDGE_LATENCY_HOURS, ROLLUPS
from ingest.lake.rebuilding import merge
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from queries.session import open_session
from tests import lakes
from tests.ingest import small_logs

DERIVED = (EDGE_HOURS, EDGE_LATENCY_HOURS)
DAY = date(2026, 3, 10)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Three objects of three requests each."""
    for slot in range(3):
        small_logs.lattice(tmp_path / "logs", slot)
    return tmp_path / "logs"


def older(lake: Lake) -> Lake:
    for table in DERIVED:
        shutil.rmtree(Path(lake.uri) / table.name)
    return lake


def edges(lake: Lake) -> list[dict[str, Any]]:
    with open_session(lake) as session:
        return list(
            session.query(
                "select caller, callee, sum(requests)::bigint as n, min(first_minute) as began,"
                " max(last_minute) as ended"
                " from edge_calls(timestamptz '2026-03-10 00:00:00+00', timestamptz '2026-03-11 00:00:00+00')"
                " group by all order by all"
            ).to_pylist()
        )


def rows(lake: Lake, table: Table) -> pa.Table:
    handle = lake.open(table)
    assert handle is not None
    return handle.to_pyarrow_table().select(table.names).cast(table.arrow)


def data_files(lake: Lake, table: Table) -> set[Path]:
    return set((Path(lake.uri) / table.name).glob("day=*/*.parquet"))


def test_without_them_reports_count_from_what_they_add_up(logs: Path, tmp_path: Path) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    before = edges(lake)
    assert sum(row["n"] for row in before) == 9
    assert edges(older(lake)) == before


def test_the_next_ingest_makes_them_complete(logs: Path, tmp_path: Path) -> None:
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    small_logs.lattice(logs, 3)
    lakes.ingested(logs, tmp_path / "lake")
    counts = lakes.counts(lake)
    assert counts == lakes.counts(lakes.ingested(logs, tmp_path / "whole"))
    assert (counts["edge_hours"], counts["edge_latency_hours"]) == (12, 12)
    assert list(verification.verify(lake)) == []


def test_in_a_new_lake_there_is_nothing_to_add_up(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they add up is made a moment before them, and empty."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(tables, "seed", refuse)
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert (lakes.counts(lake)["edge_hours"], lakes.counts(lake)["edge_latency_hours"]) == (9, 9)


def test_what_was_there_from_the_first_version_on_is_added_up(logs: Path, tmp_path: Path) -> None:
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    counted = rows(lake, CALL_MINUTES)
    shutil.rmtree(Path(lake.uri) / CALL_MINUTES.name)
    write_deltalake(lake.table_uri(CALL_MINUTES), counted, partition_by=["day"])
    assert lake.create(EDGE_HOURS).version() == 0
    assert rows(lake, EDGE_HOURS).column("requests").to_pylist() == [9]


def test_rebuilding_makes_them_too(logs: Path, tmp_path: Path) -> None:
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    assert {d.table for d in verification.verify(lake)} == {table.name for table in DERIVED}
    for table in DERIVED:
        rebuilding.rebuild(lake, table, DAY)
    assert list(verification.verify(lake)) == []


def test_an_object_between_two_commits_is_counted_once(logs: Path, tmp_path: Path) -> None:
    """Its counts are in call_minutes when edge_hours is made from it; its writer then finds it there."""
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    (row,) = lakes.rows(lake, "call_minutes")[:1]
    unit = Unit("s3://bucket/between", "e")
    one = pa.Table.from_pylist([{**row, "requests": 1}], schema=CALL_MINUTES.arrow)
    lake.append(CALL_MINUTES, {unit}, lambda _: one)
    made = lake.append(EDGE_HOURS, {unit}, lambda _: EDGE_HOURS.empty())
    assert made.committed == set()
    assert lakes.counts(lake)["edge_hours"] == lakes.counts(lake)["call_minutes"] == 10


def test_of_two_that_make_it_at_once_one_is_refused(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other is faster while this one still counts; what this one wrote is deleted."""
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    settled = seeding._settled

    def overtaken(*arguments: Any) -> Any:
        found = settled(*arguments)
        monkeypatch.undo()
        Lake(lake.uri).create(EDGE_HOURS)
        return found

    monkeypatch.setattr(seeding, "_settled", overtaken)
    assert lake.create(EDGE_HOURS).version() == 0
    assert lakes.counts(lake)["edge_hours"] == lakes.counts(lake)["call_minutes"] == 9
    assert data_files(lake, EDGE_HOURS) == {Path(file.uri) for file in lake.snapshot(EDGE_HOURS).files}


def test_one_whose_first_answer_was_lost_finds_its_own(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store sends a request again that had worked: nothing is deleted then."""
    lake = older(lakes.ingested(logs, tmp_path / "lake"))
    put = obstore.put

    def twice(store: Any, path: str, *arguments: Any, **keywords: Any) -> Any:
        if path.endswith(seeding.FIRST_COMMIT):
            put(store, path, *arguments, **keywords)
        return put(store, path, *arguments, **keywords)

    monkeypatch.setattr(obstore, "put", twice)
    assert lake.create(EDGE_HOURS).version() == 0
    assert data_files(lake, EDGE_HOURS) == {Path(file.uri) for file in lake.snapshot(EDGE_HOURS).files} != set()
    assert lakes.counts(lake)["edge_hours"] == 9


def test_where_something_was_taken_back_first_and_last_are_not_known(logs: Path, tmp_path: Path) -> None:
    """Merged in memory and by compaction alike: a bound that is unknown in one row is unknown in the sum."""
    lake = lakes.ingested(logs, tmp_path / "lake")
    (row,) = lakes.rows(lake, "edge_hours")[:1]
    none = {"first_minute": None, "last_minute": None, "last_ok": None}
    back = pa.Table.from_pylist(
        [{**row, **none, **{name: -min(row[name], 1) for name in EDGE_HOURS.measures}}], schema=EDGE_HOURS.arrow
    )
    lake.append(EDGE_HOURS, {Unit("s3://bucket/again", "e")}, lambda _: back)
    merged = merge(EDGE_HOURS, rows(lake, EDGE_HOURS)).to_pylist()
    compaction.compact(lake, EDGE_HOURS, DAY)
    assert sorted(map(str, lakes.rows(lake, "edge_hours"))) == sorted(map(str, merged))
    (found,) = (one for one in merged if all(one[key] == row[key] for key in EDGE_HOURS.keys))
    assert (found["first_minute"], found["last_minute"], found["last_ok"]) == (None, None, None)


def test_added_up_is_what_ingest_counts(logs: Path, tmp_path: Path) -> None:
    """On the sample logs, where every outcome, both front doors and requests without latency occur."""
    lake = lakes.ingested(lakes.SAMPLE, tmp_path / "lake")
    counted = {table: merge(table, rows(lake, table)) for table in DERIVED}
    older(lake)
    for table in DERIVED:
        lake.create(table)
        assert sorted(map(str, merge(table, rows(lake, table)).to_pylist())) == sorted(
            map(str, counted[table].to_pylist())
        )
        assert counted[table].num_rows > 100


def test_every_rollup_comes_after_what_it_adds_up() -> None:
    order = [table.name for table in ROLLUPS]
    for table in DERIVED:
        assert table.counted_from is not None
        assert order.index(table.counted_from.name) < order.index(table.name)
