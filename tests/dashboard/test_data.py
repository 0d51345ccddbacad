"""What the dashboard knows: kept until the lake moves, never waited for twice, first of a day and then of a week."""

import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard import data
from ingest.errors import LakeError
from ingest.lake.tables import Lake
from queries import catalog
from queries.session import Session, open_session
from tests import lakes
from tests.dashboard.hostile import hostile_lake
from tests.queries.lake_of import NINE, denied, lake_of, lattice


def watch(lake: Lake, gate: threading.Event | None = None) -> list[str | None]:
    """Serve this lake; the bounds of the sessions opened, as they come.

    With a `gate`, what the dashboard asks beside the reader waits for it.
    """
    opened: list[str | None] = []

    def opener(since: str | None, hours: float) -> Session:
        opened.append(since)
        if gate is not None and threading.current_thread().name.startswith("picture"):
            assert gate.wait(60)
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    return opened


def until_newer(window: str, shown: data.Picture) -> data.Picture:
    """The picture that is being made, as soon as it is there."""
    end = time.monotonic() + 60
    while not data.is_newer_there(window, shown):
        assert time.monotonic() < end, "no newer picture in 60 s"
        time.sleep(0.02)
    return data.picture(window)


def deliver_again(logs: Path) -> None:
    delivered = next(logs.rglob("*.gz"))
    shutil.copy(delivered, str(delivered).replace("T1105Z", "T1110Z"))


def test_answers_are_kept_until_the_lake_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 60.0)
    opened = watch(hostile_lake(tmp_path))
    first = data.picture("all")
    assert data.picture("all") is first
    assert opened == ["9999-01-01", None]
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    second = data.picture("all")
    data.forget()
    assert [row["objects"] for row in first.sources.rows] == [1]
    assert [row["objects"] for row in second.sources.rows] == [2]
    assert sum(row["denied"] for row in second.edges.rows) == 2 * sum(row["denied"] for row in first.edges.rows)


def test_nobody_waits_for_a_newer_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 0.01)
    gate = threading.Event()
    watch(hostile_lake(tmp_path), gate)
    first = data.picture("all")
    assert not data.is_newer_coming("all")
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    assert data.picture("all") is first
    assert data.is_newer_coming("all")
    assert not data.is_newer_there("all", first)
    gate.set()
    second = until_newer("all", first)
    assert not data.is_newer_coming("all")
    data.forget()
    assert [row["objects"] for row in second.sources.rows] == [2]


def test_what_worked_days_ago_is_looked_for_after_the_first_picture(tmp_path: Path) -> None:
    before = [lattice("orders", "payments", ip="10.0.0.5", start_time=NINE - timedelta(days=3))]
    refused = [denied("orders", "payments", "Service", ip="10.0.0.5")]
    gate = threading.Event()
    watch(lake_of(tmp_path, {"lattice_access": [*before, *refused]}), gate)
    first = data.picture("1h")
    assert (first.looked_back, [row["used_to_work"] for row in first.denied.rows]) == (24.0, [False])
    assert data.is_newer_coming("1h")
    gate.set()
    whole = until_newer("1h", first)
    assert not data.is_newer_coming("1h")
    data.forget()
    assert whole.looked_back is None
    assert [row["last_success_before"] for row in whole.denied.rows] == [NINE - timedelta(days=3)]


def test_a_picture_that_fails_is_an_error_once_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 60.0)
    lake = hostile_lake(tmp_path)
    failing = threading.Event()

    def opener(since: str | None, hours: float) -> Session:
        if failing.is_set() and threading.current_thread().name.startswith("picture"):
            raise LakeError("the store is away")
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    first = data.picture("all")
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    failing.set()
    with pytest.raises(LakeError, match="store is away"):
        data.picture("all")
    failing.clear()
    second = data.picture("all")
    data.forget()
    assert second is not first
    assert [row["objects"] for row in second.sources.rows] == [2]


def test_a_window_counts_back_from_the_newest_complete_data(sample_lake: Lake) -> None:
    opened = watch(sample_lake)
    whole, hour = data.picture("all"), data.picture("1h")
    data.forget()
    assert opened == ["9999-01-01", None, "-1h"]
    assert hour.until == whole.until
    assert hour.since is not None
    assert whole.until is not None
    assert (whole.until - hour.since).total_seconds() == 3600


def test_the_statement_shown_gives_the_rows_shown(sample_lake: Lake) -> None:
    watch(sample_lake)
    picture = data.picture("1h")
    data.forget()
    with open_session(sample_lake, "-1h", history_hours=168) as session:
        session.connection.execute(catalog.report("edge_health").macro(session))
        call = picture.edges.sql.split(";")[0]
        assert session.query(call).to_pylist() == picture.edges.rows


def test_an_empty_lake_is_an_empty_picture(empty_lake: Lake) -> None:
    watch(empty_lake)
    assert data.picture("1h") == data.Picture()
    data.forget()


def test_without_a_lake_the_error_says_how_to_start() -> None:
    data.forget()
    with pytest.raises(RuntimeError, match="eastwest dashboard"):
        data.picture("1h")
