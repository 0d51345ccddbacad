"""The commands that keep the graph as a file: graph export and graph assert."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import typer

from ingest.errors import QueryError
from ingest.invocation import Invocation
from ingest.terminal import visible
from queries import catalog
from queries.asked_window import judge_window
from queries.graph_file import Edge, as_dot, as_json, as_toml, read_graph
from queries.names_file import read_names
from queries.patience import said_when_slow
from queries.session import open_session

app = typer.Typer()
graph = typer.Typer(help="The call graph as a file: write it, or hold the logs against it.", no_args_is_help=True)
app.add_typer(graph, name="graph")

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


class Form(StrEnum):
    """How the graph is written."""

    TOML = "toml"
    DOT = "dot"
    JSON = "json"


_WRITERS = {Form.TOML: as_toml, Form.DOT: as_dot, Form.JSON: as_json}


def _edges(context: typer.Context, lake: str | None, since: str | None, until: str | None) -> list[Edge]:
    invocation: Invocation = context.obj
    options = {"memory_limit": invocation.settings.memory_limit}
    names = read_names(invocation.settings.names)
    context.with_resource(said_when_slow("still reading", lake or invocation.settings.lake))
    with open_session(invocation.existing_lake(lake), since, until, options=options, names=names) as session:
        judge_window(session)
        rows = catalog.report("call_graph").run(session).to_pylist()
    return [Edge(row["caller"], row["callee"], row["requests"], row["denied"], row["state"]) for row in rows]


@graph.command("export")
def export_command(
    context: typer.Context,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    lake: str | None = _LAKE,
    form: Form = typer.Option(
        Form.TOML, "--format", help="toml for graph assert, dot for Graphviz, json for programs."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="File to write; stdout without one."),
) -> None:
    """Write the call graph; callers that were refused every time are left out of the TOML file."""
    edges = _edges(context, lake, since, until)
    if form is Form.TOML:
        edges = [edge for edge in edges if edge.denied < edge.requests]
    text = _WRITERS[form](edges)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise QueryError(f"{output}: cannot be written: {error.strerror}") from error


@graph.command("assert")
def assert_command(
    context: typer.Context,
    file: Path = typer.Argument(..., help="The expected graph, as graph export writes it."),
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    lake: str | None = _LAKE,
    gone: bool = typer.Option(False, "--gone", help="Exit 1 for an expected edge without a call, too."),
) -> None:
    """Print every caller that the file does not expect, and exit 1 when there is one.

    A caller that was refused is one too: it tried. Expected edges without a call are told on stderr.
    """
    expected = read_graph(file)
    edges = _edges(context, lake, since, until)
    unexpected = [edge for edge in edges if not expected.fits(edge)]
    unseen = expected.unseen(edges)
    for edge in unexpected:
        refused = f", {edge.denied:,} refused" if edge.denied else ""
        print(f"{visible(edge.caller)} -> {visible(edge.callee)}: {edge.requests:,} requests{refused}")
    for caller, callee in unseen:
        print(f"expected and not seen: {visible(caller)} -> {visible(callee)}", file=sys.stderr)
    print(f"{len(edges)} edges, {len(unexpected)} unexpected, {len(unseen)} expected and not seen", file=sys.stderr)
    if not edges:
        raise QueryError("no calls in this window, so nothing was compared; see --since and --until")
    if unexpected or (gone and unseen):
        raise typer.Exit(1)
