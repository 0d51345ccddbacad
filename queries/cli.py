"""The commands that ask: query, sql and shell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from ingest.errors import QueryError
from ingest.invocation import Invocation
from ingest.lake.tables import Lake
from queries import catalog
from queries.asked_window import begins_with_data, insist_on_order, judge_window, minute
from queries.catalog import WINDOW
from queries.completeness import Ledger, Window, completeness_of
from queries.inquiry import is_address
from queries.names_file import read_names
from queries.output import Format, chosen_format, write
from queries.patience import said_when_slow, say
from queries.prices_file import Prices, read_prices
from queries.session import Session, open_session
from queries.shell import asked, init_script, run_shell

app = typer.Typer()

_LAKE = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake; else the setting.")
_SINCE = typer.Option(
    None,
    "--since",
    help=(
        "Start: 2026-03-10T09:00Z, or -1h for an hour before the newest data; with all of its minute. Else all data (of"
        " a lake on S3 7 days)."
    ),
)
_UNTIL = typer.Option(None, "--until", help="End, exclusive; same forms; with all of its minute.")
_FORMAT = typer.Option(None, "--format", help="table (on a terminal), csv (elsewhere), json or parquet.")
_OUTPUT = typer.Option(None, "--output", "-o", help="File to write; stdout without one.")
_ABOUT, _AT = "subject", "at_time"
"""Parameters that the command line has an argument and an option for."""
_BASELINES = ("baseline_hours", "before_minutes", "before_since")
"""Parameters of reports that compare the window with the time before it."""
_LONGEST_HISTORY = 24 * 366 * 10
_SHORT_HISTORY = 24
"""Hours that open in two seconds, of a lake of 20 million requests a day."""


def _session(
    context: typer.Context,
    lake: str | None,
    since: str | None,
    until: str | None,
    report: catalog.Report | None = None,
    *,
    history: float | None = None,
    copied: bool = True,
) -> Session:
    invocation: Invocation = context.obj
    if history is None:
        history = report.history_hours if report else 0
    session = open_session(
        invocation.existing_lake(lake, copied=copied),
        since,
        until,
        history_hours=history,
        around_minutes=report.around_minutes if report else 0,
        options={"memory_limit": invocation.settings.memory_limit},
        names=read_names(invocation.settings.names),
    )
    judge_window(session)
    return session


def _prices(context: typer.Context) -> Prices:
    invocation: Invocation = context.obj
    return read_prices(invocation.settings.prices)


@app.command("query")
def query_command(
    context: typer.Context,
    name: str | None = typer.Argument(None, help="A report; --list says which there are."),
    subject: str | None = typer.Argument(
        None, help="What to ask about, of a report such as who: ARN, address or name."
    ),
    list_: bool = typer.Option(False, "--list", help="List the reports; with a name, its parameters and columns."),
    param: list[str] = typer.Option([], "--param", "-p", help="key=value; may be repeated."),
    at: str | None = typer.Option(
        None, "--at", help="Time to look at, of a report such as who; windows end at --until."
    ),
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    history: float | None = typer.Option(
        None,
        "--history",
        min=0,
        max=_LONGEST_HISTORY,
        help="Hours before --since to look back to, of a report that does: fewer are faster, and may take old for new.",
    ),
    lake: str | None = _LAKE,
    form: Format | None = _FORMAT,
    output: Path | None = _OUTPUT,
    wide: bool = typer.Option(False, "--wide", help="In a table, ids and other wide columns too."),
) -> None:
    """Run a report of the catalogue."""
    if name is None:
        _print_catalogue()
        return
    report = catalog.report(name)
    if list_:
        _print_report(report)
        return
    given = dict(_key_value(text) for text in param)
    given |= _asked_about(report, subject, at)
    if _ABOUT in report.parameters and not given.get(_ABOUT):
        raise typer.BadParameter(f"{name} is about somebody: eastwest query {name} NAME", param_hint="SUBJECT")
    if history is not None and (math.isnan(history) or not report.history_hours):
        about = "is no number" if math.isnan(history) else f"{name} looks at its window alone"
        raise typer.BadParameter(about, param_hint="--history")
    looks_back = report.history_hours if history is None else history
    hint = f"still reading: {name} looks back {looks_back:g} h; --history tells it to look back fewer"
    with (
        said_when_slow(hint if looks_back > _SHORT_HISTORY else "still reading", lake or context.obj.settings.lake),
        _session(context, lake, since, until, report, history=history) as session,
    ):
        values = report.bind(session, given)
        since_, until_ = (values.get(name, bound) for name, bound in zip(WINDOW, session.window(), strict=True))
        if given.keys() & set(WINDOW):
            insist_on_order(*(time if isinstance(time, datetime) else None for time in (since_, until_)))
        rows = report.run(session, given)
        if _ABOUT in report.parameters and not rows.num_rows and session.data_until() is not None:
            raise QueryError(f"{name} {given.get(_ABOUT)}: {_nobody(session, str(given.get(_ABOUT)))}")
        lacks_past = _compares(report, given) and begins_with_data(session)
    if isinstance(since_, datetime) and isinstance(until_, datetime):
        _print_completeness(context.obj.lake(lake), Window(since_, until_))
        if lacks_past:
            say(f"{name} compares with the time before {minute(since_)}, of which the lake has nothing: see --since")
        if history is not None and history < report.history_hours:
            say(f"looked back {history:g} h; by itself {name} looks back {report.history_hours:g} h")
    if chosen_format(form, output) is Format.TABLE and not wide:
        rows = rows.drop_columns([column.name for column in report.columns if column.wide])
    write(rows, form, output)


def _asked_about(report: catalog.Report, subject: str | None, at: str | None) -> dict[str, str]:
    """The parameters that an argument and an option of their own stand for; a report may have neither."""
    asked: dict[str, str] = {}
    for key, value, hint in ((_ABOUT, subject, "SUBJECT"), (_AT, at, "--at")):
        if value is None:
            continue
        if key not in report.parameters:
            about = f"{report.name} takes none ({value}); eastwest query {report.name} --list says what it takes"
            raise typer.BadParameter(about, param_hint=hint)
        asked[key] = value
    return asked


def _compares(report: catalog.Report, given: Mapping[str, object]) -> bool:
    """Whether it compares the session's window with the time before it, and not one of its parameters'."""
    return not report.parameters.keys().isdisjoint(_BASELINES) and given.keys().isdisjoint(("since", "before_since"))


def _nobody(session: Session, subject: str) -> str:
    """What to say of a name that nobody has in the session."""
    if is_address(subject):
        return "nobody had that address in the time looked at"
    names = session.query("select distinct name from nodes where name is not null").column("name").to_pylist()
    return f"nobody is called that{catalog.somebody_near(subject, map(str, names))}"


def _print_completeness(lake: Lake, window: Window) -> None:
    """Say on stderr which window the rows are of and how much of its data is there."""
    with Ledger(lake, window.since) as ledger:
        said = f"{window}; data {completeness_of(ledger.deliveries(window))}{_begins(ledger, window)}"
    if ledger.is_empty:
        said = f"lake {lake.uri} holds no logs yet; run eastwest ingest SOURCE first"
    say(said)


def _begins(ledger: Ledger, window: Window) -> str:
    """From when on there is data of a window that begins before it: what was due is reckoned from there."""
    found = ledger.connection.execute("select time_bucket(interval 5 minutes, min(min_time)) from objects").fetchone()
    first = found[0] if found else None
    return f"; it begins at {first:%Y-%m-%d %H:%M}Z" if first and window.since < first < window.until else ""


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise QueryError(f"--param {text}: write key=value")
    return key.strip(), value


def _print_catalogue() -> None:
    console = Console(highlight=False)
    reports = catalog.load()
    width = max(len(name) for name in reports)
    for topic, names in catalog.by_topic().items():
        console.print(topic, style="dim")
        for name in names:
            console.print(
                Text.assemble((f"  {name.ljust(width)}", "bold"), f"  {reports[name].question}"), soft_wrap=True
            )
    console.print("eastwest query NAME --list tells a report's parameters and columns", style="dim", soft_wrap=True)


def _print_report(report: catalog.Report) -> None:
    console = Console(highlight=False)
    console.print(Text.assemble((report.name, "bold"), f"  {report.question}"), soft_wrap=True)
    console.print("parameters", style="dim")
    for parameter in report.parameters.values():
        default = "" if parameter.default is None else f" (default {parameter.default})"
        console.print(Text(f"  {parameter.name} {parameter.type}: {parameter.about}{default}"), soft_wrap=True)
    console.print("columns", style="dim")
    for column in report.columns:
        console.print(Text(f"  {column.name} {column.type}: {column.about}"), soft_wrap=True)


@app.command("sql")
def sql_command(
    context: typer.Context,
    statement: str = typer.Argument(..., help="One SQL statement; views and reports as in eastwest shell."),
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    lake: str | None = _LAKE,
    form: Format | None = _FORMAT,
    output: Path | None = _OUTPUT,
) -> None:
    """Run one SQL statement on the lake."""
    context.with_resource(said_when_slow("still reading", lake or context.obj.settings.lake))
    with _session(context, lake, since, until) as session:
        for macro in asked(session, _prices(context)):
            session.query(macro)
        write(session.query(statement), form, output)


@app.command(
    "shell",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": True},
)
def shell_command(
    context: typer.Context,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    lake: str | None = _LAKE,
    print_init: bool = typer.Option(False, "--print-init", help="Print the init script, for duckdb -init FILE."),
) -> None:
    """Open DuckDB's own shell on the lake; further arguments go to it (-c "...", -csv)."""
    # A script that is printed may be run on another machine.
    with said_when_slow("still reading", lake or context.obj.settings.lake):
        session = _session(context, lake, since, until, copied=not print_init)
    with session:
        if print_init:
            print(init_script(session, with_keys=False, prices=_prices(context)), end="")
            return
        code = run_shell(session, context.args, _prices(context))
    raise typer.Exit(code)
