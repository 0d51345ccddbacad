"""`eastwest query`: stdout is the report, stderr says of which window and how complete it is."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import eastwest
from ingest.errors import QueryError
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from queries import catalog, patience
from queries.statements import view_header
from tests.queries.lake_of import NINE, Row, at, denied, lake_of, lattice
from tests.queries.test_completeness import flows
from tests.queries.test_completeness import lattice as lattice_objects
from tests.queries.test_verdict import spread

TEN = at(0, hour=10)


def run(lake: Path, *arguments: str) -> Result:
    return CliRunner().invoke(eastwest.app, ["query", *arguments, "--lake", str(lake)])


def called() -> list[Row]:
    return spread(lattice("orders-task", "payments", ip="10.0.0.5", target="10.0.0.9"), NINE, 2, 59 * 60)


def test_stdout_is_data_and_stderr_the_window_with_what_is_missing(tmp_path: Path) -> None:
    # Of the hour's twelve slots Lattice delivered all and the flow log nine: 21 of 24 are 87.5 %.
    objects = [*lattice_objects(at(0, hour=8), TEN), *flows(1, at(0, hour=8), at(45))]
    lake_of(tmp_path, {"objects": objects, "lattice_access": called()})
    result = run(tmp_path, "call_graph", "--since", "2026-03-10T09:00Z", "--until", "2026-03-10T10:00Z")
    assert result.exit_code == 0
    assert [row["requests"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["2"]
    assert result.stderr == (
        "2026-03-10 09:00 to 10:00Z; data 87.5% complete: "
        "123456789012_vpcflowlogs_us-east-1_fl-1 (9 of 12 deliveries, until 09:45Z)\n"
    )


def test_complete_data_is_said_to_be_complete(tmp_path: Path) -> None:
    lake_of(tmp_path, {"objects": lattice_objects(at(0, hour=8), TEN), "lattice_access": called()})
    result = run(tmp_path, "call_graph", "--since", "2026-03-10T09:00Z", "--until", "2026-03-10T10:00Z")
    assert result.stderr == "2026-03-10 09:00 to 10:00Z; data complete\n"


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    Lake(str(tmp_path)).create(OBJECTS)
    result = run(tmp_path, "call_graph")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert "holds no logs yet; run eastwest ingest SOURCE first" in result.stderr


@pytest.mark.parametrize(
    ("command", "since", "until"),
    [
        (["query", "call_graph"], "2026-03-10T10:00Z", "2026-03-10T09:00Z"),
        (["sql", "from requests"], "2026-03-10T10:00Z", "2026-03-10T10:00Z"),
        (["graph", "export"], "-1h", "2026-03-10T07:00Z"),
        (["guide"], "2026-03-10T10:00Z", "2026-03-10T09:00Z"),
    ],
)
def test_a_window_that_ends_before_it_begins_is_an_error(
    tmp_path: Path, command: list[str], since: str, until: str
) -> None:
    lake_of(tmp_path, {"objects": lattice_objects(at(0, hour=8), TEN), "lattice_access": called()})
    arguments = [*command, "--since", since, "--until", until, "--lake", str(tmp_path)]
    result = CliRunner().invoke(eastwest.app, arguments)
    assert isinstance(result.exception, QueryError)
    assert "is not before --until 2026-03-10 " in str(result.exception)
    assert result.stdout == ""


def test_so_is_one_of_parameters(tmp_path: Path) -> None:
    lake_of(tmp_path, {"lattice_access": called()})
    result = run(tmp_path, "call_graph", "-p", "since=2026-03-10T10:00Z", "-p", "until=2026-03-10T09:00Z")
    assert isinstance(result.exception, QueryError)


@pytest.mark.parametrize(
    ("command", "window"),
    [
        (["query", "call_graph"], ["--since", "2025-01-01", "--until", "2025-01-02"]),
        (["sql", "from requests"], ["--since", "2027-01-01"]),
        (["graph", "export"], ["--until", "2026-03-10T08:00Z"]),
        (["guide"], ["--since", "2025-01-01", "--until", "2025-01-02"]),
    ],
)
def test_a_window_without_data_names_the_window_that_has_some(
    tmp_path: Path, command: list[str], window: list[str]
) -> None:
    lake_of(tmp_path, {"objects": lattice_objects(NINE, TEN), "lattice_access": called()})
    result = CliRunner().invoke(eastwest.app, [*command, *window, "--lake", str(tmp_path)])
    assert result.exit_code == 0
    said = "nothing of this window: the lake has data from 2026-03-10 09:00Z to 2026-03-10 09:59Z"
    assert said in result.stderr.splitlines()
    assert said not in CliRunner().invoke(eastwest.app, [*command, "--lake", str(tmp_path)]).stderr


def test_a_window_that_begins_before_the_data_says_where_that_begins(tmp_path: Path) -> None:
    lake_of(tmp_path, {"objects": lattice_objects(NINE, TEN), "lattice_access": called()})
    ninety = run(tmp_path, "call_graph", "--since", "2025-12-10", "--until", "2026-03-10T10:00Z")
    assert ninety.stderr == "2025-12-10 00:00 to 2026-03-10 10:00Z; data complete; it begins at 2026-03-10 09:00Z\n"
    assert "it begins" not in run(tmp_path, "call_graph", "--since", "2026-03-10T09:00Z").stderr


@pytest.mark.parametrize("topic", ["calls", "denials", "latency", "root_cause"])
def test_the_list_is_by_topic(topic: str) -> None:
    lines = CliRunner().invoke(eastwest.app, ["query", "--list"]).stdout.splitlines()
    assert topic.replace("_", " ") in lines


def test_history_may_be_shorter_than_the_report_s_own(tmp_path: Path) -> None:
    """A caller that was let in two days ago and is refused now: a day of history does not know that."""
    days_ago = lattice("orders-task", "payments", ip="10.0.0.5", start_time=at(0, hour=8) - timedelta(days=2))
    refused = denied("orders-task", "payments", "Service", ip="10.0.0.5", start_time=at(0, hour=9))
    lake_of(tmp_path, {"lattice_access": [days_ago, refused]})
    window = ["denied_callers", "--since", "2026-03-10T09:00Z", "--until", "2026-03-10T10:00Z"]
    answers = [run(tmp_path, *window, *more).stdout for more in ([], ["--history", "24"], ["--history", "49"])]
    found = [[row["used_to_work"] for row in csv.DictReader(io.StringIO(answer))] for answer in answers]
    assert found == [["true"], ["false"], ["true"]]
    assert (
        "looked back 24 h; by itself denied_callers looks back 168 h"
        in run(tmp_path, *window, "--history", "24").stderr
    )
    assert "looked back" not in run(tmp_path, *window).stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "still reading: denied_callers looks back 168 h; --history tells it to look back fewer"),
        (["--history", "24"], "still reading"),
    ],
)
def test_who_waits_long_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], said: str
) -> None:
    lake_of(tmp_path, {"lattice_access": called()})
    monkeypatch.setattr(patience, "SOON", 0.0)
    assert "still reading" not in run(tmp_path, "denied_callers", *more).stderr
    monkeypatch.setattr(patience, "is_watched", lambda: True)
    assert said in run(tmp_path, "denied_callers", *more).stderr.splitlines()
    monkeypatch.setattr(patience, "SOON", 600.0)
    assert "still reading" not in run(tmp_path, "denied_callers", *more).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["who"], "who is about somebody"),
        (["who", ""], "who is about somebody"),
        (["call_graph", "payments"], "call_graph takes none (payments)"),
        (["call_graph", "--at", "2026-03-10"], "call_graph takes none (2026-03-10)"),
    ],
)
def test_what_a_report_is_not_about_is_named_as_it_was_written(tmp_path: Path, arguments: list[str], said: str) -> None:
    lake_of(tmp_path, {"lattice_access": called()})
    result = run(tmp_path, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    plain = " ".join(result.stderr.replace("\u2502", " ").split())
    assert said in plain
    assert f"Invalid value for {'--at' if '--at' in arguments else 'SUBJECT'}" in plain


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("paymnts", "who paymnts: nobody is called that; did you mean payments?"),
        ("orders", "who orders: nobody is called that; did you mean orders-task?"),
        ("nosuch", "who nosuch: nobody is called that; eastwest query call_graph names everybody"),
        ("10.0.0.77", "who 10.0.0.77: nobody had that address in the time looked at"),
    ],
)
def test_who_nobody_is_proposes_who_it_may_be(tmp_path: Path, subject: str, said: str) -> None:
    lake_of(tmp_path, {"lattice_access": called()})
    result = run(tmp_path, "who", subject)
    assert isinstance(result.exception, QueryError)
    assert str(result.exception).startswith(said)
    assert run(tmp_path, "who", "payments").exit_code == 0


@pytest.mark.parametrize("report", ["new_edges", "gone_edges", "graph_diff", "latency_by_edge", "suspects"])
def test_a_report_that_compares_says_when_there_is_nothing_before(tmp_path: Path, report: str) -> None:
    later = spread(lattice("batch", "payments", ip="10.0.0.7", target="10.0.0.9"), TEN, 2, 60)
    objects = lattice_objects(NINE, at(0, hour=11))
    lake_of(tmp_path, {"objects": objects, "lattice_access": [*called(), *later]})
    said = f"{report} compares with the time before 2026-03-10 09:00Z, of which the lake has nothing: see --since"
    assert said in run(tmp_path, report).stderr.splitlines()
    assert said in run(tmp_path, report, "--since", "2026-03-10T09:00Z").stderr.splitlines()
    for since in ("2026-03-10T09:01Z", "2026-03-10T10:00Z"):
        assert "compares with" not in run(tmp_path, report, "--since", since).stderr


def test_a_value_that_a_parameter_does_not_know_is_an_error_that_names_those_it_does(tmp_path: Path) -> None:
    lake_of(tmp_path, {"lattice_access": called()})
    result = run(tmp_path, "denied_callers", "-p", "layer=packets")
    assert isinstance(result.exception, QueryError)
    assert str(result.exception).startswith("parameter layer: packets is not one of packet, tls, identity_policy,")
    assert run(tmp_path, "denied_callers", "-p", "layer=packet").exit_code == 0


def test_every_layer_that_denials_tell_may_be_chosen() -> None:
    told = view_header("denials")["columns"]["layer"]["about"]
    chosen = catalog.report("denied_callers").parameters["layer"].choices
    assert set(chosen) == set(re.split(r", | or ", told))


@pytest.mark.parametrize(
    "command",
    [
        ["query", "call_graph"],
        ["sql", "from requests"],
        ["graph", "export"],
        ["guide"],
        ["check"],
        ["why", "orders-task", "payments"],
        ["shell", "--print-init"],
    ],
    ids=" ".join,
)
def test_a_lake_that_does_not_answer_is_named_wherever_stderr_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    lake_of(tmp_path, {"objects": lattice_objects(NINE, TEN), "lattice_access": called()})
    monkeypatch.setattr(patience, "SOON", 0.0)
    monkeypatch.setattr(patience, "LATE", 0.01)
    result = CliRunner().invoke(eastwest.app, [*command, "--lake", str(tmp_path)])
    assert f"still at it; lake {tmp_path}" in result.stderr
    assert "still at it" not in result.stdout


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "1e300"])
def test_history_is_a_number_of_hours(tmp_path: Path, hours: str) -> None:
    assert run(tmp_path, "denied_callers", "--history", hours).exit_code == 2


def test_a_report_without_history_takes_none(tmp_path: Path) -> None:
    result = run(tmp_path, "call_graph", "--history", "24")
    assert result.exit_code == 2
    assert "its window alone" in result.stderr
