"""The catalogue: parameters are bound exactly, and what is wrong is said with the nearest right name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.errors import QueryError
from ingest.lake.tables import Lake
from queries import catalog
from queries.catalog import parse_report
from queries.lint import keywords_not_lower, loose_examples, loose_modes, problems_of, whole_windows
from queries.session import open_session
from queries.times import parse_time

GOOD = """-- ---
-- title = "Numbers"
-- question = "Which?"
-- [params]
-- least = { type = "bigint", default = 2, about = "from" }
-- name = { type = "varchar", about = "only this one" }
-- [columns]
-- n = { type = "bigint", about = "a number" }
-- ---
select t.n
from (values (1::bigint), (2), (3)) as t (n)
where t.n >= $least
    and ($name is null or $name = 'x')
"""


def test_defaults_given_values_and_text_are_bound(tmp_path: Path) -> None:
    report = parse_report("numbers", "t", GOOD, "numbers.sql")
    with open_session(Lake(str(tmp_path))) as session:
        assert report.run(session).column("n").to_pylist() == [2, 3]
        assert report.run(session, {"least": "3"}).column("n").to_pylist() == [3]
        assert report.run(session, {"name": "y"}).num_rows == 0
        session.query(report.macro(session))
        assert session.query("from numbers(least := 1, name := 'x')").num_rows == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"leest": 1}, "no parameter leest; did you mean least"),
        ({"least": "many"}, "least: 'many' is not a bigint"),
    ],
)
def test_wrong_parameters_are_explained(tmp_path: Path, given: dict[str, object], message: str) -> None:
    report = parse_report("numbers", "t", GOOD, "numbers.sql")
    with open_session(Lake(str(tmp_path))) as session, pytest.raises(QueryError, match=message):
        report.run(session, given)


def test_an_unknown_report_names_the_nearest() -> None:
    with pytest.raises(QueryError, match="no report denied_caller; did you mean denied_callers"):
        catalog.report("denied_caller")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-- ---\n-- title", "-- title", "header is missing"),
        ('title = "Numbers"', 'titel = "Numbers"', "needs title"),
        ("-- ---\nselect", "select", "header has no end"),
        ("-- least", "least", "numbers.sql:5: a header line begins with"),
        ("-- [params]", "-- [params", "not TOML"),
        (', about = "a number"', "", "needs type and about"),
    ],
)
def test_wrong_headers_are_explained(old: str, new: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse_report("numbers", "t", GOOD.replace(old, new, 1), "numbers.sql")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("t.n >= $least", "t.n >= 1", "parameter least is declared and not used"),
        ("t.n >= $least", "t.n >= $least + $more", "parameter more is used and not declared"),
        ('n = { type = "bigint"', 'n = { type = "integer"', "column 1: declared"),
        ("select t.n", "select t.n, 1 as m", "column 2: declared None"),
        ("t.n >= $least", "t.n >= $least and least = 1", "column least is named like a parameter"),
        ("(n)", "(n); select 1", "2 statements"),
    ],
)
def test_lint_finds_what_a_header_gets_wrong(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    report = parse_report("numbers", "t", GOOD.replace(old, new, 1), "numbers.sql")
    with open_session(Lake(str(tmp_path))) as session:
        found = list(problems_of(report, session))
    assert (not found) if message is None else any(message in problem for problem in found)


def test_lint_finds_upper_case_keywords_only() -> None:
    sql = "select 'SELECT' as \"FROM\" -- WHERE\nFROM t\nWhere foo = 1"
    assert list(keywords_not_lower(sql)) == [(2, "FROM"), (3, "Where")]


def test_lint_finds_examples_that_ties_could_mix() -> None:
    sql = """select arg_max(log_object, time),
    max_by(d.log_line, (d.time, d.log_object)),
    arg_min(d.log_object, (d.time, d.log_object)),
    arg_max(log_line, (minute_of(time), log_object, log_line)),
    arg_max(name, (time, log_object)),
    arg_min (a.log_line, date_trunc('hour', a.time)) filter (a.n > 0)
from t as d"""
    assert list(loose_examples(sql)) == [1, 2, 6]


def test_lint_finds_modes_that_ties_could_change() -> None:
    sql = """select mode(reason),
    mode(d.reason order by d.reason),
    mode (coalesce(d.status, 0)) filter (d.n > 0),
    mode(lower(d.host) order by lower(d.host)) filter (d.n > 0)
from t as d
order by d.mode"""
    assert list(loose_modes(sql)) == [1, 3]


def test_a_window_over_all_rows_is_found_unless_it_is_a_comment_or_a_text() -> None:
    sql = """select sum(a) over () as s, -- over ()
    'over ()
    ' as t,
    max(a) over (
    ) as m,
    sum(a) over (partition by b) as p"""
    assert list(whole_windows(sql)) == [1, 4]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-10T09:00Z", datetime(2026, 3, 10, 9, tzinfo=UTC)),
        ("2026-03-10T11:00+02:00", datetime(2026, 3, 10, 9, tzinfo=UTC)),
        ("2026-03-10 09:00", datetime(2026, 3, 10, 9, tzinfo=UTC)),
        ("-90m", datetime(2026, 3, 10, 10, 30, tzinfo=UTC)),
        ("-2d", datetime(2026, 3, 8, 12, tzinfo=UTC)),
    ],
)
def test_times(text: str, time: datetime) -> None:
    assert parse_time(text, datetime(2026, 3, 10, 12, tzinfo=UTC)) == time


def test_now_is_the_wall_clock_on_any_lake() -> None:
    before = datetime.now(UTC)
    assert before <= parse_time("now", None) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["yesterday", "-1", "1h", ""])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match="write 2026-03-10T09:00Z, or -1h"):
        parse_time(text, datetime(2026, 3, 10, 12, tzinfo=UTC))
