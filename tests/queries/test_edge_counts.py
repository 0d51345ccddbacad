"""What reports count edges by: the macros edge_calls and edge_latencies, and views that a session holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("begin", "turn", "end", "before", "after"),
    [
        # Of a and b come two calls at 09:00 and one each at 09:01, 09:02, 10:01 and 10:02.
        (-20, 62, 90, 5, 1),  # turn within an hour of its own
        (0, 60, 120, 4, 2),  # whole hours alone
        (1, 61, 62, 2, 1),  # turn and end in the same hour
        (1, 2, 60, 1, 1),  # begin and turn in the same hour
        (1, 2, 3, 1, 1),  # all of it in one hour
        (1, 1, 62, 0, 3),  # nothing before
        (0, 2, 2, 3, 0),  # nothing after
    ],
)
def test_calls_around_a_moment_are_those_before_and_those_after(
    tmp_path: Path, begin: int, turn: int, end: int, before: int, after: int
) -> None:
    with open_session(lake_of(tmp_path, mixed())) as session:
        assert around(session, begin, turn, end)[:2] == (before, after)


def around(session: Session, begin: int, turn: int, end: int) -> tuple[int, int, int]:
    """Calls of a and b before and after turn, and rows before it; of any edge it counts what edge_calls counts."""
    sums = "min(caller_principal), min(first_minute), max(last_minute)"
    sums += ", sum(requests)::bigint, sum(ok)::bigint, sum(denied)::bigint"
    times = {"begin": at(begin), "turn": at(turn), "end": at(end)}
    found = session.query(
        f"select caller, callee, {sums}, is_before from edge_calls_around($begin, $turn, $end)"
        " group by all order by all",
        times,
    )
    expected = session.query(
        f"select caller, callee, {sums}, true as is_before from edge_calls($begin, $turn) group by all union all"
        f" select caller, callee, {sums}, false from edge_calls($turn, $end) group by all order by all",
        times,
    )
    assert found.to_pylist() == expected.to_pylist()
    counted = session.query(
        "select sum(requests) filter (is_before) as before, sum(requests) filter (not is_before) as after,"
        " count(*) filter (is_before) as rows from edge_calls_around($begin, $turn, $end)"
        " where caller = 'a' and callee = 'b'",
        times,
    ).to_pylist()[0]
    return int(counted["before"] or 0), int(counted["after"] or 0), counted["rows"]


DAY = 24 * 60


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize(
    ("begin", "turn", "before", "after", "rows"),
    [
        # The day before has calls at 10:01, 10:02, 11:00 and 11:01; the session's history begins at 10:02.
        (
            -DAY + 62,
            62,
            8,
            1,
            3,
        ),  # all of it: the hours up to 10:00 are one row, 10:02 and 10:01 of the two days minutes
        (-DAY + 61, 62, 9, 1, 4),  # the same hours, and one more minute
        (-DAY + 30, 62, 9, 1, 4),  # an hour more: 10:00, 11:00 and 09:00, and a minute
        (-DAY + 62, 30, 7, 2, 5),  # turn lies within the history: 11:00, and the minutes 10:02 and 09:00 to 09:02
        (0, 62, 5, 1, 2),  # a part of the history
    ],
)
def test_all_of_a_session_s_history_is_one_row_an_edge(
    tmp_path: Path, begin: int, turn: int, before: int, after: int, rows: int, is_held: bool
) -> None:
    minutes = (61 - DAY, 62 - DAY, 120 - DAY, 121 - DAY)
    earlier = [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(minute)) for minute in minutes]
    lake_of(tmp_path, {"lattice_access": earlier})
    with open_session(lake_of(tmp_path, mixed()), at(62), at(90), history_hours=24) as session:
        if is_held:
            session.hold("hourly_calls", "earlier_calls")
        assert around(session, begin, turn, 90) == (before, after, rows)


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
    """Held are 07:00 to 08:00, where history begins, and 10:00 on, where the window does; 09:00 to 09:06 are read."""
    lake = lake_of(tmp_path, mixed())
    views = ("minute_calls", "failed_minutes", "hourly_calls", "earlier_calls")
    with open_session(lake, at(61), at(90), history_hours=3) as session:
        before = {view: session.query(f"from {view} order by all") for view in views}
        session.hold(*views)
        assert {view: session.query(f"from {view} order by all") for view in views} == before
        held = session.query("select minute from held_minute_calls order by all").column("minute").to_pylist()
    assert held == [at(61), at(62), at(65)]
    # Of the mixed requests, eleven in all, three are of 10 o'clock; two of 09:00 are one row.
    assert before["minute_calls"].num_rows == 10
