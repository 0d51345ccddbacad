"""Every report on hand-made rows: `cases/<report>/*.toml` give rows and parameters, and say what has to come out.

`[[given.<table>]]` holds the columns that matter. `base` names the function of `lake_of` that fills the rest (its
arguments are keys too), `repeat` how many rows, `count_up` a column that then counts from 1; rows that are `late` are
delivered in another object, after the report was asked once. `[[expect]]` are all rows, in order, each with the columns
that matter; those that `null` lists are NULL. `shows` says what is hard about the case, of `KINDS`, and a report has
cases of every kind, or a line below `[cannot]` in one of them that says why it has none.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingest.lake.declarations import OBJECTS, SOURCE_TABLES, TABLES
from queries import catalog
from queries.lint import problems
from queries.session import Session, open_session
from tests.queries import lake_of
from tests.queries.lake_of import Row

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.toml"))
ROOT = Path(__file__).parents[2]
KINDS = {
    "late": "rows that come after the report was asked, and change what it says",
    "ties": "rows that no number or time the report orders by tells apart: their names do",
    "gap": "a quarter of an hour or more without a row, between rows of the window",
    "zero": "something to divide by is 0: NULL, or no row",
}
FROM_ROLLUP = {"graph_diff": "p90_before_ms"}
"""A column whose header says that it comes from the rollup, within 5 %, where a session does not hold the requests."""
GAP = timedelta(minutes=15)
_OF_CASES = ("base", "repeat", "count_up", "late")


def rows_of(spec: Mapping[str, Any]) -> Iterator[Row]:
    given = {key: value for key, value in spec.items() if key not in _OF_CASES}
    if base := spec.get("base"):
        function = getattr(lake_of, base)
        required = {
            name: given.pop(name, None)
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        }
        given = dict(function(**required, **given))
    for number in range(1, spec.get("repeat", 1) + 1):
        yield {**given, spec["count_up"]: number} if "count_up" in spec else given


def rows(case: Mapping[str, Any], late: bool) -> dict[str, list[Row]]:
    """What a case gives by table, of one of two deliveries."""
    found = {}
    for name, specs in case.get("given", {}).items():
        given = [row for spec in specs if spec.get("late", False) is late for row in rows_of(spec)]
        if TABLES[name] in SOURCE_TABLES:
            lines = {"log_object": f"s3://logs/{'late' if late else 'made-by-hand'}"}
            given = [{**lines, "log_line": number, **row} for number, row in enumerate(given, start=1)]
        found[name] = given
    return found


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def time_of(table: str) -> str:
    """An object's rows lie at its `min_time`."""
    return "min_time" if TABLES[table] is OBJECTS else TABLES[table].time


def measures(report: catalog.Report) -> list[str]:
    """The numbers and times among the columns that a report orders its rows by (a rank: that the rank is given by)."""
    keys = re.split(r"\border by\b", report.sql)
    last = keys[-2].split(") as")[0] if keys[-1].strip() == "rank" else keys[-1]
    words = set(re.findall(r"\w+", last))
    return [column.name for column in report.columns if column.name in words and column.type != "varchar"]


@dataclass(frozen=True)
class Case:
    """What a file says, with the report that it is about and a session on its rows.

    `before`: what the report said before the late rows came.
    """

    report: catalog.Report
    content: Mapping[str, Any]
    session: Session
    before: list[dict[str, Any]]

    @property
    def params(self) -> Mapping[str, Any]:
        params: Mapping[str, Any] = self.content["params"]
        return params

    def found(self, session: Session | None = None) -> list[dict[str, Any]]:
        return self.report.run(session or self.session, self.params).to_pylist()


@pytest.fixture(scope="module", params=CASES, ids=name_of)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Made once for the tests of a case, which change nothing that a report reads."""
    content = tomllib.loads(request.param.read_text())
    report = catalog.report(request.param.parent.name)
    lake = lake_of.lake_of(tmp_path_factory.mktemp("case"), rows(content, late=False))
    with open_session(lake) as session:
        before = report.run(session, content["params"]).to_pylist()
        lake_of.deliver(lake, rows(content, late=True))
        session.refresh()
        yield Case(report, content, session, before)


def showing(kind: str) -> pytest.MarkDecorator:
    """The cases that say they show something."""
    paths = [path for path in CASES if kind in tomllib.loads(path.read_text()).get("shows", ())]
    return pytest.mark.parametrize("case", paths, ids=name_of, indirect=True)


def test_case(case: Case) -> None:
    found, expect = case.found(), case.content["expect"]
    assert len(found) == len(expect)
    for got, expected in zip(found, expect, strict=True):
        for name, value in {**expected, **dict.fromkeys(expected.get("null", ()))}.items():
            if name != "null":
                assert got[name] == (pytest.approx(value) if isinstance(value, float) else value), f"{name} of {got}"


def test_the_shells_macro_gives_the_same_rows(case: Case) -> None:
    """With the case's parameters, which are not the defaults, and with the defaults."""
    report, session = case.report, case.session
    session.query(report.macro(session))
    given = report.bind(session, case.params)
    arguments = ", ".join(f"{name} := ${name}" for name in given)
    assert session.query(f'from "{report.name}"({arguments})', given) == report.run(session, given)
    assert session.query(f'from "{report.name}"()') == report.run(session)


def test_the_command_gives_the_same_answer_of_rows_the_other_way_round(case: Case, tmp_path: Path) -> None:
    """In a session for the window, with what the report says it needs besides, as `eastwest query` opens one."""
    report, given = case.report, defaultdict[str, list[Row]](list)
    for late in (True, False):
        for name, some in rows(case.content, late).items():
            given[name] += reversed(some)
    lake = lake_of.lake_of(tmp_path, given)
    since, until = (case.params.get(name) for name in catalog.WINDOW)
    history, around = report.history_hours, report.around_minutes
    with open_session(lake, since, until, history_hours=history, around_minutes=around) as session:
        found, expect = case.found(session), case.found()
    for expected in expect:
        rolled = FROM_ROLLUP.get(report.name, "")
        if expected.get(rolled) is not None:
            expected[rolled] = pytest.approx(expected[rolled], rel=0.05)
    assert found == expect


@showing("late")
def test_late_rows_change_the_answer(case: Case) -> None:
    """Of a session that was open before they came, too."""
    assert any(spec.get("late") for specs in case.content["given"].values() for spec in specs)
    assert case.found() != case.before


@showing("ties")
def test_neighbours_agree_in_what_the_report_orders_by(case: Case) -> None:
    """But for names, which then decide."""
    columns = measures(case.report)
    assert any(all(one[name] == other[name] for name in columns) for one, other in pairwise(case.found()))


@showing("gap")
def test_a_gap_is_between_rows_of_the_window(case: Case) -> None:
    until = case.params.get("until") or case.params["at_time"]
    since = case.params.get("since", datetime.min.replace(tzinfo=UTC))
    times = sorted(
        row[time_of(name)]
        for late in (False, True)
        for name, given in rows(case.content, late).items()
        for row in given
        if since <= row[time_of(name)] < until
    )
    assert max(later - earlier for earlier, later in pairwise(times)) >= GAP


@showing("zero")
def test_what_is_divided_by_nothing_is_null(case: Case) -> None:
    expect = case.content["expect"]
    doubles = {column.name for column in case.report.columns if column.type == "double"}
    assert not expect or any(doubles & set(expected.get("null", ())) for expected in expect)


@pytest.mark.parametrize("name", sorted(catalog.load()))
def test_a_report_has_cases_of_every_kind(name: str) -> None:
    contents = [tomllib.loads(path.read_text()) for path in CASES if path.parent.name == name]
    shown = {kind for content in contents for kind in content.get("shows", ())}
    cannot = {kind: why for content in contents for kind, why in content.get("cannot", {}).items()}
    assert contents
    assert shown | set(cannot) == set(KINDS)
    assert not shown & set(cannot)
    assert set(cannot) <= {"ties", "zero"}, "rows of every report can be late, and lie on both sides of a gap"


def test_every_sql_file_keeps_the_rules() -> None:
    """Headers complete and true on an empty lake, keywords lower case, no parameter shadowed."""
    assert list(problems(ROOT)) == []
