"""Every report on hand-made rows: `cases/<report>/*.toml` give rows and parameters, and say what has to come out.

`[[given.<table>]]` holds the columns that matter. `base` names the function of `lake_of` that fills the rest (its
arguments are keys too), `repeat` how many rows, `count_up` a column that then counts from 1. `[[expect]]` are all rows,
in order, each with the columns that matter.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from queries import catalog
from queries.lint import problems
from queries.session import Session
from tests.queries import lake_of
from tests.queries.lake_of import Row, session_on

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.toml"))
ROOT = Path(__file__).parents[2]


def rows_of(spec: Mapping[str, Any]) -> Iterator[Row]:
    given = {key: value for key, value in spec.items() if key not in ("base", "repeat", "count_up")}
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


def opened(case: Mapping[str, Any], folder: Path) -> Session:
    given = {name: [row for spec in specs for row in rows_of(spec)] for name, specs in case.get("given", {}).items()}
    return session_on(folder, **given)


@dataclass(frozen=True)
class Case:
    """What a file says, with the report that it is about and a session on its rows."""

    report: catalog.Report
    params: Mapping[str, Any]
    expect: list[dict[str, Any]]
    session: Session


@pytest.fixture(scope="module", params=CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Made once for the tests of a case, which change nothing that a report reads."""
    content = tomllib.loads(request.param.read_text())
    with opened(content, tmp_path_factory.mktemp("case")) as session:
        report = catalog.report(request.param.parent.name)
        yield Case(report, content["params"], content["expect"], session)


def test_case(case: Case) -> None:
    found = case.report.run(case.session, case.params).to_pylist()
    assert len(found) == len(case.expect)
    for got, expected in zip(found, case.expect, strict=True):
        for name, value in expected.items():
            assert got[name] == (pytest.approx(value) if isinstance(value, float) else value), f"{name} of {got}"


def test_the_shells_macro_gives_the_same_rows(case: Case) -> None:
    """With the case's parameters, which are not the defaults, and with the defaults."""
    report, session = case.report, case.session
    session.query(report.macro(session))
    given = report.bind(session, case.params)
    arguments = ", ".join(f"{name} := ${name}" for name in given)
    assert session.query(f'from "{report.name}"({arguments})', given) == report.run(session, given)
    assert session.query(f'from "{report.name}"()') == report.run(session)


@pytest.mark.parametrize("name", sorted(catalog.load()))
def test_a_report_has_a_case(name: str) -> None:
    assert name in {path.parent.name for path in CASES}


def test_every_sql_file_keeps_the_rules() -> None:
    """Headers complete and true on an empty lake, keywords lower case, no parameter shadowed."""
    assert list(problems(ROOT)) == []
