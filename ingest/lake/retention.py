"""How long the lake keeps what: days expire by metadata alone, and files that no version needs are removed.

A table remembers until when it expired, so that `verification` tells what was taken away on purpose from what is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from ingest.answers import whole
from ingest.errors import LakeError
from ingest.lake.conflicts import NOTHING_ELSE, insist
from ingest.lake.schema import Table
from ingest.lake.store import entries, open_store
from ingest.lake.tables import Lake

KEPT = timedelta(days=7)
LEAST_KEPT = timedelta(hours=1)
_EXPIRED = "eastwest.expiredBefore"
_ATTEMPTS = 10
_LOG = "_delta_log/"


@dataclass(frozen=True)
class Expired:
    """What of a table lies (or lay) before a day; sizes in bytes as stored."""

    table: str
    before: date
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Vacuumed:
    """What of a table's folder no version of the last days needs; `log_files` are old entries of its Delta log."""

    table: str
    files: int
    bytes: int
    log_files: int


def expired_before(handle: DeltaTable) -> date | None:
    """The day before which rows were taken away on purpose; None when none ever were."""
    value = handle.metadata().configuration.get(_EXPIRED)
    return date.fromisoformat(value) if value else None


def expire(lake: Lake, table: Table, before: date, *, dry_run: bool = False) -> Expired:
    """Take away the days before a day; of a table without days (the ledger), rows whose time lies before it.

    Whole partitions go by metadata: no file is read or written; `vacuum` frees the space later. With `dry_run` nothing
    goes.

    Raises:
        LakeError: the table cannot be written, or others were faster ten times.
    """
    if lake.open(table) is None:
        return Expired(table.name, before, 0, 0, 0)
    try:
        return insist(lambda: _expire_once(lake, table, before, dry_run), _ATTEMPTS)
    except (CommitFailedError, DeltaError, OSError) as error:
        raise LakeError(f"lake {lake.uri}: table {table.name} could not expire: {error}; run it again") from error


def _expire_once(lake: Lake, table: Table, before: date, dry_run: bool) -> Expired:
    end = datetime.combine(before, time(), UTC)
    files = [
        file
        for file in lake.snapshot(table).files
        if (file.day is not None and file.day < before)
        or (table.partition is None and file.max_time is not None and file.max_time < end)
    ]
    found = Expired(table.name, before, len(files), sum(file.rows for file in files), sum(file.size for file in files))
    handle = lake.open(table)
    if dry_run or handle is None or not files:
        return found
    # First the note, then the rows: after a crash in between verify asks for less, never for rows that went.
    if (expired_before(handle) or date.min) < before:
        handle.alter.set_table_properties(
            {_EXPIRED: before.isoformat()},
            raise_if_not_exists=False,
            post_commithook_properties=NOTHING_ELSE,
        )
        lake.tend(table, handle)
    handle = lake.open(table)
    if handle is not None:
        handle.delete(
            f"{table.partition} < '{before}'" if table.partition else f"{table.time} < '{end.isoformat()}'",
            post_commithook_properties=NOTHING_ELSE,
        )
        lake.tend(table, handle)
    return found


def vacuum(lake: Lake, table: Table, keep: timedelta = KEPT, *, force: bool = False, dry_run: bool = False) -> Vacuumed:
    """Remove files that no version younger than `keep` needs, orphans of refused commits among them; shorten the log.

    A query that runs longer than `keep` loses its files, and so does a commit that takes longer between writing its
    files and naming them: under an hour is refused without `force`.

    Raises:
        LakeError: `keep` is under an hour, or the folder cannot be written.
    """
    if keep < LEAST_KEPT and not force:
        raise LakeError(
            f"lake {lake.uri}: vacuum keeps at least an hour of files, for queries and commits under way; "
            "--force if nothing else uses the lake"
        )
    handle = lake.open(table)
    if handle is None:
        return Vacuumed(table.name, 0, 0, 0)
    try:
        if not dry_run:
            # First: delta-rs's own commits here may write a checkpoint, whatever it is told, and that forgets guards.
            lake.checkpoint(table, handle)
        sizes = listed(lake, table)
        hours = int(keep / timedelta(hours=1))
        gone = whole(
            lambda: handle.vacuum(
                retention_hours=hours,
                dry_run=dry_run,
                enforce_retention_duration=False,
                full=True,
                post_commithook_properties=NOTHING_ELSE,
            )
        )
        if not dry_run:
            whole(handle.cleanup_metadata)
        left = listed(lake, table)
    except (CommitFailedError, DeltaError, OSError) as error:
        raise LakeError(f"lake {lake.uri}: table {table.name} could not be vacuumed: {error}; run it again") from error
    log_files = sum(path.startswith(_LOG) and path not in left for path in sizes)
    if not dry_run:
        # A vacuum that was asked for twice names what it removed the second time.
        gone = [path for path in sizes if path not in left and not path.startswith(_LOG)]
    return Vacuumed(table.name, len(gone), sum(sizes.get(path, 0) for path in gone), log_files)


def listed(lake: Lake, table: Table) -> dict[str, int]:
    """Every object in the table's folder, by its path there, with its size in bytes; the log's own included."""
    found = entries(open_store(lake.uri, lake.storage), f"{table.name}/")
    return {path: int(meta["size"]) for path, meta in found.items()}
