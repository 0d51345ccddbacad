"""The command that measures AWS's practices: guide."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import orjson
import pyarrow as pa
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from ingest.errors import QueryError
from ingest.invocation import Invocation
from ingest.terminal import visible
from queries import scorecard
from queries.asked_window import judge_window
from queries.completeness import ENOUGH, completeness_of
from queries.names_file import read_names
from queries.output import Format, write
from queries.patience import said_when_slow
from queries.prices_file import read_prices
from queries.scorecard import Line, Scorecard

app = typer.Typer()

_WIDE = 140
_COLOURS = {"followed": "green", "partly": "yellow", "not followed": "bold red", "not seen in these logs": "dim"}
_SHORT = {"not seen in these logs": "not seen"}
_ROW = ("subject", "verdict", "share", "finding")


class Shape(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command("guide")
def guide_command(
    context: typer.Context,
    practice: str | None = typer.Argument(None, help="One practice: all of its rows, worst first."),
    since: str | None = typer.Option(
        None,
        "--since",
        help=(
            "Start: 2026-03-10T09:00Z, or -1h for an hour before the newest data; with all of its minute. Else all data"
            " (of a lake on S3 7 days)."
        ),
    ),
    until: str | None = typer.Option(None, "--until", help="End, exclusive; same forms; with all of its minute."),
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake; else the setting."),
    form: Shape = typer.Option("table", "--format", help="table for people, json or csv for programs."),
    worst: int = typer.Option(3, "--worst", help="Findings shown under each practice; 0 for the lines alone.", min=0),
    prices: Path | None = typer.Option(
        None, "--prices", help="Price file; else the setting, else queries/prices.toml."
    ),
    param: list[str] = typer.Option([], "--param", "-p", help="key=value, for one practice; may be repeated."),
    wide: bool = typer.Option(False, "--wide", help="In a practice's table, all columns."),
) -> None:
    """Measure AWS's practices for calls between services: a line and the worst offenders for each.

    docs/guide.md explains every line. What logs cannot tell is `not seen in these logs`.
    """
    invocation: Invocation = context.obj
    known = scorecard.practices()
    chosen = [scorecard.practice(practice)] if practice else list(known.values())
    given = dict(_key_value(text) for text in param)
    if given and not practice:
        raise QueryError("--param goes with one practice: eastwest guide PRACTICE --param key=value")
    table = read_prices(prices or invocation.settings.prices)
    context.with_resource(said_when_slow("still reading", lake or invocation.settings.lake))
    target = invocation.existing_lake(lake)
    options = {"memory_limit": invocation.settings.memory_limit}
    names = read_names(invocation.settings.names)
    with scorecard.open_for(target, chosen, since, until, options, names) as session:
        judge_window(session)
        if practice:
            rows, values = scorecard.rows_of(session, chosen[0], table, given)
            window, deliveries = scorecard.delivered(target, session)
            line = scorecard.line_of(session, chosen[0], rows, values, deliveries, worst=0)
            card = Scorecard(window, (line,), deliveries, table.oldest)
            _write_practice(card, line, rows, form, wide)
            return
        card = scorecard.score(target, session, table, worst)
    _write_card(card, form)


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise QueryError(f"--param {text}: write key=value")
    return key.strip(), value


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def _write_card(card: Scorecard, form: Shape) -> None:
    if form is Shape.JSON:
        option = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z
        sys.stdout.buffer.write(orjson.dumps(card.as_dict(), option=option) + b"\n")
        sys.stdout.buffer.flush()
    elif form is Shape.CSV:
        write(pa.Table.from_pylist([line.as_dict() for line in card.lines]), Format.CSV, None)
    else:
        console = _console()
        console.print(Text.assemble(("AWS's practices between services", "bold"), f"  {card.window}"))
        console.print()
        for line in card.lines:
            _print_line(console, line)
        console.print()
        _print_data(console, card)
        console.print(
            Text("eastwest guide PRACTICE lists all of one; docs/guide.md says what each line means", style="dim")
        )


def _print_line(console: Console, line: Line) -> None:
    table = RichTable.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=12)
    table.add_column(no_wrap=True, min_width=18)
    table.add_column(overflow="fold")
    verdict = Text(_SHORT.get(line.verdict, line.verdict), style=_COLOURS[line.verdict])
    table.add_row(verdict, Text(line.practice.name, style="bold"), _says(line))
    console.print(table)
    for subject, finding in line.findings:
        name, said = Text(visible(subject), style="cyan"), Text(visible(finding))
        if name.cell_len + said.cell_len + 6 <= console.width:
            console.print(Padding(Text.assemble(name, "  ", said), (0, 0, 0, 4), expand=False))
        else:
            console.print(Padding(name, (0, 0, 0, 4), expand=False))
            console.print(Padding(said, (0, 0, 0, 8), expand=False))
    if line.findings and line.more:
        console.print(Padding(Text(f"and {line.more:,} more", style="dim"), (0, 0, 0, 4), expand=False))


def _says(line: Line) -> Text:
    notes = [f"no {name}" for name in line.absent]
    if line.coverage < ENOUGH:
        notes.append(f"on {line.coverage:.0%} of the data")
    if line.untold and line.counted:
        notes.append(f"{line.untold:,} more cannot be told")
    return Text.assemble(line.says, (f"  ({', '.join(notes)})" if notes else "", "yellow"))


def _print_data(console: Console, card: Scorecard) -> None:
    """How complete the data of the window is: a quiet source is not a healthy one."""
    said = visible(completeness_of(card.deliveries))
    console.print(Text.assemble(("data  ", "dim"), said))


def _write_practice(card: Scorecard, line: Line, rows: pa.Table, form: Shape, wide: bool) -> None:
    if form is not Shape.TABLE:
        write(rows, Format.JSON if form is Shape.JSON else Format.CSV, None)
        return
    console = _console()
    header = line.practice.report.header
    console.print(Text.assemble((line.practice.report.title, "bold"), f"  {card.window}"))
    console.print(Text.assemble((line.verdict, _COLOURS[line.verdict]), ": ", _says(line)))
    console.print()
    if wide:
        write(rows, Format.TABLE, None)
    else:
        _print_rows(console, rows)
    console.print()
    console.print(Text.assemble(("do    ", "dim"), " ".join(header["action"].split())))
    _print_data(console, card)
    console.print(Text.assemble(("AWS   ", "dim"), header["reference"]), soft_wrap=True)


def _print_rows(console: Console, rows: pa.Table) -> None:
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("subject", overflow="fold")
    table.add_column("finding", overflow="fold")
    for row in rows.select(list(_ROW)).to_pylist():
        table.add_row(
            Text(_SHORT.get(row["verdict"], row["verdict"] or ""), style=_COLOURS.get(row["verdict"], "")),
            "" if row["share"] is None else f"{row['share']:.1%}",
            Text(visible(row["subject"])),
            Text(visible(row["finding"] or "")),
        )
    console.print(table)
