"""The commands that judge: check and why."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ingest.errors import LakeError, QueryError
from ingest.invocation import Invocation
from ingest.lake.tables import Lake
from ingest.terminal import visible
from queries import findings, verdict, watch
from queries.asked_window import data_span, insist_on_order, minute
from queries.completeness import Ledger
from queries.inquiry import newest_complete
from queries.names_file import read_names
from queries.patience import said_when_slow
from queries.times import parse_time

app = typer.Typer()

_COLOURS = {"page": "bold red", "ticket": "yellow", "info": "cyan"}
_WIDE = 200
_MINUTES = 15.0
_LONGEST = 1440
_LAKE = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake; else the setting.")
_FORMAT = typer.Option("table", "--format", help="table for people, json for programs.")


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    PAGE = "page"
    TICKET = "ticket"
    INFO = "info"


class Shape(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


@app.command("check")
def check_command(
    context: typer.Context,
    lake: str | None = _LAKE,
    at: str | None = typer.Option(
        None, "--at", help="What counts as now: an ISO time, or now; else the newest data. No window ends later."
    ),
    fail_on: Severity = typer.Option(Severity.PAGE, "--fail-on", help="Exit 1 when a finding as bad as this is open."),
    form: Shape = _FORMAT,
    check: list[str] = typer.Option([], "--check", help="Only this check; may be repeated."),
    close: list[str] = typer.Option(
        [], "--close", help="Close this open finding first (its id): it is meant to be so; may be repeated."
    ),
    write: bool = typer.Option(True, "--write/--no-write", help="Keep the findings in the lake, or only look."),
) -> None:
    """Run the checks over the newest complete window and keep their findings in the lake.

    A check's window ends where the data it needs is complete. Run it every five minutes. Exit code 1 when a finding at
    or above --fail-on is open; 4 when no check could run, as the lake has no data of the 24 hours before --at.

    A finding is resolved when the fault is gone, however long that takes: meanwhile it is compared with what was usual
    before it. One that is here to stay is closed with --close.
    """
    invocation: Invocation = context.obj
    context.with_resource(said_when_slow("still reading", lake or invocation.settings.lake))
    target = invocation.existing_lake(lake)
    if close and not write:
        raise typer.BadParameter("is written to the lake: not with --no-write", param_hint="--close")
    findings.close(target, close)
    chosen = watch.checks(check)
    now = parse_time(at, None) if at else None
    planned = watch.plan(target, chosen, now)
    for item in planned:
        print(f"{item.check.name}: {_ran(item) if item.window else _not_run(target, item, now)}", file=sys.stderr)
    none_ran = all(item.window is None for item in planned)
    options = {"memory_limit": invocation.settings.memory_limit}
    verified = watch.run(target, planned, options, read_names(invocation.settings.names))
    rows = findings.record(target, verified) if write else findings.amend(findings.read(target), verified)
    open_rows = _open(rows, {item.check.name for item in planned})
    if form is Shape.JSON:
        _write_json(open_rows)
    elif open_rows or not none_ran:
        _print_findings(open_rows)
    if none_ran:
        raise LakeError(f"lake {target.uri}: no check could run, so nothing is known to be well")
    limit = findings.SEVERITIES.index(fail_on)
    if any(findings.SEVERITIES.index(row["severity"]) <= limit for row in open_rows):
        raise typer.Exit(1)


def _ran(item: watch.Planned) -> str:
    return "; ".join(part for part in (f"window {item.window}" if item.window else "", item.note) if part)


def _not_run(lake: Lake, item: watch.Planned, at: datetime | None) -> str:
    """Why the check has no window: its formats were never delivered, or not in the day before."""
    span = data_span(lake, item.check.sources)
    if span is None:
        return item.note
    day = f"of the 24 hours before {minute(at)}" if at else "that AWS named"
    return f"not run: no log object {day}; the lake has its data from {minute(span[0])} to {minute(span[1])}"


def _open(rows: list[findings.Row], names: set[str]) -> list[findings.Row]:
    """Open findings of these checks, worst first, the findings of an incident together."""
    chosen = [row for row in rows if row["state"] == "open" and row["check_name"] in names]
    worst = {row["incident_id"]: 99 for row in chosen}
    for row in chosen:
        worst[row["incident_id"]] = min(worst[row["incident_id"]], findings.SEVERITIES.index(row["severity"]))
    return sorted(
        chosen,
        key=lambda row: (
            worst[row["incident_id"]],
            row["incident_id"],
            findings.SEVERITIES.index(row["severity"]),
            row["opened_at"],
            row["finding_key"],
        ),
    )


def _write_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
    sys.stdout.buffer.flush()


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def _print_findings(rows: list[findings.Row]) -> None:
    console = _console()
    if not rows:
        console.print("No open findings.")
        return
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for name in ("severity", "check", "opened", "seen", "incident", "id"):
        table.add_column(name, no_wrap=True)
    table.add_column("finding", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["severity"], style=_COLOURS.get(row["severity"], "")),
            Text(visible(row["check_name"])),
            Text(f"{row['opened_at']:%m-%d %H:%M}Z"),
            Text(f"{row['occurrences']}x"),
            Text(row["incident_id"][:6]),
            Text(row["finding_id"][:6]),
            Text(visible(row["title"] or row["finding_key"])),
        )
    console.print(table)


@app.command("why")
def why_command(
    context: typer.Context,
    caller: str = typer.Argument(..., help="Display name, ARN, principal, address or VPC/address."),
    callee: str = typer.Argument(..., help="Display name, ARN, load balancer, host, or a target's address."),
    lake: str | None = _LAKE,
    since: str | None = typer.Option(
        None,
        "--since",
        help="Start of what is looked at: 2026-03-10T09:00Z, or -1h for an hour before the newest data; else --window.",
    ),
    until: str | None = typer.Option(None, "--until", help="End of it, exclusive; same forms. Else the newest data."),
    at: str | None = typer.Option(None, "--at", help="End of the time looked at, an ISO time: the same as --until."),
    window: float | None = typer.Option(
        None, "--window", help="Minutes looked at, 15 when neither it nor --since is given.", min=1, max=_LONGEST
    ),
    form: Shape = _FORMAT,
) -> None:
    """Say why calls from CALLER to CALLEE fail or are slow: one verdict, its evidence, and how complete the data is.

    It looks at the last 15 minutes of data: for what happened before, say --since, or --at and --window.
    """
    invocation: Invocation = context.obj
    context.with_resource(said_when_slow("still reading", lake or invocation.settings.lake))
    target = invocation.existing_lake(lake)
    end, minutes = _looked_at(target, since, until, at, window)
    found = verdict.judge(
        target,
        caller,
        callee,
        at=end,
        minutes=minutes,
        options={"memory_limit": invocation.settings.memory_limit},
        given_names=read_names(invocation.settings.names),
    )
    if form is Shape.JSON:
        _write_json(found.as_dict())
    else:
        _print_verdict(found)


def _looked_at(
    lake: Lake, since: str | None, until: str | None, at: str | None, window: float | None
) -> tuple[datetime | None, float]:
    """End (None: the newest data) and minutes of the time to look at."""
    if at is not None and at.startswith("-"):
        raise QueryError(f"--at {at}: write an ISO time such as 2026-03-10T11:30Z")
    if at is not None and until is not None:
        raise QueryError("--at and --until both say where the window ends: leave one out")
    if since is not None and window is not None:
        raise QueryError("--since and --window both say where the window begins: leave one out")
    newest = None
    if since is not None or (until or "").startswith("-"):
        with Ledger(lake) as ledger:
            newest = newest_complete(ledger)
    written = at if at is not None else until
    end = parse_time(written, newest) if written is not None else newest
    if since is None:
        return end, window or _MINUTES
    begin = parse_time(since, newest)
    insist_on_order(begin, end)
    minutes = (end - begin).total_seconds() / 60 if end else _MINUTES
    if minutes > _LONGEST:
        raise QueryError(f"--since {since}: why looks at {_LONGEST // 60} hours at most; name an earlier --until")
    return end, minutes


def _print_verdict(found: verdict.Verdict) -> None:
    console = _console()
    colour = {"bad": "bold red", "warn": "bold yellow", "good": "bold green", "unknown": "bold magenta"}[found.mood]
    console.print(Text(visible(found.headline), style=colour))
    for label, text in found.evidence:
        console.print(Text.assemble((f"  {label:<13}", "dim"), visible(text)), soft_wrap=True)
    console.print(Text.assemble(("  next         ", "bold"), visible(found.next_step)), soft_wrap=True)
