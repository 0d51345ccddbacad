"""`eastwest lake ...` and `eastwest status`: the lake's upkeep, and how it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import typer

from ingest.errors import LakeError, SettingsError
from ingest.invocation import Invocation
from ingest.lake import compaction, rebuilding, retention, verification
from ingest.lake import status as lake_status
from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES, TABLES
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.printing import Row, Shape, duration, print_json, print_rows

app = typer.Typer()
lake_app = typer.Typer(no_args_is_help=True, help="Keep the lake in order: compact, expire, vacuum, verify, rebuild.")
app.add_typer(lake_app, name="lake")

_LAKE = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake; else the setting.")
_FORMAT = typer.Option(Shape.TABLE, "--format", help="table for people, json for programs.")
_TABLES = typer.Option([], "--table", help="Only this table; may be repeated.")
_DELAYS = ("delivery_p50", "delivery_p99", "ingest_p50", "ingest_p99")
_DRY_RUN = typer.Option(False, "--dry-run", help="Say what would go, and change nothing.")


@app.command("status")
def status_command(
    context: typer.Context,
    lake: str | None = _LAKE,
    within: str = typer.Option("1d", "--within", help="What was ingested in this time before the newest: 6h, 7d, all."),
    form: Shape = _FORMAT,
) -> None:
    """What arrives, how late, and what does not; what cannot be read; how large the lake is.

    Delivery is the time from an object's oldest row until AWS wrote the object, ingest from there until it was in the
    lake: median and 99th percentile (JSON: seconds). A gap is a run of five-minute slots in which a source that usually
    delivers did not.
    """
    invocation: Invocation = context.obj
    target = invocation.existing_lake(lake)
    window = None if within == "all" else parse_span(within, "--within")
    found = lake_status.deliveries(target, window, invocation.settings.memory_limit)
    tables = [asdict(row) for row in lake_status.tables(target, datetime.now(UTC))]
    if form is Shape.JSON:
        print_json({"lake": target.uri, **found.as_dict(), "tables": tables})
        return
    print_rows([_in_words(row) for row in found.sources], "Sources (delivery: from row to S3; ingest: from there on)")
    print_rows(found.gaps, "\nGaps: slots of five minutes without an object")
    print_rows(found.skipped, "\nSKIPDATA: flow records that AWS lost")
    print_rows(found.rejects, "\nRejects")
    print_rows(found.unknown_fields, "\nFields without a column (in extra)")
    print_rows(tables, "\nLake", "empty")


def _in_words(source: Row) -> Row:
    """A source's row for people: its delays in the unit that suits them."""
    return {
        name: duration(value) if name in _DELAYS and isinstance(value, int | float) else value
        for name, value in source.items()
    }


@lake_app.command("status")
def lake_status_command(context: typer.Context, lake: str | None = _LAKE, form: Shape = _FORMAT) -> None:
    """Rows, files and bytes of every table, days to compact, bytes to vacuum, objects in its guards."""
    target = context.obj.existing_lake(lake)
    _print([asdict(row) for row in lake_status.tables(target, datetime.now(UTC))], form, "empty")


@lake_app.command("compact")
def compact_command(
    context: typer.Context,
    lake: str | None = _LAKE,
    table: list[str] = _TABLES,
    settled: str = typer.Option("1h", "--settled", help="A day is closed this long after its end and its last file."),
    form: Shape = _FORMAT,
) -> None:
    """Rewrite closed days with small files as few large ones, sorted by time; ingest may go on meanwhile.

    A day to which others keep adding is left for the next run. Run it hourly or daily.
    """
    invocation: Invocation = context.obj
    target, quiet, now = invocation.existing_lake(lake), parse_span(settled, "--settled"), datetime.now(UTC)
    done: list[Row] = []
    for chosen in _chosen(table, compaction.COMPACTED):
        for day in compaction.due(target, chosen, now, quiet):
            result = compaction.compact(
                target, chosen, day, memory_limit=invocation.settings.memory_limit, before=now - quiet
            )
            if result is None:
                print(f"{chosen.name}, day {day}: others are adding to it; left for the next run", file=sys.stderr)
            else:
                done.append(asdict(result))
    _print(done, form, "nothing to compact")


@lake_app.command("expire")
def expire_command(
    context: typer.Context,
    older_than: str = typer.Option(..., "--older-than", help="Age of what goes, in days: 90d."),
    rollups_older_than: str | None = typer.Option(None, help="Another age for the rollups, such as 400d."),
    objects_older_than: str | None = typer.Option(
        None, help="An age for the ledger, which otherwise stays: objects it forgets are ingested again when listed."
    ),
    lake: str | None = _LAKE,
    table: list[str] = _TABLES,
    dry_run: bool = _DRY_RUN,
    form: Shape = _FORMAT,
) -> None:
    """Take away old days of source tables, rejects and rollups, by metadata alone; `vacuum` frees their space.

    The ledger stays unless told, so that what expired does not come back.
    """
    target, today = context.obj.existing_lake(lake), datetime.now(UTC).date()
    ages = dict.fromkeys((*SOURCE_TABLES, REJECTS), older_than)
    ages |= dict.fromkeys(ROLLUPS, rollups_older_than or older_than)
    if objects_older_than:
        ages[OBJECTS] = objects_older_than
    result = [
        asdict(retention.expire(target, chosen, today - parse_span(ages[chosen], "--older-than"), dry_run=dry_run))
        for chosen in _chosen(table, tuple(ages))
    ]
    _print(result, form)


@lake_app.command("vacuum")
def vacuum_command(
    context: typer.Context,
    lake: str | None = _LAKE,
    keep: str = typer.Option("7d", "--keep", help="Files that a version this young needs stay: longer than any query."),
    force: bool = typer.Option(False, "--force", help="Keep less than an hour; only where nothing else uses the lake."),
    table: list[str] = _TABLES,
    dry_run: bool = _DRY_RUN,
    form: Shape = _FORMAT,
) -> None:
    """Remove files that no version needs any more, and old entries of the Delta logs."""
    target, kept = context.obj.existing_lake(lake), parse_span(keep, "--keep")
    chosen = _chosen(table, tuple(TABLES.values()))
    _print([asdict(retention.vacuum(target, one, kept, force=force, dry_run=dry_run)) for one in chosen], form)


@lake_app.command("verify")
def verify_command(context: typer.Context, lake: str | None = _LAKE, form: Shape = _FORMAT) -> None:
    """Prove that tables, rollups and files are what the ledger says; name every difference, and exit 4 when one is.

    Reads every row's object and line, and counts the rollups again. While an ingest runs, its objects show as
    unfinished.
    """
    invocation: Invocation = context.obj
    target = invocation.existing_lake(lake)
    found = [asdict(difference) for difference in verification.verify(target, invocation.settings.memory_limit)]
    _print(found, form, "no differences")
    if found:
        kinds = sorted({str(row["kind"]) for row in found})
        raise LakeError(f"lake {target.uri}: {len(found):,} differences ({', '.join(kinds)}), listed on stdout")


@lake_app.command("rebuild-rollup")
def rebuild_command(
    context: typer.Context,
    name: str = typer.Argument(..., help=f"{', '.join(table.name for table in ROLLUPS)}, or all."),
    day: str | None = typer.Option(None, "--day", help="Only this day: 2026-03-10."),
    lake: str | None = _LAKE,
    form: Shape = _FORMAT,
) -> None:
    """Count a rollup's days again from the source tables and replace them; ingest may go on meanwhile."""
    target: Lake = context.obj.existing_lake(lake)
    only = _date(day)
    done: list[Row] = []
    for rollup in _chosen([] if name == "all" else [name], ROLLUPS):
        days = [only] if only else rebuilding.rebuildable(target, rollup)
        done += [{"table": rollup.name, "day": one, "rows": rebuilding.rebuild(target, rollup, one)} for one in days]
    _print(done, form, "nothing to rebuild")


def _print(rows: Sequence[Row], form: Shape, empty: str = "nothing") -> None:
    if form is Shape.JSON:
        print_json(rows)
    else:
        print_rows(rows, empty=empty)


def _chosen(names: Sequence[str], known: Sequence[Table]) -> list[Table]:
    by_name = {table.name: table for table in known}
    for name in names:
        if name not in by_name:
            raise SettingsError(f"{name}: not one of {', '.join(by_name)}")
    return [table for table in known if not names or table.name in names]


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError(f"--day {text}: not a day; write 2026-03-10") from None


def parse_span(text: str, option: str) -> timedelta:
    """A length of time such as 30m, 6h or 90d. Raises SettingsError that names the option."""
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None:
        raise SettingsError(f"{option} {text}: not a length of time; write 30m, 6h or 90d")
    return int(found[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[found[2]]
