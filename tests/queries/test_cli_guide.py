"""`eastwest guide` as a command: every line has its verdict, and how complete the data is stands below."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.errors import QueryError, SettingsError
from ingest.invocation import Invocation
from ingest.settings import Settings
from queries import scorecard
from queries.cli_guide import app
from tests.queries.lake_of import Row, at, delivered, lake_of, lattice

HOSTILE = "evil[bold red]\x1b[31m.elb.amazonaws.com"
PRICES = Path(__file__).parent / "guide" / "prices.toml"


def run(lake: Path, *arguments: str, prices: str | None = None) -> Result:
    """One command, as eastwest.py would call it."""
    outer = typer.Typer()
    outer.add_typer(app)

    @outer.callback()
    def configure(context: typer.Context) -> None:
        context.obj = Invocation(Settings(lake=str(lake), prices=prices), lambda uri, settings: {})

    return CliRunner().invoke(outer, ["guide", *arguments])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of ledger's callers: 6 requests by its own name, 2 by an address, 1 by a name that attacks the terminal.

    Its only source misses 09:30 of the 24 slots from 08:00 on: regular, and 11 of the 12 of the hour are there.
    """
    folder = tmp_path_factory.mktemp("guide")
    source = "123456789012_VpcLatticeAccessLogs_us-east-1_sn-1"
    objects = [delivered(source, at(m, h), format="lattice_access") for h in (8, 9) for m in range(0, 60, 5)]
    requests: list[Row] = [
        lattice("batch", "ledger", ip="10.0.0.1", target="10.0.1.1", repeat=5),
        lattice("batch", "ledger", ip="10.0.0.1", target="10.0.1.1", start_time=at(59)),
        lattice("sync", "ledger", ip="10.0.0.2", target="10.0.1.1", host_header="10.0.1.9", repeat=2),
        lattice("proxy", "ledger", ip="10.0.0.3", target="10.0.1.1", host_header=HOSTILE),
    ]
    lake_of(folder, {"objects": [row for row in objects if row["min_time"] != at(30)], "lattice_access": requests})
    return folder


@pytest.fixture(scope="module")
def card(lake: Path) -> str:
    return run(lake, "--worst", "1").stdout


def test_a_line_for_each_practice_in_the_guides_order(card: str) -> None:
    places = [card.index(f" {name} ") for name in scorecard.practices()]
    assert places == sorted(places)


def test_the_number_the_worst_offender_and_how_many_more(card: str) -> None:
    # 6 of 9 = 66.67 %, rounded down.
    assert "not followed  friendly_names      66.6% of 9 requests use a name of your own" in card
    assert "    sync -> ledger  2 of 2 requests to 10.0.1.9\n    and 1 more\n" in card


@pytest.mark.parametrize("arguments", [("--worst", "2"), ("friendly_names",)])
def test_names_in_logs_are_hostile(lake: Path, arguments: tuple[str, ...]) -> None:
    shown = run(lake, *arguments).stdout
    assert "\x1b" not in shown
    assert r"evil[bold red]\x1b[31m.elb.amazonaws.com" in shown


def test_what_the_logs_cannot_tell_is_said(card: str) -> None:
    assert "not seen      mutual_tls          not seen in these logs  (no alb_connection)" in card
    assert "(no alb_access, no vpc_flow)" in card


def test_the_completeness_of_the_data_stands_below(card: str) -> None:
    # 11 of 12 slots of the hour: 91.66 %, rounded down.
    assert "data  91.6% complete: " in card
    assert "sn-1 (11 of 12 deliveries, until " in card


def test_json_says_the_same(lake: Path) -> None:
    answer = json.loads(run(lake, "--format", "json", "--prices", str(PRICES)).stdout)
    assert [row["practice"] for row in answer["practices"]] == list(scorecard.practices())
    first = answer["practices"][0]
    assert (first["verdict"], first["followed"], first["counted"], first["findings"]) == ("not followed", 6.0, 9.0, 2)
    assert first["worst"][0] == {"subject": "sync -> ledger", "finding": "2 of 2 requests to 10.0.1.9"}
    assert answer["coverage"] == pytest.approx(11 / 12)
    assert answer["missing"][0]["expected"] == 12
    assert answer["prices_as_of"] == "2026-01-01"


def test_csv_has_a_row_for_each_practice(lake: Path) -> None:
    rows = list(csv.DictReader(run(lake, "--format", "csv").stdout.splitlines()))
    assert [row["practice"] for row in rows] == list(scorecard.practices())
    assert rows[0]["says"] == "66.6% of 9 requests use a name of your own"


def test_one_practice_lists_all_of_it(lake: Path) -> None:
    result = run(lake, "friendly_names", "--param", "partly_from=0.6")
    assert "partly: 66.6% of 9 requests use a name of your own" in result.stdout
    assert [line.split()[-1] for line in result.stdout.splitlines() if "batch -> ledger" in line] == ["ledger"]
    assert "#service-discovery-and-addressing" in result.stdout
    rows = json.loads(run(lake, "friendly_names", "--format", "json").stdout)
    assert [row["subject"] for row in rows] == ["sync -> ledger", "proxy -> ledger", "batch -> ledger"]
    assert rows[1]["by_load_balancer_name"] == 1


def test_a_narrower_window(lake: Path) -> None:
    rows = json.loads(run(lake, "friendly_names", "--since", "2026-03-10T09:59Z", "--format", "json").stdout)
    assert [(row["subject"], row["counted"]) for row in rows] == [("batch -> ledger", 1.0)]


def test_prices_come_from_the_setting(lake: Path) -> None:
    shipped = json.loads(run(lake, "path_costs", "--format", "json").stdout)
    own = json.loads(run(lake, "path_costs", "--format", "json", prices=str(PRICES)).stdout)
    # One Lattice service: 730 hours at 0.025, and at 0.01.
    assert sum(row["usd_lattice"] for row in shipped) == pytest.approx(18.25, abs=0.01)
    assert sum(row["usd_lattice"] for row in own) == pytest.approx(7.3, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("friendly_name",), QueryError, "no practice friendly_name; did you mean friendly_names"),
        (("--param", "days=3"), QueryError, "--param goes with one practice"),
        (("friendly_names", "--param", "days"), QueryError, "--param days: write key=value"),
        (("friendly_names", "--param", "days=3"), QueryError, "friendly_names: no parameter days"),
        (("--prices", "nowhere.toml"), SettingsError, "nowhere.toml: no such file"),
    ],
)
def test_wrong_use_is_explained(lake: Path, arguments: tuple[str, ...], error: type[Exception], message: str) -> None:
    result = run(lake, *arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
