import shutil
from pathlib import Path

import pytest

from dashboard import data
from ingest.lake.tables import Lake
from queries import catalog
from queries.session import Session, open_session
from tests import lakes
from tests.dashboard.hostile import hostile_lake


def watch(lake: Lake) -> list[str | None]:
    """Serve this lake; the bounds of the sessions opened, as they come."""
    opened: list[str | None] = []

    def opener(since: str | None, hours: float) -> Session:
        opened.append(since)
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    return opened


def test_answers_are_kept_until_the_lake_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FRESH", 0.0)
    opened = watch(hostile_lake(tmp_path))
    first = data.picture("all")
    assert data.picture("all") is first
    assert opened == ["9999-01-01", None]
    delivered = next((tmp_path / "logs").rglob("*.gz"))
    shutil.copy(delivered, str(delivered).replace("T1105Z", "T1110Z"))
    lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    second = data.picture("all")
    data.forget()
    assert [row["objects"] for row in first.sources.rows] == [1]
    assert [row["objects"] for row in second.sources.rows] == [2]
    assert sum(row["denied"] for row in second.edges.rows) == 2 * sum(row["denied"] for row in first.edges.rows)


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
