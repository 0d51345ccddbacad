"""What reports count edges by: the macros edge_calls and edge_latencies, and views that a session holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from queries import catalog
from queries.session import Session, open_session
from tests.queries.lake_of import Row, alb, at, denied, lake_of, lattice

ELB = "app/edge/0000000000000001"


def mixed() -> dict[str, list[Row]]:
    """Every kind of caller (role, address in Lattice's VPC, address at a load balancer, public) and of outcome."""
    return {
        "lattice_access": [
            *(lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(m)) for m in (0, 0, 1, 61)),
            lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(2), response_code=500),
            lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(62), response_code=404),
            lattice(None, "b", ip="10.0.0.9", target="10.0.0.2", start_time=at(3)),
            denied("c", "b", "Service", ip="10.0.0.3", start_time=at(4)),
        ],
        "alb_access": [
            alb(ELB, "shop.example.com", ip="10.0.0.1", target="10.0.0.4", group="shop", time=at(5)),
            alb(ELB, "shop.example.com", ip="10.0.0.7", target="10.0.0.4", group="shop", time=at(65)),
            alb(ELB, "shop.example.com", ip="198.51.100.7", target="10.0.0.4", group="shop", time=at(6)),
        ],
    }


def one(session: Session, sql: str) -> dict[str, Any]:
    (row,) = session.query(sql).to_pylist()
    return dict(row)


def test_edge_calls_counts_what_the_view_calls_counts(tmp_path: Path) -> None:
    sums = "sum(requests)::bigint, sum(ok)::bigint, sum(client_errors)::bigint, sum(denied)::bigint"
    sums += ", sum(server_errors)::bigint, sum(no_response)::bigint"
    with open_session(lake_of(tmp_path, mixed())) as session:
        found = session.query(
            f"select caller, callee, {sums}, min(first_minute), max(last_minute), max(last_ok)"
            " from edge_calls(timestamptz '2026-03-10 09:00:00+00', timestamptz '2026-03-10 10:02:00+00')"
            " group by all order by all"
        )
        expected = session.query(
            f"select caller, callee, {sums}, min(minute), max(minute), max(minute) filter (ok > 0)"
            " from calls where minute >= '2026-03-10 09:00:00+00' and minute < '2026-03-10 10:02:00+00'"
            " group by all order by all"
        )
    assert [list(row.values()) for row in found.to_pylist()] == [list(row.values()) for row in expected.to_pylist()]
    # a, the unsigned address, c (all of b), the address and the public client of shop; 10.0.0.7 came after 10:02.
    assert found.num_rows == 5


DAY = 24 * 60


def kept(name: str, session: Session) -> int:
    """Marks the rows that the session keeps of its window or history, so that an answer tells where it is from."""
    session.connection.execute(f"update held_{name} set requests = requests + 100")
    return 100


@pytest.mark.parametrize(
    ("begin", "end", "calls", "kept_as"),
    [
        # Of a and b the day before has calls at 10:01, 10:02, 11:00 and 11:01, this one two at 09:00 and one each at
        # 09:01, 09:02, 10:01 and 10:02. The window is 10:02 to 10:30, its history the day before it.
        (62, 90, 1, "present_calls"),
        (62 - DAY, 62, 8, "earlier_calls"),
        (61 - DAY, 62, 9, None),  # a minute more than the history, of its hour
        (61, 90, 2, None),  # a minute more than the window, of its hour
        (62, 91, 1, None),
        (62, 62, 0, None),
        (63 - DAY, 62, 7, None),
        (62 - DAY, 61, 7, None),
        (0, 60, 4, None),  # whole hours alone
        (1, 2, 1, None),  # within an hour
    ],
)
def test_edges_counts_what_edge_calls_counts_and_knows_what_the_session_keeps(
    tmp_path: Path, begin: int, end: int, calls: int, kept_as: str | None
) -> None:
    minutes = (61 - DAY, 62 - DAY, 120 - DAY, 121 - DAY)
    earlier = [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(minute)) for minute in minutes]
    lake_of(tmp_path, {"lattice_access": earlier})
    asked = "select * from edges($begin, $end) order by all"
    times = {"begin": at(begin), "end": at(end)}
    with open_session(lake_of(tmp_path, mixed()), at(62), at(90), history_hours=24) as session:
        found = session.query(asked, times)
        sums = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)
        expected = session.query(
            f"select caller, callee, min(caller_principal) as caller_principal, {sums},"
            " min(first_minute) as first_minute, max(last_minute) as last_minute"
            " from edge_calls($begin, $end) group by all order by all",
            times,
        )
        assert found == expected
        assert calls_of(found) == calls
        session.hold("hourly_calls", "earlier_calls", "present_calls")
        assert session.query(asked, times) == expected
        marks = {name: kept(name, session) for name in ("earlier_calls", "present_calls")}
        assert calls_of(session.query(asked, times)) == calls + (marks[kept_as] if kept_as else 0)


COUNTS = ("requests", "ok", "client_errors", "denied", "server_errors", "no_response")


def calls_of(edges: pa.Table) -> int:
    """Requests from a to b."""
    return sum(row["requests"] for row in edges.to_pylist() if (row["caller"], row["callee"]) == ("a", "b"))


def test_edges_of_a_window_without_bounds_are_all_calls(tmp_path: Path) -> None:
    with open_session(lake_of(tmp_path, mixed())) as session:
        begin, end = session.window()
        edges = session.query("from edges($begin, $end)", {"begin": begin, "end": end})
        assert edges.num_rows == session.query("select distinct caller, callee from calls").num_rows
        assert calls_of(edges) == 6


@pytest.mark.parametrize(("begin", "end", "calls"), [(62, 62, 0), (62, 90, 1), (0, 62, 5), (None, 62, 5)])
def test_edges_of_a_session_without_history(tmp_path: Path, begin: int | None, end: int, calls: int) -> None:
    with open_session(lake_of(tmp_path, mixed()), None if begin is None else at(begin), at(end)) as session:
        begins, ends = session.window()
        assert calls_of(session.query("from edges($begin, $end)", {"begin": begins, "end": ends})) == calls
        assert session.query("from earlier_calls").num_rows == 0


def test_held_edges_follow_the_lake_and_its_window(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, mixed())
    with open_session(lake, "-30m", history_hours=24) as session:
        session.hold("earlier_calls", "present_calls")
        assert session.window() == (at(36), at(66))
        lake_of(tmp_path, {"lattice_access": [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(95))]})
        assert session.refresh() is True
        begin, end = session.window()
        assert (begin, end) == (at(66), at(96))
        history = {"begin": begin - session.history, "end": begin}
        assert calls_of(session.query("from edges($begin, $end)", {"begin": begin, "end": end})) == 1
        assert calls_of(session.query("from edges($begin, $end)", history)) == 6


def test_a_latency_that_no_clock_measures_is_the_longest(tmp_path: Path) -> None:
    """A log may say 292 million years; the request counts all the same. 2 ** 63 microseconds are 9.2e15 ms."""
    absurd = lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", duration=2**63 - 1)
    usual = lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")
    with open_session(lake_of(tmp_path, {"lattice_access": [absurd, usual, usual]})) as session:
        report = catalog.report("latency_by_edge")
        since, until = session.window()
        (row,) = report.run(session, {"since": since, "until": until, "min_requests": 3}).to_pylist()
    assert (row["n"], row["p50_ms"]) == (3, 10)
    assert row["p99_ms"] == pytest.approx(10 + 0.98 * 9.2e15)


def test_failures_and_the_ends_of_a_window_have_their_minutes(tmp_path: Path) -> None:
    """The whole hour 09 of a and b is 09:00 twice, 09:01 and the 500 at 09:02; the rest of 10 is minutes."""
    with open_session(lake_of(tmp_path, mixed())) as session:
        found = session.query(
            "select first_minute, last_minute, requests::bigint as n, ok::bigint as ok"
            " from edge_calls(timestamptz '2026-03-10 08:30:00+00', timestamptz '2026-03-10 10:30:00+00')"
            " where caller = 'a' and callee = 'b' order by all"
        ).to_pylist()
        failed = session.query(
            "select minute, outcome from minute_calls where outcome like '%error' order by all"
        ).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (at(0), at(2), 4, 3),
        (at(61), at(61), 1, 1),
        (at(62), at(62), 1, 0),
    ]
    assert [tuple(row.values()) for row in failed] == [(at(2), "server_error"), (at(62), "client_error")]


def test_a_minute_that_a_replacement_took_back_is_no_last_minute(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, mixed())
    with open_session(lake) as session:
        (last,) = session.query("select * from call_minutes where minute = '2026-03-10 10:01:00+00'").to_pylist()
        taken_back = {**last, "requests": -1, "bytes_in": -last["bytes_in"], "bytes_out": -last["bytes_out"]}
        hour = "select * from edge_hours where caller_principal like '%/a' and hour = '2026-03-10 10:00:00+00'"
        (whole,) = session.query(hour).to_pylist()
    none_known = dict.fromkeys(("first_minute", "last_minute", "last_ok"))
    lake_of(
        tmp_path,
        {
            "call_minutes": [taken_back],
            "edge_hours": [{**whole, **none_known, "requests": -1, "ok": -1, "client_errors": 0}],
        },
    )
    with open_session(lake) as session:
        found = one(
            session,
            "select max(last_ok) as last_ok, sum(ok)::bigint as ok"
            " from edge_calls(timestamptz '2026-03-10 00:00:00+00', timestamptz '2026-03-11 00:00:00+00')"
            " where caller = 'a' and callee = 'b'",
        )
    # 09:00 twice and 09:01 are left; that of 10:01 counts 1 - 1.
    assert found == {"last_ok": at(1), "ok": 3}


def test_long_windows_read_latency_from_the_rollup(tmp_path: Path) -> None:
    """100 ms lies in bucket floor(ln(100) / ln(1.1)) = 48, whose middle is 1.1 ** 48.5 = 101.76."""
    calls = [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(m), duration=100) for m in range(5)]
    with open_session(lake_of(tmp_path, {"lattice_access": calls})) as session:
        report = catalog.report("edge_health")
        until = at(10)
        found = [
            report.run(session, {"since": until - timedelta(hours=hours), "until": until}).to_pylist()[0]
            for hours in (6, 7)
        ]
    assert [(row["p50_ms"], row["p99_ms"]) for row in found] == [(100, 100), pytest.approx((101.76, 101.76), abs=0.01)]
    assert [row["requests"] for row in found] == [5, 5]


def test_a_held_view_has_the_same_rows_and_follows_the_lake(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, mixed())
    with open_session(lake) as session:
        views = ("denials", "timed_requests")
        before = {view: session.query(f"from {view} order by all") for view in views}
        session.hold(*views)
        session.hold(*views)
        assert {view: session.query(f"from {view} order by all") for view in views} == before
        lake_of(tmp_path, {"lattice_access": [denied("d", "b", "Service", ip="10.0.0.5", start_time=at(7))]})
        assert session.refresh() is True
        callers = session.query("select caller from denials order by 1").column("caller").to_pylist()
    assert callers == ["c", "d"]


def test_long_views_are_held_for_the_window_and_read_before_it(tmp_path: Path) -> None:
    """Held is 10:00 on, where the window begins; 09:00 to 09:06 are read."""
    lake = lake_of(tmp_path, mixed())
    views = ("minute_calls", "failed_minutes", "hourly_calls", "earlier_calls", "present_calls")
    with open_session(lake, at(61), at(90), history_hours=3) as session:
        before = {view: session.query(f"from {view} order by all") for view in views}
        session.hold(*views)
        assert {view: session.query(f"from {view} order by all") for view in views} == before
        held = session.query("select minute from held_minute_calls order by all").column("minute").to_pylist()
    assert held == [at(61), at(62), at(65)]
    # Of the mixed requests, eleven in all, three are of 10 o'clock; two of 09:00 are one row.
    assert before["minute_calls"].num_rows == 10
