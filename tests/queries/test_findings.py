"""The life of a finding: opened, seen again, resolved, opened anew; one row however often and by whomever it is run."""

from __future__ import annotations

import multiprocessing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.lake.declarations import FINDINGS
from ingest.lake.tables import Lake
from queries.completeness import Window
from queries.findings import Verified, amend, offence, read, record
from tests.queries.lake_of import at

WIDTH = timedelta(minutes=15)


def seen(until: datetime, *keys: str, observed: float = 5.0, coverage: float = 1.0, check: str = "c") -> Verified:
    """A check that ran over the 15 minutes before `until` and found these keys, `caller>service` each."""
    rows = []
    for key in keys:
        caller, _, service = key.partition(">")
        rows.append(
            {
                "key": key,
                "caller": caller,
                "service": service,
                "observed": observed,
                "expected": 0.0,
                "title": f"{key}!",
            }
        )
    found = tuple(offence(check, "page", ["key"], row) for row in rows)
    return Verified(check, Window(until - WIDTH, until), coverage, found)


def states(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(row["finding_key"], row["state"], row["occurrences"]) for row in rows]


def test_opened_with_all_its_columns() -> None:
    (row,) = amend([], [seen(at(30), "a>b", observed=7.0, coverage=0.95)])
    assert set(row) == set(FINDINGS.names)
    assert (row["check_name"], row["severity"], row["finding_key"], row["state"]) == ("c", "page", "a>b", "open")
    assert (row["opened_at"], row["last_seen_at"], row["resolved_at"]) == (at(30), at(30), None)
    assert (row["window_start"], row["window_end"], row["occurrences"]) == (at(15), at(30), 1)
    assert (row["worst_value"], row["expected_value"], row["coverage"], row["title"]) == (7.0, 0.0, 0.95, "a>b!")
    assert row["service"] == "b"
    assert row["incident_id"] == row["finding_id"]
    assert '"observed":7.0' in row["evidence"]


def test_a_later_window_is_another_occurrence_and_keeps_the_worst_value() -> None:
    rows = amend([], [seen(at(30), "a>b", observed=7.0)])
    (again,) = amend(rows, [seen(at(35), "a>b", observed=3.0)])
    assert (again["finding_id"], again["occurrences"]) == (rows[0]["finding_id"], 2)
    assert (again["opened_at"], again["last_seen_at"], again["worst_value"]) == (at(30), at(35), 7.0)


def test_the_same_window_again_changes_nothing() -> None:
    rows = amend([], [seen(at(30), "a>b")])
    assert amend(rows, [seen(at(30), "a>b")]) == rows


def test_late_data_amends_the_same_window() -> None:
    rows = amend([], [seen(at(30), "a>b", observed=5.0)])
    (row,) = amend(rows, [seen(at(30), "a>b", observed=9.0)])
    assert (row["occurrences"], row["worst_value"]) == (1, 9.0)
    (gone,) = amend(rows, [seen(at(30))])
    assert (gone["state"], gone["resolved_at"]) == ("resolved", at(30))
    (back,) = amend([gone], [seen(at(30), "a>b")])
    assert (back["state"], back["resolved_at"], back["finding_id"]) == ("open", None, rows[0]["finding_id"])


def test_resolved_when_gone_and_a_new_finding_when_it_comes_back() -> None:
    rows = amend([], [seen(at(30), "a>b")])
    rows = amend(rows, [seen(at(35))])
    assert (rows[0]["state"], rows[0]["resolved_at"]) == ("resolved", at(35))
    rows = amend(rows, [seen(at(40), "a>b")])
    assert states(rows) == [("a>b", "resolved", 1), ("a>b", "open", 1)]
    assert rows[0]["finding_id"] != rows[1]["finding_id"]


def test_nothing_is_resolved_on_too_little_data() -> None:
    rows = amend([], [seen(at(30), "a>b")])
    assert amend(rows, [seen(at(35), coverage=0.89)]) == rows
    assert amend(rows, [seen(at(35), coverage=0.9)])[0]["state"] == "resolved"


def test_an_earlier_window_is_history() -> None:
    rows = amend([], [seen(at(30), "a>b")])
    assert amend(rows, [seen(at(20), "a>b"), seen(at(25))]) == rows


def test_another_check_resolves_nothing_of_this_one() -> None:
    rows = amend([], [seen(at(30), "a>b")])
    assert amend(rows, [seen(at(35), check="other")]) == rows


def test_one_incident_along_the_calls_and_another_elsewhere() -> None:
    rows = amend([], [seen(at(30), "a>b", "b>c", "x>y"), seen(at(30), "c>d", check="other")])
    incidents = {row["finding_key"]: row["incident_id"] for row in rows}
    assert incidents["a>b"] == incidents["b>c"] == incidents["c>d"] != incidents["x>y"]
    later = amend(rows, [seen(at(40), "a>b", "b>c", "x>y", "z>y")])
    assert {row["finding_key"]: row["incident_id"] for row in later}["z>y"] == incidents["x>y"]
    much_later = amend(rows, [seen(at(41), "a>b", "b>c", "x>y", "z>y")])
    assert {row["finding_key"]: row["incident_id"] for row in much_later}["z>y"] not in incidents.values()


def test_written_once_and_read_back(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert record(lake, [seen(at(30))]) == []
    assert lake.snapshot(FINDINGS).version == -1
    rows = record(lake, [seen(at(30), "a>b", "x>y")])
    version = lake.snapshot(FINDINGS).version
    assert rows == read(lake) == amend([], [seen(at(30), "a>b", "x>y")])
    assert record(lake, [seen(at(30), "a>b", "x>y")]) == rows
    assert lake.snapshot(FINDINGS).version == version


def _record(folder: str, started: Any) -> None:
    started.wait()
    for minute in (30, 35, 40):
        record(Lake(folder), [seen(at(minute), "a>b", "x>y")])


def test_two_processes_at_once_leave_one_row_a_finding(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(2)
    workers = [context.Process(target=_record, args=(str(tmp_path), started)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert states(read(Lake(str(tmp_path)))) == [("a>b", "open", 3), ("x>y", "open", 3)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from(["a>b", "b>c", "x>y"])), min_size=1, max_size=8))
def test_never_two_open_findings_of_one_key_and_counts_add_up(windows: list[set[str]]) -> None:
    rows: list[dict[str, Any]] = []
    for number, keys in enumerate(windows):
        for _ in range(2):
            rows = amend(rows, [seen(at(5 * number), *sorted(keys))])
        assert sorted(row["finding_key"] for row in rows if row["state"] == "open") == sorted(keys)
    assert sum(row["occurrences"] for row in rows) == sum(len(keys) for keys in windows)
    assert len({row["finding_id"] for row in rows}) == len(rows)
