"""Copies of a lake on S3: the same answers with them as without, and nothing asked of S3 twice."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

import eastwest
from ingest.errors import QueryError
from ingest.lake.declarations import ROLLUPS, TABLES
from ingest.lake.snapshot import DataFile
from ingest.lake.tables import Lake
from ingest.sources.s3_access import storage_options
from queries import copies as copies_
from queries.copies import nearest_files
from queries.session import Session, open_session
from queries.shell import init_script
from tests.fault_proxy import Proxy, faulty
from tests.queries.lake_of import lake_of, lattice
from tests.servers import S3Server

COPIED = [*ROLLUPS, TABLES["objects"]]


@pytest.fixture
def proxy(moto_s3: S3Server) -> Iterator[Proxy]:
    """Before S3: counts what is asked of it, by path."""
    assert moto_s3.endpoint_url is not None
    with faulty(moto_s3.endpoint_url, (), 0) as found:
        yield found


@pytest.fixture
def lake(moto_s3: S3Server, proxy: Proxy, sample_lake: Lake, tmp_path: Path) -> Lake:
    """The sample lake in a bucket behind the proxy, with a folder for copies."""
    bucket = moto_s3.bucket("lake")
    for path in Path(sample_lake.uri).rglob("*"):
        if path.is_file():
            bucket.put(f"lake/{path.relative_to(sample_lake.uri)}", path.read_bytes())
    settings = moto_s3.settings(endpoint_url=proxy.url)
    uri = f"s3://{bucket.name}/{bucket.prefix}lake"
    return Lake(uri, storage_options(uri, settings), tmp_path / "copies")


def answers(lake: Lake) -> dict[str, list[dict[str, object]]]:
    """What the copied tables and a report say, in order."""
    with open_session(lake, "-2h", history_hours=24) as session:
        found = {table.name: f"from {table.name}" for table in COPIED} | {
            "callers": "from requests select caller, callee"
        }
        return {name: sorted(session.query(sql).to_pylist(), key=str) for name, sql in found.items()}


def data_read(proxy: Proxy, table: str) -> int:
    """Requests for a table's files so far."""
    return sum(n for path, n in proxy.requests.items() if f"/{table}/" in path and "_delta_log" not in path)


def copied(lake: Lake, table: str = "") -> list[Path]:
    """The copies of a table's files, or of all tables'."""
    assert lake.copies is not None
    return sorted(path for path in lake.copies.rglob("*.parquet") if f"/{table}" in str(path.relative_to(lake.copies)))


def test_answers_are_the_same_and_each_file_is_fetched_once(lake: Lake, proxy: Proxy) -> None:
    without = answers(Lake(lake.uri, lake.storage))
    assert all(without.values())
    proxy.requests.clear()
    assert answers(lake) == without
    for table in COPIED:
        assert data_read(proxy, table.name) == len(copied(lake, f"{table.name}/")) > 0
    proxy.requests.clear()
    assert answers(lake) == without
    assert [table.name for table in COPIED if data_read(proxy, table.name)] == []
    assert data_read(proxy, "lattice_access") > 0  # its rows are too many to be copied


def test_a_new_file_is_fetched_alone(lake: Lake, proxy: Proxy) -> None:
    answers(lake)
    before = copied(lake, "call_minutes/")
    lake_of(lake.uri, {"lattice_access": [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")]}, lake.storage)
    proxy.requests.clear()
    answers(lake)
    assert len(copied(lake, "call_minutes/")) == len(before) + 1
    assert data_read(proxy, "call_minutes") == 1


def test_a_copy_that_is_not_whole_is_fetched_again(lake: Lake) -> None:
    without = answers(Lake(lake.uri, lake.storage))
    answers(lake)
    for path in copied(lake):
        path.write_bytes(path.read_bytes()[:-100])
    assert answers(lake) == without


@pytest.mark.parametrize("spoil", ["file in its place", "pattern", "partition"])
def test_a_folder_that_cannot_hold_copies_is_left_alone(lake: Lake, tmp_path: Path, spoil: str) -> None:
    folder = {
        "file in its place": tmp_path / "file" / "x",
        "pattern": tmp_path / "a[b]*",
        "partition": tmp_path / "day=1",
    }[spoil]
    (tmp_path / "file").write_text("")
    assert answers(Lake(lake.uri, lake.storage, folder)) == answers(Lake(lake.uri, lake.storage))
    assert not folder.exists()


def test_what_is_gone_from_the_lake_and_what_is_large_are_not_copied(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = DataFile(f"{lake.uri}/call_hours/day=2026-03-10/v1-aa.parquet", 1, 10, date(2026, 3, 10), 1, None, None)
    assert nearest_files(lake, {"call_hours": (gone,)}) == {"call_hours": (gone,)}
    monkeypatch.setattr(copies_, "_LARGEST", 0)
    answers(lake)
    assert copied(lake) == []


@pytest.mark.parametrize(
    "path",
    [
        "../../../.bashrc",
        "call_hours/../../x.parquet",
        "/etc/x.parquet",
        "call_hours/..parquet",
        "call_hours/a*.parquet",
    ],
)
def test_a_log_cannot_name_a_place_outside(lake: Lake, path: str) -> None:
    file = DataFile(f"{lake.uri}/{path}", 1, 10, None, 1, None, None)
    assert nearest_files(lake, {"call_hours": (file,)}) == {"call_hours": (file,)}
    assert copied(lake) == []


def test_nobody_else_may_read_them(lake: Lake) -> None:
    answers(lake)
    assert lake.copies is not None
    (folder,) = (path for path in lake.copies.iterdir() if path.is_dir())
    assert {path.stat().st_mode & 0o777 for path in (lake.copies, folder)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in copied(lake)} == {0o600}


@pytest.mark.parametrize("planted", ["open to others", "link"])
def test_a_folder_that_somebody_else_could_fill_is_not_read(lake: Lake, tmp_path: Path, planted: str) -> None:
    answers(lake)
    assert lake.copies is not None
    (folder,) = (path for path in lake.copies.iterdir() if path.is_dir())
    if planted == "link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.chmod(0o777)
    for path in copied(lake):
        path.write_bytes(bytes(path.stat().st_size))
    assert answers(lake) == answers(Lake(lake.uri, lake.storage))


def test_a_lake_whose_name_looks_like_a_partition_is_not_copied(lake: Lake) -> None:
    """DuckDB would want that partition of the copies, too."""
    odd = Lake(f"{lake.uri}/env=prod", lake.storage, lake.copies)
    lake_of(odd.uri, {"lattice_access": [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")]}, odd.storage)
    assert answers(odd)["call_minutes"]
    assert copied(odd) == []


def test_some_files_may_be_copied_and_others_not(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    without = answers(Lake(lake.uri, lake.storage))
    answers(lake)
    every = copied(lake)
    monkeypatch.setattr(copies_, "_MOST", 0)
    for path in every[::2]:
        path.unlink()
    assert answers(lake) == without
    assert copied(lake) == every[1::2]


def test_a_disk_that_is_nearly_full_is_left_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_, "_LEFT_FREE", 1 << 60)
    assert answers(lake) == answers(Lake(lake.uri, lake.storage))
    assert copied(lake) == []


def test_copies_that_cannot_be_read_are_made_again(lake: Lake) -> None:
    without = answers(lake)
    for path in copied(lake):
        path.write_bytes(bytes(path.stat().st_size))
    assert answers(lake) == without  # of the lake itself
    assert copied(lake) == []
    assert answers(lake) == without
    assert copied(lake)


def test_a_session_goes_on_when_its_copies_are_removed(lake: Lake) -> None:
    assert lake.copies is not None
    with open_session(lake, "-2h", history_hours=24) as session:
        session.hold("hourly_calls")
        before = session.query("from call_hours").num_rows
        shutil.rmtree(lake.copies)
        assert session.query("from call_hours").num_rows == before
        shutil.rmtree(lake.copies)
        assert [rows.num_rows for rows in session.query_all([("from call_hours", {})] * 2)] == [before] * 2
        shutil.rmtree(lake.copies)
        assert not session.refresh()
        assert copied(lake)
        with pytest.raises(QueryError):
            session.query("from nothing")


def test_copies_that_nobody_reads_are_removed(lake: Lake) -> None:
    assert lake.copies is not None
    with open_session(lake, history_hours=10_000):
        pass
    first, *others = copied(lake)
    now = time.time()
    forgotten = lake.copies / "another" / "call_hours" / "day=2026-03-10" / "v1-old.parquet"
    forgotten.parent.mkdir(parents=True)
    shutil.copy(first, forgotten)
    for path, days in ((forgotten, 9), (first, 7)):
        os.utime(path, (now - days * 86_400,) * 2)
    # Done an hour ago at most: not done again.
    answers(lake)
    assert forgotten.exists()
    os.utime(lake.copies / ".swept", (now - 3_601,) * 2)
    with open_session(lake, history_hours=10_000):
        pass
    assert not (lake.copies / "another").exists()
    assert copied(lake) == [first, *others]
    assert now - first.stat().st_mtime < 3_600  # it was asked for, so it stays for as long again


def test_a_lake_in_a_folder_is_read_where_it_lies(sample_lake: Lake, tmp_path: Path) -> None:
    with open_session(Lake(sample_lake.uri, copies=tmp_path / "copies")):
        pass
    assert not (tmp_path / "copies").exists()


def test_a_session_follows_the_lake_through_its_copies(lake: Lake) -> None:
    def calls(session: Session) -> int:
        return session.query("from call_minutes").num_rows

    with open_session(lake, history_hours=10_000) as session:
        before = calls(session)
        lake_of(lake.uri, {"lattice_access": [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")]}, lake.storage)
        assert session.refresh()
        assert calls(session) == before + 1
        assert str(lake.copies) in init_script(session, with_keys=False)


def test_a_printed_script_is_for_any_machine(lake: Lake, moto_s3: S3Server) -> None:
    environment = {
        "EASTWEST_COPIES": str(lake.copies),
        "EASTWEST_ENDPOINT_URL": str(moto_s3.endpoint_url),
        "EASTWEST_REGION": "us-east-1",
    }
    printed = CliRunner().invoke(eastwest.app, ["shell", "--print-init", "--lake", lake.uri], env=environment)
    assert printed.exit_code == 0
    assert f"{lake.uri}/call_hours/" in printed.stdout
    assert str(lake.copies) not in printed.stdout
    asked = CliRunner().invoke(eastwest.app, ["query", "call_graph", "--lake", lake.uri], env=environment)
    assert asked.exit_code == 0
    assert copied(lake, "call_hours/")
