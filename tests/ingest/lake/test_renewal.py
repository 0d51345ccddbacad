"""A checkpoint forgets old guards, and none that is needed longer: not what a crash left half done, however old."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.errors import LakeError
from ingest.lake import checkpoints, compaction, guards, rebuilding, renewal, retention, tables
from ingest.lake.declarations import CALL_MINUTES, FINDINGS, OBJECTS, REJECTS
from ingest.lake.schema import Table
from ingest.lake.store import open_store
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from tests import lakes

NOW = datetime.now(UTC)
LONG_AGO = timedelta(days=5)
Ago = Callable[[timedelta], AbstractContextManager[None]]
CHECKPOINT = "*.checkpoint.parquet"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Ago:
    """What is done within `at(ago)` is done so long ago, as far as guards are dated."""

    @contextmanager
    def ago(age: timedelta) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: (NOW - age).timestamp())
            yield

    return ago


def unit(name: str) -> Unit:
    return Unit(f"s3://bucket/{name}", "e")


def rejects(units: Collection[Unit]) -> pa.Table:
    rows = [{"log_object": one.uri, "log_line": 1, "rejected_at": NOW, "day": NOW.date()} for one in sorted(units)]
    return pa.Table.from_pylist(rows, schema=REJECTS.arrow)


def in_ledger(age: timedelta = LONG_AGO) -> Callable[[Collection[Unit]], pa.Table]:
    def rows(units: Collection[Unit]) -> pa.Table:
        found = [{"log_object": one.uri, "etag": one.etag, "ingested_at": NOW - age} for one in sorted(units)]
        return pa.Table.from_pylist(found, schema=OBJECTS.arrow)

    return rows


def begin(lake: Lake, *names: str) -> None:
    """Commit objects to one table; a crash comes before their row in the ledger."""
    lake.append(REJECTS, [unit(name) for name in names], rejects)


def finish(lake: Lake, *names: str, age: timedelta = LONG_AGO) -> None:
    lake.append(OBJECTS, [unit(name) for name in names], in_ledger(age))


def guarded(lake: Lake, table: Table, *names: str) -> set[str]:
    """Those of the objects that the table's log still guards."""
    uris = {unit(name).uri: name for name in names}
    return {uris[uri] for uri in guards.present(open_store(lake.uri, None), table.name, uris.keys())}


def by_vacuum(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    retention.vacuum(lake, REJECTS)


def by_commit(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 1)
    monkeypatch.setattr(checkpoints, "LOOKED_AT", 1)
    begin(lake, "another")


@pytest.mark.parametrize("checkpoint", [by_vacuum, by_commit])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_checkpoint_forgets_the_guards_of_objects_finished_long_ago_alone(
    checkpoint: Callable[[Lake, pytest.MonkeyPatch], None],
    compacted: bool,
    at: Ago,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = Lake(str(tmp_path))
    names = ("finished", "finished late", "half done", "rewritten", "rewritten half")
    with at(LONG_AGO):
        begin(lake, *names)
        finish(lake, "finished", "rewritten", "rewritten half")
        lake.claim([Unit(unit("rewritten").uri, "new"), Unit(unit("rewritten half").uri, "new")])
        done = lake.claim([Unit(unit("rewritten").uri, "new")])
        lake.replace(OBJECTS, done, in_ledger())
    finish(lake, "finished late", age=timedelta(0))
    if compacted:
        compaction.compact(lake, OBJECTS, (NOW - LONG_AGO).date(), before=NOW)
    checkpoint(lake, monkeypatch)
    assert list((tmp_path / REJECTS.name / "_delta_log").glob(CHECKPOINT))
    # Whoever looked in the ledger just before it was finished may be about to commit it.
    assert guarded(lake, REJECTS, *names) == {"half done", "rewritten half", "finished late"}
    # What was renewed is young: nothing is to be renewed again, and the rows are there once.
    handle = lake.open(REJECTS)
    assert handle is not None
    assert renewal.renew(handle, REJECTS, open_store(lake.uri, None), lambda since: []) == 0
    assert lake.append(REJECTS, [unit("half done")], rejects).committed == set()


def test_what_a_crash_left_half_done_outlives_the_checkpoints_of_a_busy_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill is killed, others go on ingesting for days, nobody compacts, and it is run again.

    A day is a second here, for the checkpoints' clock is delta-rs's own.
    """
    monkeypatch.setattr(checkpoints, "EVERY", 3)
    monkeypatch.setattr(checkpoints, "LOOKED_AT", 1)
    monkeypatch.setattr(renewal, "KEPT", timedelta(seconds=1))
    monkeypatch.setitem(tables._CONFIGURATION, "delta.setTransactionRetentionDuration", "interval 1 seconds")
    monkeypatch.setitem(tables._CONFIGURATION, "delta.logRetentionDuration", "interval 0 seconds")
    lake = Lake(str(tmp_path))
    begin(lake, "half done")
    others = [f"{n}" for n in range(12)]
    for name in others:
        begin(lake, name)
        finish(lake, name, age=timedelta(0))
        if name in ("3", "7"):
            time.sleep(1.1)
    assert guarded(lake, REJECTS, "half done", "0", "1") == {"half done"}
    assert lake.append(REJECTS, [unit("half done")], rejects).committed == set()
    assert len(lakes.rows(lake, REJECTS.name)) == 1 + len(others)


def test_no_operation_writes_a_checkpoint_that_nobody_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else delta-rs would forget guards that nobody renewed: here it would after every commit."""
    monkeypatch.setitem(tables._CONFIGURATION, "delta.checkpointInterval", "1")
    lake = lakes.ingested(lakes.SAMPLE, tmp_path, batch_objects=60)
    path = next(row["log_object"] for row in lakes.rows(lake, OBJECTS.name) if row["rows"])
    claim = lake.claim([Unit(path, "new")])
    lake.take_back(CALL_MINUTES, claim, [], lambda counted: CALL_MINUTES.empty())
    lake.count(CALL_MINUTES, claim, lambda kept: CALL_MINUTES.empty())
    lake.replace(REJECTS, claim, lambda kept: REJECTS.empty())
    lake.rewrite(FINDINGS, lambda rows: rows)
    day = next(row["day"] for row in lakes.rows(lake, CALL_MINUTES.name))
    rebuilding.rebuild(lake, CALL_MINUTES, day)
    compaction.compact(lake, CALL_MINUTES, day)
    retention.expire(lake, CALL_MINUTES, day + timedelta(days=1))
    assert list(tmp_path.rglob(CHECKPOINT)) == []
    retention.vacuum(lake, CALL_MINUTES)
    assert len(list(tmp_path.rglob(CHECKPOINT))) == 1


def test_a_vacuum_forgets_no_guard_though_delta_writes_a_checkpoint_of_its_own(
    at: Ago, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in lakes of older releases: the first of a vacuum's two commits does not heed what delta-rs is told."""
    monkeypatch.setitem(tables._CONFIGURATION, "delta.checkpointInterval", "1")
    lake = Lake(str(tmp_path))
    with at(LONG_AGO):
        begin(lake, "half done", "finished")
        finish(lake, "finished")
    (tmp_path / REJECTS.name / f"day={NOW.date()}" / "v1-orphan.parquet").write_bytes(b"of a refused commit")
    assert retention.vacuum(lake, REJECTS, timedelta(0), force=True).files == 1
    assert guarded(lake, REJECTS, "half done", "finished") == {"half done"}


def test_after_a_pause_guards_are_renewed_once_more_before_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, now, renewed = Lake(str(tmp_path)), time.time, []
    begin(lake, "object")
    handle = lake.open(REJECTS)
    assert handle is not None

    def sleep_after(*arguments: object) -> int:
        renewed.append(now())
        monkeypatch.setattr(time, "time", lambda: now() + 4 * 3600)
        return 0

    monkeypatch.setattr(checkpoints, "renew", sleep_after)
    lake.checkpoint(REJECTS, handle)
    assert len(renewed) == 2
    assert len(list((tmp_path / REJECTS.name).rglob(CHECKPOINT))) == 1


def test_guards_are_dated_by_their_own_commit(at: Ago, tmp_path: Path) -> None:
    lakes_ = Lake(str(tmp_path / "one")), Lake(str(tmp_path / "other"))
    with at(LONG_AGO):
        begin(lakes_[0], "object")
    begin(lakes_[1], "object")
    dates = [guards.carried(open_store(lake.uri, None), REJECTS.name).column("written")[0].as_py() for lake in lakes_]
    assert dates[1] - dates[0] > (LONG_AGO - timedelta(minutes=1)) / timedelta(milliseconds=1)


def test_nothing_is_appended_that_the_ledger_was_asked_about_long_ago(tmp_path: Path) -> None:
    lake, now = Lake(str(tmp_path)), time.time()
    with pytest.raises(tables.StaleError):
        lake.append(REJECTS, [unit("slept")], rejects, asked=now - 13 * 3600)
    assert guarded(lake, REJECTS, "slept") == set()
    assert lake.append(REJECTS, [unit("slow")], rejects, asked=now - 11 * 3600).committed == {unit("slow")}


def test_a_renewal_that_others_come_before_is_tried_again(
    at: Ago,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = Lake(str(tmp_path))
    with at(LONG_AGO):
        begin(lake, "one", "other")
    handle = lake.open(REJECTS)
    assert handle is not None
    store, asked = open_store(lake.uri, None), []

    def meanwhile(since: datetime) -> list[str]:
        asked.append(since)
        if len(asked) == 1:
            other = lake.open(REJECTS)
            assert other is not None
            # What another process does that renews one of the two.
            other.create_write_transaction(
                [],
                mode="append",
                schema=other.schema(),
                partition_by=["day"],
                commit_properties=guards.carrying([unit("one")]),
            )
        return []

    assert renewal.renew(handle, REJECTS, store, meanwhile) == 1
    assert len(asked) == 2
    assert guarded(lake, REJECTS, "one", "other") == {"one", "other"}


def test_a_commit_does_not_depend_on_its_checkpoint(
    at: Ago,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lake = Lake(str(tmp_path))
    with at(LONG_AGO):
        begin(lake, "old")
        finish(lake, "old")
    for path in (tmp_path / OBJECTS.name).glob("*.parquet"):
        path.write_bytes(b"torn")
    monkeypatch.setattr(checkpoints, "EVERY", 1)
    monkeypatch.setattr(checkpoints, "LOOKED_AT", 1)
    assert lake.append(REJECTS, [unit("new")], rejects).committed == {unit("new")}
    assert "no checkpoint of a table's log" in capsys.readouterr().err
    assert guarded(lake, REJECTS, "old", "new") == {"old", "new"}
    with pytest.raises(LakeError, match="whose guards are still needed cannot be read"):
        retention.vacuum(lake, REJECTS)
