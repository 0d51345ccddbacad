"""`eastwest ingest`: reads new log objects into the lake and says what became of them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from ingest.allocation import keep_freed_memory
from ingest.cli_follow import Following, parse_interval
from ingest.cli_summary import print_summary
from ingest.errors import SettingsError, SourceError
from ingest.invocation import Invocation
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from ingest.pipeline.plan import new_objects
from ingest.pipeline.processes import forked
from ingest.pipeline.rules import compile_rules
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.progress import progress_on
from ingest.settings import Settings
from ingest.sources import Source, open_source

_SWITCH_SECONDS = 0.0005
"""A worker that comes back from Arrow or DuckDB waits no longer than this for the interpreter; 5 ms is Python's own."""

app = typer.Typer()
_FIRST_RUN = timedelta(hours=24)


@app.command("ingest")
def ingest_command(
    context: typer.Context,
    source: str | None = typer.Argument(
        None, help="A folder, a file or s3://bucket/prefix; without one, the sources of eastwest.toml."
    ),
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake."),
    since: str | None = typer.Option(None, help="Only objects from this time on: ISO, or back from now such as -6h."),
    until: str | None = typer.Option(None, help="Only objects up to this time."),
    everything: bool = typer.Option(False, "--all", help="Every object of a bucket, however old."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print what would be read: objects and bytes a day."),
    follow: bool = typer.Option(False, "--follow", help="Stay: read objects as their queue announces them, or list."),
    queue: str | None = typer.Option(None, "--queue", help="URL of the SQS queue with the bucket's events to follow."),
    every: str = typer.Option("60s", "--every", help="With --follow and no queue: how often to list."),
) -> None:
    """Read new log objects into the lake, exactly once.

    A second run reads nothing. From a bucket, the first run takes the last 24 hours and later ones look back
    `lookback_days` for late objects; --since and --all say otherwise. Exit code 3 when an object could not be read.

    With --follow any number of processes may share a queue and a lake; SIGTERM stops one in order. A message is deleted
    once what it names is in the lake; what cannot be read goes to the queue's dead-letter queue.
    """
    invocation: Invocation = context.obj
    settings = invocation.settings
    target = invocation.lake(lake)
    rules = compile_rules(settings, invocation.settings_file)
    uris = [source] if source else [entry.uri for entry in settings.sources]
    if not uris and not queue:
        raise SettingsError("nothing to ingest: name a folder or bucket, or set [[sources]] in eastwest.toml")
    if dry_run:
        for uri in uris:
            opened = open_source(uri, settings)
            _print_plan(opened, target, _window(opened, target, settings, since, until, everything))
        return
    keep_freed_memory()
    sys.setswitchinterval(_SWITCH_SECONDS)
    limits = Limits(settings.batch_objects, settings.batch_megabytes << 20, settings.workers)
    total = Summary()
    stays = bool(follow or queue)
    # What stays is told to stop by an event, which other processes would not see.
    count = 1 if stays or not invocation.is_alone else settings.workers
    with (
        forked(
            count,
            target,
            partial(open_source, settings=settings),
            partial(compile_rules, settings, invocation.settings_file),
        ) as processes,
        progress_on(Console(stderr=True)) as progress,
    ):

        def list_once(uri: str, stop: Event | None = None) -> Summary:
            opened = open_source(uri, settings)
            window = _window(opened, target, settings, since, until, everything)
            submit = partial(processes.submit, uri) if processes else None
            return ingest(opened, target, limits, progress, *window, rules=rules, stop=stop, submit=submit)

        if stays:
            following = Following(uris, queue, parse_interval(every), settings, target, limits, rules)
            total = following.run(progress, list_once)
        else:
            for uri in uris:
                total.add(list_once(uri))
    print_summary(total, target)
    if total.failed and stays:
        typer.echo(f"eastwest: {_failures(total)}", err=True)
    elif total.failed:
        raise SourceError(_failures(total))


def _window(
    source: Source, lake: Lake, settings: Settings, since: str | None, until: str | None, everything: bool
) -> tuple[datetime | None, datetime | None]:
    now = datetime.now(UTC)
    begin, end = parse_time(since, now), parse_time(until, now)
    if begin or everything or not source.uri.startswith("s3://"):
        return begin, end
    if lake.snapshot(OBJECTS).version < 0:
        typer.echo(f"{source.uri}: first run, so only the last 24 hours; --since or --all takes more", err=True)
        return now - _FIRST_RUN, end
    return now - timedelta(days=settings.lookback_days), end


def parse_time(text: str | None, now: datetime) -> datetime | None:
    """An ISO time (UTC where it names no zone), or one counted back from now: -90m, -6h, -2d."""
    if text is None:
        return None
    back = re.fullmatch(r"-(\d+)([mhd])", text)
    if back:
        return (
            now - int(back[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[back[2]]
        )
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text}: not a time; write 2026-03-10T09:00 or -6h") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _print_plan(source: Source, lake: Lake, window: tuple[datetime | None, datetime | None]) -> None:
    """What a run would read, a line per format and day."""
    from ingest.formats.object_key import parse_key

    objects: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for chunk in new_objects(source, lake, *window):
        for item in chunk.objects:
            key = parse_key(item.uri)
            group = ((key.time or item.last_modified).date().isoformat(), key.format or "unknown")
            objects[group] += 1
            sizes[group] += item.size
    table = RichTable("day", "format", "objects", "bytes", title=None)
    for day, name in sorted(objects):
        table.add_row(day, name, f"{objects[day, name]:,}", f"{sizes[day, name]:,}")
    table.add_section()
    table.add_row("total", "", f"{objects.total():,}", f"{sizes.total():,}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{source.requests:,} requests so far to list {escape(source.uri)}; nothing was read")


def _failures(total: Summary) -> str:
    first = "; ".join(f"{uri}: {why}" for uri, why in total.failed[:3])
    more = f"; and {len(total.failed) - 3:,} more" if len(total.failed) > 3 else ""
    return (
        f"{len(total.failed):,} could not be read, the rest is in the lake: {first}{more}. Run it again to retry them"
    )
