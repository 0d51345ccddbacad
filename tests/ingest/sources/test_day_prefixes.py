"""The prefixes of a window, worked out without a bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.sources.day_prefixes import days, has_year, is_year, worth_listing

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def test_days_until_tomorrow() -> None:
    assert list(days(["a/2026/"], datetime(2026, 11, 21, 23, tzinfo=UTC), None, NOW)) == [
        "a/2026/11/21/",
        "a/2026/11/22/",
        "a/2026/11/23/",
        "a/2026/11/24/",
    ]


def test_days_over_new_year_in_hive_layout() -> None:
    years = ["a/year=2025/", "a/year=2026/"]
    since, until = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)

    assert list(days(years, since, until, NOW)) == [
        "a/year=2025/month=12/day=31/",
        "a/year=2026/month=01/day=01/",
        "a/year=2026/month=01/day=02/",
        "a/year=2026/month=01/day=03/",
    ]


def test_years_that_are_not_there_cost_nothing() -> None:
    prefixes = list(days(["a/2026/"], datetime(2001, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), NOW))

    assert prefixes == ["a/2026/01/01/", "a/2026/01/02/", "a/2026/01/03/"]


def test_days_are_utc_days() -> None:
    since = datetime(2026, 11, 23, 0, 30, tzinfo=timezone(timedelta(hours=2)))

    assert next(days(["2026/"], since, None, NOW)) == "2026/11/22/"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("2026/", True), ("a/year=2026/", True), ("a/2026/11/", False), ("123456789012/", False), ("", False)],
)
def test_year(prefix: str, expected: bool) -> None:
    assert is_year(prefix) is expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("a/2026/11/", True), ("a/year=2026/month=11/", True), ("a/20261121/", False), ("", False)],
)
def test_at_or_below_a_year(prefix: str, expected: bool) -> None:
    assert has_year(prefix) is expected


def test_below_an_account_only_what_eastwest_reads() -> None:
    account = "logs/AWSLogs/123456789012/"
    services = [f"{account}{name}/" for name in ("CloudTrail", "Config", "VpcLattice", "elasticloadbalancing")]

    assert worth_listing(account, services) == services[2:]
    assert worth_listing("logs/", ["logs/AWSLogs/", "logs/other/"]) == ["logs/AWSLogs/", "logs/other/"]
