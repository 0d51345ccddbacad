"""Every practice of the guide on hand-made rows: `<practice>/*.toml` give rows and parameters and say what comes out.

As in `tests/queries/cases`; `[line]` says what the rows add up to. Prices are the round ones of `prices.toml` here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ingest.lake.tables import Lake
from queries import scorecard
from queries.prices_file import read_prices
from queries.session import open_session
from tests.queries.lake_of import session_on
from tests.queries.test_cases import rows as given_rows

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/*.toml"))
PRICES = read_prices(HERE / "prices.toml")
ISSUES_ORDER = [
    "friendly_names",
    "signed_requests",
    "identity_layers",
    "principal_policies",
    "mutual_tls",
    "shared_secrets",
    "weighted_shifts",
    "access_logs",
    "cross_vpc_calls",
    "lambda_relays",
    "dual_stack",
    "path_costs",
]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    """Rows and line as the case expects them; as a table macro of the shell the practice gives the same rows."""
    case = tomllib.loads(path.read_text())
    practice = scorecard.practice(path.parent.name)
    with session_on(tmp_path, **given_rows(case, late=False)) as session:
        rows, values = scorecard.rows_of(session, practice, PRICES, case["params"])
        line = scorecard.line_of(session, practice, rows, values)
        session.query(practice.report.macro(session))
        arguments = ", ".join(f"{name} := ${name}" for name in values)
        assert session.query(f"from {practice.name}({arguments})", values) == rows
        assert session.query(f"from {practice.name}()") == practice.report.run(session)
    found, expect = rows.to_pylist(), case.get("expect", [])
    assert [row["subject"] for row in found] == [
        row.get("subject", got["subject"]) for row, got in zip(expect, found, strict=True)
    ]
    for got, expected in zip(found, expect, strict=True):
        for name, value in expected.items():
            assert got[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), (
                f"{name} of {got}"
            )
    for name, value in case["line"].items():
        real = getattr(line, name)
        assert real == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), name


def test_practices_are_in_the_guides_order_and_have_cases() -> None:
    assert [(practice.name, practice.place) for practice in scorecard.practices().values()] == [
        (name, place) for place, name in enumerate(ISSUES_ORDER, 1)
    ]
    assert {path.parent.name for path in CASES} == set(ISSUES_ORDER)


def test_an_empty_lake_is_no_success(empty_lake: Lake) -> None:
    """Nothing was followed, nothing was broken: the logs cannot tell, line by line."""
    with open_session(empty_lake) as session:
        card = scorecard.score(empty_lake, session, PRICES)
    assert [(line.verdict, line.says, line.findings) for line in card.lines] == [
        ("not seen in these logs", "not seen in these logs", ())
    ] * len(ISSUES_ORDER)
    assert card.lines[0].absent == ("lattice_access", "alb_access")
    assert card.deliveries == ()
