from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.text import clock, milliseconds, percent, short, span, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, ""),
        ("payments", "payments"),
        ("größe/路径", "größe/路径"),
        ("a\u202eb", r"a\u{202e}b"),
        ("a\u200bb\ufeff", r"a\u{200b}b\u{feff}"),
        ("a\nb\x1b[31m\x00", r"a\u{a}b\u{1b}[31m\u{0}"),
        ("a\u00a0b\u2028", r"a\u{a0}b\u{2028}"),
    ],
)
def test_what_could_hide_or_reorder_text_shows_itself(name: str | None, shown: str) -> None:
    assert visible(name) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("10.1.200.29 (vpc-e2ef9bd0123465b7)", "10.1.200.29 (…65b7)"),
        ("10.1.200.29", "10.1.200.29"),
        ("orders (vpc-a) eu", "orders (vpc-a) eu"),
    ],
)
def test_of_a_vpc_the_end_is_enough(name: str, shown: str) -> None:
    assert short(name) == shown


@given(st.text(), st.integers(1, 60))
def test_any_name_is_short_and_has_nothing_invisible(name: str, limit: int) -> None:
    shown = visible(name, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_a_long_name_ends_in_an_ellipsis() -> None:
    assert visible("x" * 501) == "x" * 499 + "…"
    assert visible("x" * 500) == "x" * 500


def test_a_time_names_its_day_only_when_it_is_another_one() -> None:
    newest = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert clock(datetime(2026, 3, 10, 3, 2, 14, tzinfo=UTC), newest) == "03:02:14"
    assert clock(datetime(2026, 3, 9, 23, 2, 14, tzinfo=UTC), newest) == "03-09 23:02:14"
    assert clock(None, newest) == ""


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.05, "5 %"),
        (0.614, "61 %"),
        (0.999, "> 99 %"),
        (1, "100 %"),
    ],
)
def test_shares_never_round_something_to_nothing_or_to_all(share: float, written: str) -> None:
    assert percent(share) == written


def test_lengths_of_time() -> None:
    assert [span(timedelta(seconds=s)) for s in (42, 480, 12_000, 7200, 1_036_800)] == [
        "42 s",
        "8 min",
        "3 h 20 min",
        "2 h",
        "12 d",
    ]
    assert [milliseconds(ms) for ms in (None, 0.84, 42.3, 1913.0)] == ["", "0.8 ms", "42 ms", "1.9 s"]
