"""What a reader is told of one edge: since when, and where the window does not know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dashboard.tables import details, edge_table, headlines
from tests.queries.lake_of import at


def edge(**columns: Any) -> dict[str, Any]:
    """A row of `edge_health`: 4 of 100 calls failed."""
    numbers = dict.fromkeys(("denied", "rejected", "no_response", "client_errors"), 0)
    return {
        "caller": "catalog",
        "callee": "pricing",
        "state": "degraded",
        "wrong": 4,
        "share": 0.04,
        "layer": None,
        "requests": 100,
        "server_errors": 4,
        "p50_ms": None,
        "p99_ms": None,
        "last_call": at(29),
        **numbers,
        **columns,
    }


@pytest.mark.parametrize(
    ("began", "is_known"), [(at(0), False), (at(14), False), (at(15), True), (at(0) + timedelta(minutes=20), True)]
)
def test_what_may_have_begun_before_the_window_is_not_said_to_begin_in_it(began: Any, is_known: bool) -> None:
    row = edge(began=began, ended=at(25))
    since, until = at(0), at(30)
    clock = f"{began:%H:%M:%S}"
    assert edge_table([row], since, until)["from"] == [clock if is_known else f"≤ {clock}"]
    assert (f"  {clock}, last 09:25:00" in headlines([row], since, until)) == is_known
    assert ("or before the window" in details(row, [], since, until)) != is_known


def test_the_last_failure_is_not_called_an_end() -> None:
    row = edge(began=at(20), ended=at(29))
    assert edge_table([row], at(0), at(30))["last"] == ["09:29:00"]
    assert "to 09:29:00" not in headlines([row], at(0), at(30))


def test_a_healthy_edge_has_no_since() -> None:
    row = edge(state="ok", began=None, ended=None)
    assert edge_table([row], at(0), at(30))["from"] == [""]
    assert "since" not in details(row, [], at(0), at(30))
