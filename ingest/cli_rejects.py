"""`eastwest rejects` and `eastwest raw`: what could not be read, why, its original line, and another try."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import cache

import typer

from ingest.cli import parse_time
from ingest.cli_summary import print_summary
from ingest.errors import SettingsError, SourceError
from ingest.formats.block import Reason
from ingest.invocation import Invocation
from ingest.lake import ledger
from ingest.lake.rejected import Group, objects_with_rejects, rejects
from ingest.pipeline.original import original
from ingest.pipeline.replay import replay
from ingest.pipeline.rules import compile_rules
from ingest.pipeline.run import Limits
from ingest.printing import Shape, print_json, print_rows
from ingest.settings import nearest
from ingest.sources import Source, open_source
from ingest.terminal import visible

app = typer.Typer()
_LONGEST_CELL = 300
rejects_app = typer.Typer(invoke_without_command=True)
app.add_typer(rejects_app, name="rejects")


@rejects_app.callback()
def rejects_command(
    context: typer.Context,
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake."),
    by: Group | None = typer.Option(None, "--by", help="Count them by this instead of listing them."),
    since: str | None = typer.Option(None, help="Only those rejected from this time on: ISO, or such as -6h."),
    limit: int = typer.Option(100, min=1, help="Most rows to print."),
    form: Shape = typer.Option(Shape.TABLE, "--format", help="table for people (long texts cut), json for programs."),
) -> None:
    """List the records that could not be read, newest first, or count them by reason, object or format."""
    if context.invoked_subcommand:
        return
    invocation: Invocation = context.obj
    begin = parse_time(since, datetime.now(UTC))
    found = rejects(invocation.existing_lake(lake), by, begin, limit, invocation.settings.memory_limit).to_pylist()
    if form is Shape.JSON:
        print_json(found)
    else:
        print_rows([{name: _short(value) for name, value in row.items()} for row in found], empty="no rejects")


def _short(value: object) -> object:
    """The value as a cell of a table: a list as text, a long text cut."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"{text[:_LONGEST_CELL]}..." if isinstance(text, str) and len(text) > _LONGEST_CELL else text


@rejects_app.command("replay")
def replay_command(
    context: typer.Context,
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake."),
    reason: str | None = typer.Option(None, "--reason", help="Only objects with a reject for this reason."),
    uri: str | None = typer.Option(None, "--object", help="Only this object, by its URI."),
) -> None:
    """Read the objects that have rejects again, and replace their rows, rejects and part of the rollups.

    For when a new release, a setting or a rule can do better. Exit code 3 when an object could not be read.
    """
    invocation: Invocation = context.obj
    settings = invocation.settings
    if reason is not None and reason not in set(Reason):
        raise SettingsError(f"--reason {reason}: there is no such reason. {nearest(reason, [str(r) for r in Reason])}")
    target = invocation.existing_lake(lake)
    known = objects_with_rejects(target, reason, uri, settings.memory_limit)
    if not known:
        typer.echo("No object has such rejects: nothing to do", err=True)
        return

    @cache
    def opened(prefix: str) -> Source:
        return open_source(prefix, settings)

    def open_(name: str) -> Source:
        return opened("/".join(name.split("/")[:3]) + "/" if name.startswith("s3://") else name)

    limits = Limits(settings.batch_objects, settings.batch_megabytes << 20, settings.workers)
    typer.echo(f"reading {len(known):,} objects again", err=True)
    total = replay(target, known, open_, limits, compile_rules(settings, invocation.settings_file))
    print_summary(total, target)
    if total.failed:
        shown = "; ".join(why for _, why in total.failed[:3])
        raise SourceError(
            f"{len(total.failed):,} of {len(known):,} could not be read again and stay as they were: {shown}"
        )


@app.command("raw")
def raw_command(
    context: typer.Context,
    uri: str = typer.Argument(metavar="OBJECT", help="URI (or path) of the source object: a row's log_object."),
    line: int = typer.Argument(min=1, help="Line in it, from 1: the row's log_line."),
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake."),
) -> None:
    """Fetch an object and print one of its lines as AWS wrote it; of Parquet, the row as JSON.

    It comes from the source, not from the lake: redaction rules do not apply.
    """
    invocation: Invocation = context.obj
    source = open_source(uri, invocation.settings)
    found = source.head(uri)
    if isinstance(found, SourceError):
        raise found
    if ledger.unknown(invocation.lake(lake), [found.uri], [found.etag]):
        typer.echo(f"{found.uri}: this version of the object is not in the lake; its lines may be others", err=True)
    text = original(source, found, line)
    if sys.stdout.isatty():
        print(visible(text.decode("utf-8", "backslashreplace")))
    else:
        sys.stdout.buffer.write(text + b"\n")
