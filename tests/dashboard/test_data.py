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


def until_another(window: str, shown: data.View) -> data.View:
    """The view that is being made, as soon as it is there."""
    end = time.monotonic() + 60
    while not data.is_another_there(window, shown):
        assert time.monotonic() < end, "no other picture in 60 s"
        time.sleep(0.02)
    return data.view(window)


def deliver_again(logs: Path) -> None:
    delivered = next(logs.rglob("*.gz"))
    shutil.copy(delivered, str(delivered).replace("T1105Z", "T1110Z"))


def test_answers_are_kept_until_the_lake_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 60.0)
    opened = watch(hostile_lake(tmp_path))
    first = data.view("all").picture
    assert data.view("all").picture is first
    assert opened == ["9999-01-01", None]
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    second = data.view("all").picture
    data.forget()
    assert [row["objects"] for row in first.sources.rows] == [1]
    assert [row["objects"] for row in second.sources.rows] == [2]
    assert sum(row["denied"] for row in second.edges.rows) == 2 * sum(row["denied"] for row in first.edges.rows)


def test_nobody_waits_for_a_newer_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 0.01)
    gate = threading.Event()
    watch(hostile_lake(tmp_path), gate)
    first = data.view("all")
    assert not first.is_coming
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    for _ in range(2):
        shown = data.view("all")
        assert (shown.picture, shown.is_coming) == (first.picture, True)
        assert not data.is_another_there("all", shown)
    gate.set()
    second = until_another("all", shown)
    # Another reader's page has another one to show as well, whoever looked first.
    assert data.is_another_there("all", shown)
    data.forget()
    assert not second.is_coming
    assert [row["objects"] for row in second.picture.sources.rows] == [2]


def test_what_nobody_asked_for_in_a_long_time_is_not_shown_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    monkeypatch.setattr(data, "PATIENCE", 0.01)
    monkeypatch.setattr(data, "STALE", 0.0)
    watch(hostile_lake(tmp_path))
    data.view("all")
    deliver_again(tmp_path / "logs")
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    second = data.view("all")
    data.forget()
    assert [row["objects"] for row in second.picture.sources.rows] == [2]


def of_three_days(folder: Path) -> Lake:
    """A refused call, and one that was not three days before."""
    before = lattice("orders", "payments", ip="10.0.0.5", start_time=NINE - timedelta(days=3))
    return lake_of(folder, {"lattice_access": [before, denied("orders", "payments", "Service", ip="10.0.0.5")]})


def test_what_worked_days_ago_is_looked_for_after_the_first_picture(tmp_path: Path) -> None:
    gate = threading.Event()
    watch(of_three_days(tmp_path), gate)
    first = data.view("1h")
    assert [row["used_to_work"] for row in first.picture.denied.rows] == [False]
    assert (first.picture.looked_back, first.is_coming) == (24.0, True)
    gate.set()
    whole = until_another("1h", first)
    data.forget()
    assert (whole.picture.looked_back, whole.is_coming) == (None, False)
    assert [row["last_success_before"] for row in whole.picture.denied.rows] == [NINE - timedelta(days=3)]


def test_what_cannot_be_made_takes_nothing_away_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    lake, is_away = of_three_days(tmp_path), threading.Event()
    is_away.set()

    def opener(since: str | None, hours: float) -> Session:
        if is_away.is_set() and hours > data.FIRST_HISTORY:
            raise LakeError("the store is away")
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    first = data.view("1h")
    failed = first if first.trouble else until_another("1h", first)
    assert (failed.picture, failed.is_coming, failed.trouble) == (first.picture, False, "the store is away")
    is_away.clear()
    assert data.view("1h") == failed
    monkeypatch.setattr(data, "AFTER_FAILURE", 0.0)
    whole = until_another("1h", data.view("1h"))
    data.forget()
    assert (whole.picture.looked_back, whole.trouble) == (None, None)


def test_a_lake_that_can_no_longer_be_followed_keeps_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    lake = hostile_lake(tmp_path)
    watch(lake)
    first = data.view("all")
    log = tmp_path / "lake" / "objects" / "_delta_log"
    log.rename(log.with_name("away"))
    log.mkdir()
    (log / f"{0:020}.json").write_text("{}")
    broken = data.view("all")
    assert broken.picture is first.picture
    assert "objects" in str(broken.trouble)
    shutil.rmtree(log)
    log.with_name("away").rename(log)
    mended = data.view("all")
    data.forget()
    assert (mended.picture, mended.trouble) == (first.picture, None)


def test_a_lake_that_was_emptied_and_filled_again_is_seen_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    watch(hostile_lake(tmp_path))
    first = data.view("1h")
    (tmp_path / "lake").rename(tmp_path / "away")
    assert data.view("1h").picture == data.Picture()
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    again = data.view("1h")
    data.forget()
    assert again.picture.edges.rows == first.picture.edges.rows
    assert (again.is_coming, again.trouble) == (False, None)


def test_a_window_counts_back_from_the_newest_complete_data(sample_lake: Lake) -> None:
    opened = watch(sample_lake)
    whole, hour = data.view("all").picture, data.view("1h").picture
    data.forget()
    assert opened == ["9999-01-01", None, "-1h"]
    assert hour.until == whole.until
    assert hour.since is not None
    assert whole.until is not None
    assert (whole.until - hour.since).total_seconds() == 3600


def test_the_statement_shown_gives_the_rows_shown(sample_lake: Lake) -> None:
    watch(sample_lake)
    picture = data.view("1h").picture
    data.forget()
    with open_session(sample_lake, "-1h", history_hours=168) as session:
        session.connection.execute(catalog.report("edge_health").macro(session))
        call = picture.edges.sql.split(";")[0]
        assert session.query(call).to_pylist() == picture.edges.rows


def test_an_empty_lake_is_an_empty_picture(empty_lake: Lake) -> None:
    watch(empty_lake)
    assert data.view("1h").picture == data.Picture()
    data.forget()


def test_without_a_lake_the_error_says_how_to_start() -> None:
    data.forget()
    with pytest.raises(RuntimeError, match="eastwest dashboard"):
        data.view("1h")
