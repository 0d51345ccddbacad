"""Identity of days that are over is kept: the same rows as without, whatever changed since."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.lake.compaction import compact
from ingest.lake.declarations import ROLLUPS, TABLES
from ingest.lake.tables import Lake
from ingest.sources.s3_access import storage_options
from queries import catalog, kept_days, statements
from queries.kept_days import BY_DAY
from queries.names_file import GivenName
from queries.session import Session, open_session
from sample_logs.simulation.run import simulate
from tests import lakes
from tests.servers import S3Server

FIRST = datetime(2026, 3, 7, 9, tzinfo=UTC)
DAYS = 4
SINCE, HISTORY = "-10m", 168
OVER = 7
"""Days that are over: 3 to 9 March, of which three have logs; the fourth day with logs is the window's."""
OF_WHOLE_DAYS = {"daily_calls", "accepted_pairs"}
RELATIONS = (
    *(name for name in statements.IDENTITY if name not in OF_WHOLE_DAYS),
    "hour_counts",
    "hourly_calls",
    "earlier_calls",
    "present_calls",
)


def logs_of(folder: Path, seed: int, start: datetime, minutes: int = 10) -> Path:
    """Ten minutes of traffic. Another seed: other principals at the same addresses."""
    simulate(
        folder, seed=seed, start=start.timestamp(), minutes=minutes, rps=0.4, services=8, incidents=[], crowded=True
    )
    return folder


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of four days; read it, never write it."""
    folder = tmp_path_factory.mktemp("days")
    for day in range(DAYS):
        lakes.ingested(logs_of(folder / f"logs{day}", 30 + day, FIRST + timedelta(days=day)), folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A copy of it to write to, with a folder for what is kept: of a lake as small as this nothing would be."""
    monkeypatch.setattr(kept_days, "_WORTHWHILE", 1)
    shutil.copytree(days, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"), copies=tmp_path / "copies")


def opened(lake: Lake, names: tuple[GivenName, ...] = ()) -> Session:
    return open_session(lake, SINCE, history_hours=HISTORY, names=names)


def rows(session: Session, relation: str) -> tuple[list[Any], list[Any]]:
    """Columns, types and rows of a relation."""
    return (
        session.connection.execute(f"describe {relation}").fetchall(),
        session.connection.execute(f"from {relation} order by all").fetchall(),
    )


def check_same(lake: Lake, names: tuple[GivenName, ...] = ()) -> None:
    """A session with what is kept has the rows of one without."""
    with opened(Lake(lake.uri), names) as plain, opened(lake, names) as session:
        assert not kept_by(plain)
        for relation in RELATIONS:
            assert rows(session, relation) == rows(plain, relation), relation
        for relation, sql in (("daily_calls", DAILY), ("accepted_pairs", ACCEPTED)):
            assert rows(session, relation)[1] == session.connection.execute(sql).fetchall(), relation


DAILY = """
    select
        hour::date as day, caller, callee, service, min(caller_principal), min(first_minute), max(last_minute),
        max(last_ok), sum(requests)::bigint, sum(ok)::bigint, sum(client_errors)::bigint, sum(denied)::bigint,
        sum(server_errors)::bigint, sum(no_response)::bigint
    from hourly_calls
    where hour >= kept_from() and hour < kept_until()
    group by all
    order by all
"""

ACCEPTED = """
    select
        hour::date as day, src_ip, dst_ip, server_port, direction, vpc, interface_id, max(hour), sum(flows)::bigint
    from (
        select hour, src_ip, dst_ip, server_port, direction, vpc, interface_id, sum(flows) as flows
        from flow_hours
        where action = 'ACCEPT'
        group by all
        having sum(flows) > 0
    )
    where hour >= kept_from() and hour < kept_until()
    group by all
    order by all
"""


def kept(lake: Lake) -> list[Path]:
    assert lake.copies is not None
    return sorted(lake.copies.rglob("days/*"))


def kept_by(session: Session) -> set[str]:
    """The kept files that a session reads."""
    return {path for path in session._copies if "/days/" in path}


def test_the_first_session_keeps_and_the_second_reads_it(lake: Lake) -> None:
    with opened(lake) as session:
        assert not kept_by(session)
    files = kept(lake)
    assert len(files) == OVER * len(BY_DAY)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    check_same(lake)
    with opened(lake) as session:
        assert kept_by(session) == set(map(str, files))
    assert kept(lake) == files


def test_every_report_answers_the_same(lake: Lake) -> None:
    opened(lake).close()
    reports = catalog.load().values()
    with opened(Lake(lake.uri)) as plain, opened(lake) as session:
        assert kept_by(session)
        for report in reports:
            assert report.run(session, {}).to_pylist() == report.run(plain, {}).to_pylist(), report.name


def test_an_hour_that_was_taken_back_is_not_when_somebody_was_let_in() -> None:
    # From .5 3 at 9, and 2 at 10 that were taken back; from .6 nothing is left; from .7 4 at 12, without a VPC.
    flows = """
        (9, '10.0.0.5', 'vpc-a', 3), (10, '10.0.0.5', 'vpc-a', 2), (10, '10.0.0.5', 'vpc-a', -2),
        (11, '10.0.0.6', 'vpc-a', 1), (11, '10.0.0.6', 'vpc-a', -1),
        (12, '10.0.0.7', null, 4), (13, '10.0.0.7', null, 1), (13, '10.0.0.7', null, -1)
    """
    with open_session(Lake("/nonexistent")) as session:
        session.connection.execute(f"""
            create or replace view flow_hours as
            select
                timestamptz '2026-03-10 00:00:00+00' + to_hours(hour) as hour, ip as src_ip, '10.0.0.9' as dst_ip,
                443 as server_port, 'ingress' as direction, vpc, 'eni-1' as interface_id, 'ACCEPT' as action, flows,
                date '2026-03-10' as day
            from (values {flows}) as t (hour, ip, vpc, flows)
        """)
        sql = statements.text("identity", "accepted_pairs")
        found = session.query(f"select src_ip, vpc, hour(hour) as hour, flows from ({sql}) order by all").to_pylist()
    assert [tuple(row.values()) for row in found] == [("10.0.0.5", "vpc-a", 9, 3), ("10.0.0.7", None, 12, 4)]


def late_logs(lake: Lake, tmp_path: Path) -> None:
    lakes.ingested(logs_of(tmp_path / "late", 50, FIRST + timedelta(days=1, hours=2)), Path(lake.uri))


def new_callers(lake: Lake, tmp_path: Path) -> None:
    start = FIRST + timedelta(days=DAYS - 1, minutes=10)
    lakes.ingested(logs_of(tmp_path / "new", 51, start), Path(lake.uri))


def next_day(lake: Lake, tmp_path: Path) -> None:
    lakes.ingested(logs_of(tmp_path / "next", 52, FIRST + timedelta(days=DAYS)), Path(lake.uri))


def compaction(lake: Lake, tmp_path: Path) -> None:
    late_logs(lake, tmp_path)
    opened(lake).close()
    before = {file.uri for file in lake.snapshot(TABLES["edge_hours"]).files}
    for table in ROLLUPS:
        compact(lake, table, (FIRST + timedelta(days=1)).date())
    assert {file.uri for file in lake.snapshot(TABLES["edge_hours"]).files} != before


@pytest.mark.parametrize("change", [late_logs, new_callers, next_day, compaction])
def test_what_changed_is_worked_out_anew(lake: Lake, tmp_path: Path, change: Callable[[Lake, Path], None]) -> None:
    opened(lake).close()
    change(lake, tmp_path)
    check_same(lake)
    check_same(lake)


def test_given_names_are_asked_for_anew(lake: Lake) -> None:
    opened(lake).close()
    with opened(lake) as session:
        principal, vpc, ip = session.connection.execute(
            "select principal, vpc, ip from sources where vpc is not null and principal like 'arn:%' order by all"
        ).fetchall()[0]
    by_arn = GivenName("arn", principal, "renamed", None, None)
    octets = "".join(f"{int(octet):08b}" for octet in ip.split("."))
    by_address = GivenName("cidr", f"{ip}/32", "an address", vpc, f"4:{octets}")
    for names in ((by_arn,), (by_arn, by_address), ()):
        check_same(lake, names)
        check_same(lake, names)
    with opened(lake, (by_arn,)) as session:
        assert kept_by(session)
        assert session.connection.execute("select 1 from daily_calls where caller = 'renamed'").fetchone()


def test_late_logs_of_a_day_void_that_day_alone(lake: Lake, tmp_path: Path) -> None:
    opened(lake).close()
    before = set(kept(lake))
    late_logs(lake, tmp_path)
    opened(lake).close()
    of_rollups = {
        path.name.rsplit("-", 1)[0] for path in set(kept(lake)) - before if "interface_addresses" in path.name
    }
    assert of_rollups == {"interface_addresses-2026-03-08"}


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("harm", [damaged, Path.unlink])
# The first is read when a session opens, the second when somebody asks.
@pytest.mark.parametrize("name", ["address_names", "daily_calls"])
def test_what_cannot_be_read_is_worked_out(lake: Lake, name: str, harm: Callable[[Path], None]) -> None:
    opened(lake).close()
    harm(next(path for path in kept(lake) if path.name.startswith(f"{name}-2026-03-09")))
    with opened(Lake(lake.uri)) as plain, opened(lake) as session:
        sql = "from earlier_calls order by all"
        assert session.query(sql) == plain.query(sql)
    opened(lake).close()
    with opened(lake) as session:
        assert len(kept_by(session)) == OVER * len(BY_DAY)


def test_what_is_removed_under_a_session_is_worked_out(lake: Lake) -> None:
    opened(lake).close()
    with opened(Lake(lake.uri)) as plain, opened(lake) as session:
        for path in kept(lake):
            path.unlink()
        sql = "from address_names order by all"
        assert session.query(sql) == plain.query(sql)


def private_folder(lake: Lake) -> None:
    (folder,) = (path for path in lake.copies.iterdir() if path.is_dir())  # type: ignore[union-attr]
    folder.chmod(0o755)


def full_disk(lake: Lake) -> None:
    (folder,) = lake.copies.rglob("days")  # type: ignore[union-attr]
    shutil.rmtree(folder)
    folder.write_text("in the way")


@pytest.mark.parametrize("trouble", [private_folder, full_disk])
def test_without_a_folder_of_its_own_nothing_is_kept(lake: Lake, trouble: Callable[[Lake], None]) -> None:
    opened(lake).close()
    trouble(lake)
    check_same_rows_without(lake)


def check_same_rows_without(lake: Lake) -> None:
    with opened(Lake(lake.uri)) as plain, opened(lake) as session:
        assert not kept_by(session)
        assert rows(session, "hourly_calls") == rows(plain, "hourly_calls")


def test_a_small_lake_keeps_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_days, "_WORTHWHILE", 1_000_000)
    opened(lake).close()
    assert kept(lake) == []


def test_what_was_superseded_is_removed_after_hours(lake: Lake, tmp_path: Path) -> None:
    opened(lake).close()
    before = kept(lake)
    long_ago = time.time() - 3 * 3_600
    for path in before:
        os.utime(path, (long_ago, long_ago))
    late_logs(lake, tmp_path)
    opened(lake).close()
    gone = {path.name for path in before} - {path.name for path in kept(lake)}
    # Of other days what is read was asked for just now.
    assert {name for name in gone if name.startswith("interface_addresses")} == {
        path.name for path in before if path.name.startswith("interface_addresses-2026-03-08")
    }


def test_days_of_a_lake_on_s3_are_kept(lake: Lake, moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket("lake")
    for path in Path(lake.uri).rglob("*"):
        if path.is_file():
            bucket.put(f"lake/{path.relative_to(lake.uri)}", path.read_bytes())
    uri = f"s3://{bucket.name}/{bucket.prefix}lake"
    remote = Lake(uri, storage_options(uri, moto_s3.settings()), lake.copies)
    opened(remote).close()
    with opened(Lake(lake.uri)) as plain, opened(remote) as session:
        assert len(kept_by(session)) == OVER * len(BY_DAY)
        for relation in ("hourly_callers", "earlier_calls"):
            assert rows(session, relation) == rows(plain, relation)


def of_a_day() -> Iterator[str]:
    """Relations of identity whose rows say an hour, a minute or a day."""
    with open_session(Lake("/nonexistent")) as session:
        for name in (*statements.IDENTITY, "daily_calls"):
            columns = {row[0] for row in session.connection.execute(f"describe {name}").fetchall()}
            if columns & {"hour", "minute", "day"}:
                yield name


def test_all_that_a_table_is_made_of_is_in_its_digest() -> None:
    # Without tables, so that DuckDB names what a statement asks for and not what views of that name are made of.
    with duckdb.connect() as connection:
        for macro in statements.macros():
            # A macro that reads a table cannot be made; no statement of identity uses one.
            with suppress(duckdb.CatalogException):
                connection.execute(macro)
        for folder, name in (*(("identity", name) for name in BY_DAY), ("views", "hour_counts")):
            sql = statements.text(folder, name)
            assert connection.get_table_names(sql) == set(kept_days._reads(sql)) != set(), name


def test_every_table_of_a_time_is_kept_or_it_is_said_why_not() -> None:
    made_of_the_whole_window = {"moving_callers"}
    nearly_always_empty = {"corrected_minutes", "corrected_hours"}
    made_of_the_ledger = {"own_subscriptions"}
    assert set(of_a_day()) == set(BY_DAY) | made_of_the_whole_window | nearly_always_empty | made_of_the_ledger


SUMS = "caller, callee, sum(requests), sum(ok), sum(denied), min(first_minute), max(last_minute), max(last_ok)"
BEGINS = (timedelta(), timedelta(hours=3), timedelta(hours=-9, seconds=1), timedelta(days=-9))
ENDS = (timedelta(hours=-12), timedelta(minutes=7), timedelta(days=1), timedelta(days=-3))


def test_edge_spans_are_the_calls_of_any_time(lake: Lake) -> None:
    opened(lake).close()
    with opened(lake) as session:
        assert all(rows(session, relation)[1] for relation in OF_WHOLE_DAYS)
        for begin, end in product(BEGINS, ENDS):
            times = {"begin": FIRST + begin, "end": FIRST + timedelta(days=3) + end}
            found, expected = (
                session.query(f"select {SUMS} from {name}($begin, $end) group by all order by all", times)
                for name in ("edge_spans", "edge_calls")
            )
            assert found == expected, times
