"""A window counts whole minutes, whatever its bounds: reports of rollups and of requests say the same of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.lake.declarations import SOURCE_TABLES
from ingest.lake.tables import Lake
from queries import catalog
from queries.session import open_session
from queries.times import minute_from, minute_of
from queries.verdict import judge
from queries.watermarks import LAGS
from tests.queries.lake_of import ACCOUNT, NETWORK, Row, at, denied, lake_of, lattice

HALF = timedelta(seconds=30)
COUNTS = ("caller", "callee", "requests", "server_errors", "denied")
ALL = [("orders", "payments", 22, 10, 1)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """orders -> payments: ten good from 09:00:40, one refused, ten that fail from 09:05:45, one at 09:10."""

    def call(time: datetime, status: int = 200) -> Row:
        return lattice("orders", "payments", ip="10.0.0.5", target="10.0.0.9", start_time=time, response_code=status)

    rows = [call(at(0) + HALF + timedelta(seconds=10 + number)) for number in range(10)]
    rows += [denied("orders", "payments", "Service", ip="10.0.0.5", start_time=at(0) + HALF)]
    rows += [call(at(5) + timedelta(seconds=45), 500) for _ in range(10)]
    rows += [call(at(10))]
    return lake_of(tmp_path_factory.mktemp("windows"), {"lattice_access": rows})


def counts(lake: Lake, name: str, since: datetime | None, until: datetime | None) -> list[tuple[object, ...]]:
    """What the report says of the window, given to the report itself."""
    given = {name: bound for name, bound in (("since", since), ("until", until)) if bound}
    with open_session(lake) as session:
        rows = catalog.report(name).run(session, given).to_pylist()
    return [tuple(row[column] for column in COUNTS) for row in rows]


@pytest.mark.parametrize("name", ["call_graph", "edge_health"])
def test_the_whole_lake_begins_with_its_first_minute(lake: Lake, name: str) -> None:
    assert counts(lake, name, None, None) == ALL


@pytest.mark.parametrize("name", ["call_graph", "edge_health"])
def test_a_minute_that_a_window_begins_or_ends_in_counts_whole(lake: Lake, name: str) -> None:
    assert counts(lake, name, at(0) + HALF + timedelta(seconds=5), at(5) + HALF) == [("orders", "payments", 21, 10, 1)]
    assert counts(lake, name, at(0) + HALF, at(5)) == [("orders", "payments", 11, 0, 1)]


@pytest.mark.parametrize("name", ["call_graph", "edge_health"])
def test_a_session_between_bounds_holds_all_of_their_minutes(lake: Lake, name: str) -> None:
    """As `eastwest query --since --until` opens it: the requests themselves are read between the same minutes."""
    with open_session(lake, "2026-03-10T09:00:45Z", "2026-03-10T09:05:30Z") as session:
        assert session.window() == (at(0), at(6))
        rows = catalog.report(name).run(session).to_pylist()
    assert [tuple(row[column] for column in COUNTS) for row in rows] == [("orders", "payments", 21, 10, 1)]


def test_no_share_is_more_than_all(lake: Lake) -> None:
    with open_session(lake) as session:
        given = {"since": at(0) + HALF, "until": at(0) + HALF + timedelta(seconds=5), "min_wrong": 1}
        (row,) = catalog.report("edge_health").run(session, given).to_pylist()
    assert (row["state"], row["share"]) == ("denied", pytest.approx(1 / 11))


def test_the_shells_macro_counts_the_same_minutes(lake: Lake) -> None:
    with open_session(lake) as session:
        for name in ("call_graph", "edge_health"):
            session.query(catalog.report(name).macro(session))
            window = {"since": at(0) + HALF, "until": at(5) + HALF}
            rows = session.query(f"from {name}(since := $since, until := $until)", window).to_pylist()
            assert [row["requests"] for row in rows] == [21]


def test_a_moment_asked_about_lies_in_the_window(lake: Lake) -> None:
    verdict = judge(lake, "orders", "payments", at=at(5) + timedelta(seconds=50), minutes=2)
    assert (verdict.window_start, verdict.window_end) == (at(4), at(6))
    assert verdict.affected == 10


def test_minutes_of_times() -> None:
    nine = datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert [minute_of(nine), minute_from(nine)] == [nine, nine]
    later = nine + timedelta(microseconds=1)
    assert [minute_of(later), minute_from(later)] == [nine, nine + timedelta(minutes=1)]


def test_a_lake_of_resource_logs_alone_has_a_window(tmp_path: Path) -> None:
    """And one that ends with them, where requests ended before."""
    connection = {
        "service_network_arn": NETWORK,
        "resource_configuration_arn": f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}:resourceconfiguration/rcfg-1",
        "source_vpc_arn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-a",
        "source_ip": "10.0.0.5",
        "resource_ip": "10.1.0.1",
        "resource_port": 5432,
    }
    given: dict[str, list[Row]] = {
        "lattice_resource_access": [{**connection, "event_timestamp": at(minute)} for minute in range(60)]
    }
    requests: list[Row] = [lattice("orders", "payments", ip="10.0.0.5", start_time=at(minute)) for minute in (20, 30)]
    for name, more in (("alone", {}), ("both", {"lattice_access": requests})):
        with open_session(lake_of(tmp_path / name, {**given, **more})) as session:
            assert session.window() == (at(0), at(60))
            (row,) = catalog.report("resource_calls").run(session).to_pylist()
            assert row["connections"] == 60


def test_every_source_counts_for_the_window_of_a_lake() -> None:
    assert set(LAGS) == {table.name for table in SOURCE_TABLES}
