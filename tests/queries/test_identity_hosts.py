"""What services and callers are called by when they come and go: all that a session knows counts, history included."""

from __future__ import annotations

from pathlib import Path

from queries.session import open_session
from tests.queries.lake_of import Row, alb, at, lake_of, lattice

ELB = "app/edge/0000000000000001"
NODE, LATTICE = "10.0.9.1", "169.254.171.5"
DAY = 24 * 60


def asked(callee: str, host: str, minute: int, repeat: int = 1, target: str | None = "10.0.0.2") -> Row:
    """Requests to a Lattice service by that host."""
    row = lattice("web", callee, ip="10.0.0.1", target=target, host_header=host, start_time=at(minute))
    return {**row, "repeat": repeat}


def behind(host: str, minute: int, repeat: int = 1, ip: str = "10.0.0.3") -> Row:
    """Requests to a target group of a load balancer by that host; the group is called like the host."""
    group = host.partition(".")[0]
    row = alb(ELB, host, ip=ip, target="10.0.0.4", group=group, time=at(minute), ip_address=NODE)
    return {**row, "repeat": repeat}


def without_target(row: Row, **columns: object) -> Row:
    """The same requests, answered 503: no target was reached."""
    return {**row, "target_ip": None, "target_port": None, **columns}


def callees(folder: Path, **rows: list[Row]) -> dict[str, int]:
    """Requests by callee of 09:00 to 10:00 and the week before it."""
    with open_session(lake_of(folder, rows), at(0), at(60), history_hours=168) as session:
        counted = "select callee, sum(requests)::bigint as n from hourly_calls group by callee"
        return {row["callee"]: row["n"] for row in session.query(counted).to_pylist()}


def test_a_service_that_is_down_for_days_keeps_its_name(tmp_path: Path) -> None:
    down = without_target(behind("shop.example.com", 5, 20), elb_status_code=503, target_status_code=None)
    rows = [behind("shop.example.com", -3 * DAY, 50), behind("cart.example.com", 5, 500), down]
    assert callees(tmp_path, alb_access=rows) == {"shop": 70, "cart": 500}


def test_the_only_service_of_a_load_balancer_keeps_its_name_when_it_is_down(tmp_path: Path) -> None:
    down = without_target(behind("shop.example.com", 5, 20), elb_status_code=503, target_status_code=None)
    assert callees(tmp_path, alb_access=[behind("shop.example.com", -3 * DAY, 50), down]) == {"shop": 70}


def test_a_lattice_service_that_is_down_for_days_keeps_its_name(tmp_path: Path) -> None:
    down = without_target(asked("orders", "orders.example.com", 5, 20), response_code=503)
    assert callees(tmp_path, lattice_access=[asked("orders", "orders.example.com", -3 * DAY, 50), down]) == {
        "orders": 70
    }


def test_one_invented_host_on_a_quiet_day_renames_nothing(tmp_path: Path) -> None:
    rows = [asked("orders", "orders.example.com", -2 * DAY, 1000), asked("orders", "evil.example.org", 5)]
    assert callees(tmp_path, lattice_access=rows) == {"orders": 1001}


def test_a_load_balancer_is_seen_through_when_lattice_no_longer_calls_it(tmp_path: Path) -> None:
    """Through Lattice until two days ago, directly since: one service, and the leg counts once."""
    before = asked("shopfront", "shop.example.com", -2 * DAY, 50, target=NODE)
    leg = behind("shop.example.com", -2 * DAY, 50, ip=LATTICE)
    direct = behind("shop.example.com", 5, 30)
    assert callees(tmp_path, lattice_access=[before], alb_access=[leg, direct]) == {"shop": 80}


def test_history_that_begins_within_an_hour_is_named_as_that_hour_is(tmp_path: Path) -> None:
    def owned(callee: str, hour: int) -> Row:
        return lattice("outside", callee, ip="10.0.99.1", target="10.0.0.2", start_time=at(0, hour))

    def unsigned(minute: int, hour: int) -> Row:
        return lattice(None, "ledger", ip="10.0.0.2", target="10.0.50.1", start_time=at(minute, hour))

    rows = [owned("orders", 9), unsigned(47, 9)]
    for hour in (10, 11):
        rows += [owned("search", hour), unsigned(20, hour)]
    lake = lake_of(tmp_path, {"lattice_access": rows})
    with open_session(lake, at(30, 11), at(60, 11), history_hours=1.5) as session:
        named = "select minute, caller from minute_calls where callee = 'ledger' order by minute"
        found = {row["minute"].hour: row["caller"] for row in session.query(named).to_pylist()}
    assert found == {9: "orders", 10: "search", 11: "search"}
