"""`eastwest check` and `eastwest why` as commands: stdout is data, the exit code says whether to wake somebody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.errors import LakeError, QueryError
from ingest.invocation import Invocation
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from ingest.settings import Settings
from queries import findings
from queries.cli_checks import app
from tests import lakes
from tests.queries.lake_of import NINE, Row, at, denied, lake_of, lattice
from tests.queries.test_verdict import LOGS, spread

TEN = "2026-03-10T10:00Z"
HOSTILE = "[bold red]evil[/] \x1b[31m"


def run(lake: Path, *arguments: str) -> Result:
    """One command, as eastwest.py would call it."""
    outer = typer.Typer()
    outer.add_typer(app)

    @outer.callback()
    def configure(context: typer.Context) -> None:
        context.obj = Invocation(Settings(lake=str(lake)), lambda uri, settings: {})

    return CliRunner().invoke(outer, arguments)


def refused(count: int = 5, **columns: object) -> Sequence[Row]:
    """Forty good minutes, then refusals."""
    good = spread(lattice("orders-task", "payments", ip="10.0.0.5", target="10.0.0.9"), NINE, 40, 60)
    return [*good, *spread(denied("orders-task", "payments", "Service", ip="10.0.0.5", **columns), at(50), count)]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    lake_of(tmp_path, {"objects": LOGS, "lattice_access": refused()})
    return tmp_path


def test_a_page_is_exit_code_1_and_stdout_is_data(lake: Path) -> None:
    result = run(lake, "check", "--at", TEN, "--format", "json")
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert (row["check_name"], row["severity"], row["state"]) == ("denied_was_allowed", "page", "open")
    # The newest row of all is of 09:52, so its window ends with that minute.
    assert "denied_was_allowed: window 2026-03-10 09:38 to 09:53Z" in result.stderr
    assert result.stderr.count("\n") == 5


def test_run_again_it_opens_nothing_new(lake: Path) -> None:
    first = json.loads(run(lake, "check", "--at", TEN, "--format", "json").stdout)
    again = json.loads(run(lake, "check", "--at", TEN, "--format", "json").stdout)
    assert again == first


def test_resolved_in_a_later_window(tmp_path: Path) -> None:
    # The refusals end at 09:52; the window of 10:15 begins at 10:00.
    calls = [*refused(), *spread(lattice("orders-task", "payments", ip="10.0.0.5", target="10.0.0.9"), at(53), 30, 60)]
    later = [{**row, "log_object": str(row["log_object"]).replace("20260310T09", "20260310T10")} for row in LOGS]
    for row in later:
        row["min_time"], row["max_time"] = (time.replace(hour=10) for time in (row["min_time"], row["max_time"]))
    lake_of(tmp_path, {"objects": [*LOGS, *later], "lattice_access": calls})
    assert run(tmp_path, "check", "--at", TEN).exit_code == 1
    result = run(tmp_path, "check", "--at", "2026-03-10T10:15Z")
    assert (result.exit_code, result.stdout) == (0, "No open findings.\n")


def test_fail_on_and_no_write(lake: Path) -> None:
    assert run(lake, "check", "--at", TEN, "--check", "bypass").exit_code == 0
    assert run(lake, "check", "--at", TEN, "--no-write").exit_code == 1
    assert not (lake / "findings").exists()
    assert findings.SEVERITIES == ("page", "ticket", "info")


def test_a_finding_is_closed_by_its_id_and_is_not_opened_again(lake: Path) -> None:
    (row,) = json.loads(run(lake, "check", "--at", TEN, "--format", "json").stdout)
    shown = row["finding_id"][:6]
    assert shown in run(lake, "check", "--at", TEN).stdout
    assert isinstance(run(lake, "check", "--at", TEN, "--close", "nothing").exception, QueryError)
    assert run(lake, "check", "--at", TEN, "--close", shown, "--no-write").exit_code == 2
    for close in (("--close", shown), ()):
        result = run(lake, "check", "--at", TEN, *close)
        assert (result.exit_code, result.stdout) == (0, "No open findings.\n")


def test_an_empty_lake_has_nothing_to_say(tmp_path: Path) -> None:
    Lake(str(tmp_path)).create(OBJECTS)
    result = run(tmp_path, "check")
    assert isinstance(result.exception, LakeError)
    assert result.stdout == ""
    assert result.stderr.count("not run: the lake has no data for it") == 5


def test_checks_that_cannot_run_because_the_data_ended_long_ago_say_until_when_there_is_some(lake: Path) -> None:
    result = run(lake, "check", "--at", "2026-03-12T09:00Z")
    assert isinstance(result.exception, LakeError)
    assert "no check could run" in str(result.exception)
    assert "No open findings" not in result.stdout
    ended = (
        "denied_was_allowed: not run: no log object of the 24 hours before 2026-03-12 09:00Z; the lake has its data "
        "from 2026-03-10 09:00Z to 2026-03-10 09:52Z"
    )
    assert ended in result.stderr.splitlines()
    # Nobody ever delivered a flow log.
    assert "bypass: not run: the lake has no data for it" in result.stderr.splitlines()


def test_what_was_found_before_is_still_shown_when_no_check_can_run(lake: Path) -> None:
    run(lake, "check", "--at", TEN)
    result = run(lake, "check", "--at", "2026-03-12T09:00Z", "--format", "json")
    assert isinstance(result.exception, LakeError)
    assert [row["check_name"] for row in json.loads(result.stdout)] == ["denied_was_allowed"]


def test_an_unknown_check_or_time_is_an_error(lake: Path) -> None:
    assert isinstance(run(lake, "check", "--check", "bypas").exception, QueryError)
    assert isinstance(run(lake, "check", "--at", "yesterday").exception, QueryError)
    assert isinstance(run(lake, "why", "orders-task", "payments", "--at", "-1h").exception, QueryError)


def test_why_is_a_line_its_evidence_and_the_next_step(lake: Path) -> None:
    result = run(lake, "why", "orders-task", "payments", "--at", TEN)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "payments refuses orders-task by service policy; 5 of 5 attempts, since 09:50Z"
    assert [line[2:15].strip() for line in lines[1:5]] == ["window", "requests", "the log says", "since"]
    assert lines[-1].startswith("  next         Read the auth policy of the service")


@pytest.mark.parametrize(
    ("options", "began", "ended"),
    [
        ([], "09:38", "09:53"),
        (["--at", TEN], "09:45", "10:00"),
        (["--since", "-1h"], "08:53", "09:53"),
        (["--since", "2026-03-10T09:30Z"], "09:30", "09:53"),
        (["--since", "2026-03-10T09:40Z", "--until", "2026-03-10T09:55Z"], "09:40", "09:55"),
        (["--since", "2026-03-10T09:40Z", "--at", "2026-03-10T09:55Z"], "09:40", "09:55"),
        (["--until", "-5m", "--window", "20"], "09:28", "09:48"),
    ],
)
def test_why_looks_at_a_quarter_of_an_hour_or_at_what_is_asked(
    lake: Path, options: list[str], began: str, ended: str
) -> None:
    shown = json.loads(run(lake, "why", "orders-task", "payments", *options, "--format", "json").stdout)
    assert (shown["window_start"][11:16], shown["window_end"][11:16]) == (began, ended)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", TEN, "--until", "2026-03-10T09:00Z"], "is not before --until"),
        (["--at", TEN, "--until", TEN], "--at and --until"),
        (["--since", "-1h", "--window", "20"], "--since and --window"),
        (["--since", "2026-03-01"], "24 hours at most"),
    ],
)
def test_a_time_to_look_at_that_cannot_be_is_an_error(lake: Path, options: list[str], said: str) -> None:
    result = run(lake, "why", "orders-task", "payments", *options)
    assert isinstance(result.exception, QueryError)
    assert said in str(result.exception)


def test_the_readme_shows_what_a_newcomer_sees(sample_lake: Lake) -> None:
    lines = (lakes.SAMPLE.parent / "README.md").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("$ eastwest why"))
    words = lines[at].removeprefix("$ eastwest ").partition("#")[0].split()
    assert run(Path(sample_lake.uri), *words).stdout.splitlines()[0] == lines[at + 1]


def test_why_as_json(lake: Path) -> None:
    shown = json.loads(run(lake, "why", "orders-task", "payments", "--at", TEN, "--format", "json").stdout)
    assert (shown["kind"], shown["since"]) == ("service_policy", "2026-03-10T09:50:00Z")


def test_markup_and_control_characters_of_logs_are_shown_not_obeyed(tmp_path: Path) -> None:
    lake_of(tmp_path, {"objects": LOGS, "lattice_access": refused(auth_denied_reason=HOSTILE)})
    shown = run(tmp_path, "why", "orders-task", "payments", "--at", TEN).stdout
    assert r"[bold red]evil[/] \x1b[31m" in shown
    assert "\x1b[31m" not in shown
