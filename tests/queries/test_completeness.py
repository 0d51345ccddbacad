"""Until when data is complete, and how much of a window is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.lake.tables import Lake
from queries.completeness import ENOUGH, Ledger, Window, coverage_of
from tests.queries.lake_of import NINE, Row, at, deliver, lake_of

TEN = at(0, hour=10)


def objects(source: str, table: str, first: datetime, last: datetime) -> list[Row]:
    """One object of a source every five minutes of [first, last)."""
    found: list[Row] = []
    while first < last:
        name = f"s3://logs/{source}_{first:%Y%m%dT%H%MZ}_0a.log.gz"
        span = {"min_time": first, "max_time": first + timedelta(seconds=290), "ingested_at": at(0, hour=12)}
        found.append({"log_object": name, "format": table, "records": 1, "rows": 1, "rejects": 0, **span})
        first += timedelta(minutes=5)
    return found


def ledger(folder: Path, *rows: list[Row]) -> Ledger:
    return Ledger(lake_of(folder, {"objects": [row for some in rows for row in some]}))


def flows(number: int, first: datetime, last: datetime, account: str = "123456789012") -> list[Row]:
    return objects(f"{account}_vpcflowlogs_us-east-1_fl-{number}", "vpc_flow", first, last)


def lattice(first: datetime, last: datetime) -> list[Row]:
    return objects("123456789012_VpcLatticeAccessLogs_us-east-1_sn-1", "lattice_access", first, last)


@pytest.mark.parametrize(
    ("flows_until", "formats", "expected"),
    [
        # Both deliver: the slower one decides.
        (at(50), ("lattice_access", "vpc_flow"), at(50)),
        (at(50), ("lattice_access",), TEN),
        # Fifteen minutes behind is silent, and not waited for.
        (at(45), ("lattice_access", "vpc_flow"), TEN),
        # A format nobody delivers does not count.
        (at(50), ("lattice_access", "alb_access"), TEN),
        # Absence is asked of the newest data of all.
        (at(45), (), TEN),
    ],
)
def test_a_window_ends_where_its_sources_are_complete(
    flows_until: datetime, formats: tuple[str, ...], expected: datetime, tmp_path: Path
) -> None:
    with ledger(tmp_path, lattice(NINE, TEN), flows(1, NINE, flows_until)) as asked:
        assert asked.complete_until(formats, None) == expected


def test_no_later_than_now_and_only_by_what_was_there_then(tmp_path: Path) -> None:
    with ledger(tmp_path, lattice(NINE, TEN), flows(1, NINE, TEN)) as asked:
        assert asked.complete_until(("lattice_access", "vpc_flow"), at(30)) == at(30)


def test_an_empty_lake_is_complete_until_never(tmp_path: Path) -> None:
    with Ledger(Lake(str(tmp_path))) as asked:
        assert asked.complete_until(("vpc_flow",), None) is None
        assert asked.deliveries(Window(NINE, TEN)) == ()


def test_what_was_delivered_long_before_a_window_is_not_read_for_it(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"objects": [*lattice(at(0, hour=8), TEN), *flows(1, at(0, hour=8), at(45))]})
    ten_days = timedelta(days=10)
    early = [{**row, "ingested_at": row["max_time"]} for row in lattice(NINE - ten_days, TEN - ten_days)]
    deliver(lake, {"objects": early})
    window, before = Window(NINE, TEN), Window(NINE - ten_days, TEN - ten_days)
    with Ledger(lake) as whole, Ledger(lake, window.since) as late:
        assert whole.deliveries(window) == late.deliveries(window) != ()
        assert (len(whole.deliveries(before)), late.deliveries(before)) == (1, ())
        assert not late.is_empty
    with Ledger(lake, datetime(2030, 1, 1, tzinfo=UTC)) as later:
        assert (later.deliveries(window), later.is_empty) == ((), False)
    with Ledger(Lake(str(tmp_path / "none"))) as none:
        assert none.is_empty


def test_coverage_counts_due_deliveries(tmp_path: Path) -> None:
    # Of the window's twelve slots Lattice delivered all and the flow log nine: 21 of 24, and 9 of 12.
    window = Window(at(0, hour=9), TEN)
    with ledger(tmp_path, lattice(at(0, hour=8), TEN), flows(1, at(0, hour=8), at(45))) as asked:
        found = asked.deliveries(window)
    assert [(d.format, d.delivered, d.expected, d.missing) for d in found] == [
        ("lattice_access", 12, 12, False),
        ("vpc_flow", 9, 12, True),
    ]
    assert coverage_of(found) == 21 / 24
    assert coverage_of(found, ("vpc_flow",)) == 0.75 < ENOUGH
    assert coverage_of(found, ("alb_access",)) == 1.0


@pytest.mark.parametrize("hours", [23.75, 25, 72, 150])
def test_a_source_that_is_silent_for_days_is_still_due(hours: float, tmp_path: Path) -> None:
    # Lattice stops at 10:00 and the flow log goes on: some hours later half of the last fifteen minutes is there.
    until = TEN + timedelta(hours=hours)
    window = Window(until - timedelta(minutes=15), until)
    with ledger(tmp_path, lattice(at(0, hour=4), TEN), flows(1, at(0, hour=4), until)) as asked:
        found = asked.deliveries(window)
    assert [(d.format, d.delivered, d.expected) for d in found] == [("lattice_access", 0, 3), ("vpc_flow", 3, 3)]
    assert found[0].delivered_until == TEN
    assert coverage_of(found) == 0.5


def test_who_was_followed_by_another_flow_log_or_never_regular_is_not_due_days_later(tmp_path: Path) -> None:
    until = TEN + timedelta(hours=40)
    old, new = flows(1, at(0, hour=4), TEN), flows(2, TEN, until)
    some = objects("123456789012_VpcLatticeAccessLogs_us-east-1_sn-1", "lattice_access", at(0, hour=4), TEN)[::3]
    with ledger(tmp_path, old, new, some) as asked:
        found = asked.deliveries(Window(until - timedelta(minutes=15), until))
    assert [(d.source[-4:], d.delivered, d.expected) for d in found] == [("fl-2", 3, 3)]


def test_after_a_week_a_source_is_forgotten(tmp_path: Path) -> None:
    until = TEN + timedelta(days=7, hours=1)
    with ledger(tmp_path, lattice(at(0, hour=4), TEN), flows(1, until - timedelta(hours=6), until)) as asked:
        found = asked.deliveries(Window(until - timedelta(minutes=15), until))
    assert [d.format for d in found] == ["vpc_flow"]


def test_a_new_flow_log_takes_over_without_a_gap(tmp_path: Path) -> None:
    old, new = flows(1, at(0, hour=8), at(30)), flows(2, at(30), TEN)
    with ledger(tmp_path, old, new) as asked:
        found = asked.deliveries(Window(at(0, hour=9), TEN))
    assert [(d.delivered, d.expected) for d in found] == [(6, 6), (6, 6)]


def test_an_irregular_source_is_due_nothing(tmp_path: Path) -> None:
    some = flows(1, at(0, hour=8), TEN)[::3]
    with ledger(tmp_path, some) as asked:
        assert asked.deliveries(Window(at(0, hour=9), TEN)) == ()


def test_a_window_reads_as_people_write_it() -> None:
    assert str(Window(NINE, TEN)) == "2026-03-10 09:00 to 10:00Z"
    assert str(Window(NINE, TEN + timedelta(days=1))) == "2026-03-10 09:00 to 2026-03-11 10:00Z"
