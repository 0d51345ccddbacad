"""The hosts that services are called by: those of the window and the day before it, else the last known ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from queries.session import open_session
from tests.queries.lake_of import Row, alb, at, lake_of, lattice

ELB = "app/edge/0000000000000001"
DAY = 24 * 60


def asked(callee: str, host: str, minute: int, repeat: int = 1) -> Row:
    """Requests to a Lattice service by that host."""
    row = lattice("web", callee, ip="10.0.0.1", target="10.0.0.2", host_header=host, start_time=at(minute))
    return {**row, "repeat": repeat}


def behind(host: str, minute: int, repeat: int = 1) -> Row:
    """Requests to the target group of a load balancer by that host."""
    row = alb(ELB, host, ip="10.0.0.1", target="10.0.0.4", group="shop", time=at(minute))
    return {**row, "repeat": repeat}


def callees(folder: Path, rows: dict[str, list[Row]], history_hours: float = 168) -> set[str]:
    """Whom the edges of 09:00 to 10:00 and of the history before it are to."""
    with open_session(lake_of(folder, rows), at(0), at(60), history_hours=history_hours) as session:
        return {row["callee"] for row in session.query("select distinct callee from hourly_calls").to_pylist()}


@pytest.mark.parametrize(
    ("before", "name"),
    [
        (-3 * DAY, "new"),  # what the window says is enough
        (-DAY - 1, "new"),  # a minute before the day before it
        (-DAY, "old"),  # 50 requests of the day before outweigh two
    ],
)
def test_a_service_is_called_as_it_was_in_the_window_and_the_day_before(tmp_path: Path, before: int, name: str) -> None:
    rows = [asked("orders", "old.example.com", before, 50), asked("orders", "new.example.com", 5, 2)]
    assert callees(tmp_path, {"lattice_access": rows}) == {name}


def test_a_service_that_nobody_called_since_keeps_its_name(tmp_path: Path) -> None:
    rows: dict[str, list[Row]] = {
        "lattice_access": [asked("orders", "orders.example.com", -3 * DAY), asked("web", "web.example.com", 5)],
        "alb_access": [behind("shop.example.com", -3 * DAY)],
    }
    assert callees(tmp_path, rows) == {"orders", "web", "shop"}


def test_behind_a_load_balancer_the_newest_name_counts_too(tmp_path: Path) -> None:
    rows = [behind("old.example.com", -3 * DAY, 50), behind("shop.example.com", 5, 2)]
    assert callees(tmp_path, {"alb_access": rows}) == {"shop"}
