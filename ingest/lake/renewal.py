"""Guards of half-finished objects are kept for as long as these are not finished.

A guard is needed from an object's first commit until its row in the ledger: seconds, unless a crash came in between.
That row may be of an older version: whoever replaces an object claims it first, and while it is claimed it is not
finished. Delta forgets guards after three days, when it writes a checkpoint, so that logs stay small. What a crash left
unfinished is therefore committed once more, with today's date, before a checkpoint could forget it: by every vacuum and
compaction, and by an ingest that starts after a pause.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError

from ingest.answers import whole
from ingest.errors import LakeError
from ingest.lake import contents, guards
from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.log_entries import LEAVE_OLD_ENTRIES
from ingest.lake.schema import Table
from ingest.lake.statements import sql
from ingest.lake.store import open_store
from ingest.lake.tables import Lake

GUARDED = (*SOURCE_TABLES, REJECTS, *ROLLUPS, OBJECTS)
_OLD = timedelta(days=1)
_PAUSE = timedelta(hours=12)
_MARGIN = timedelta(hours=1)


def renew_after_pause(lake: Lake) -> int:
    """`renew` every table if nothing was ingested for half a day; guards that were renewed."""
    newest = max((file.max_time for file in lake.snapshot(OBJECTS).files if file.max_time), default=None)
    if newest is not None and newest > datetime.now(UTC) - _PAUSE:
        return 0
    return sum(renew(lake, table) for table in GUARDED)


def renew(lake: Lake, table: Table) -> int:
    """Commit again the guards of a table that are a day old and whose objects are not finished; how many."""
    handle = lake.open(table)
    if handle is None:
        return 0
    unfinished = _unfinished(lake, table)
    if not unfinished:
        return 0
    now = int(time.time() * 1000)
    transactions = [Transaction(key, version, now) for key, version in unfinished]
    try:
        whole(
            lambda: handle.create_write_transaction(
                [],
                mode="append",
                schema=handle.schema(),
                partition_by=[table.partition] if table.partition else None,
                commit_properties=CommitProperties(app_transactions=transactions),
                post_commithook_properties=LEAVE_OLD_ENTRIES,
            )
        )
    except CommitFailedError:
        # Another process finished or renewed one of them just now; the others are not forgotten within a day.
        return 0
    except (DeltaError, OSError) as error:
        raise LakeError(f"lake {lake.uri}: table {table.name} cannot be written: {error}") from error
    return len(unfinished)


def _unfinished(lake: Lake, table: Table) -> list[tuple[str, int]]:
    carried = guards.carried(open_store(lake.uri, lake.storage), table.name)
    old = int((datetime.now(UTC) - _OLD).timestamp() * 1000)
    times = [at for at in carried.column("written").to_pylist() if at is not None]
    if not times or min(times) >= old:
        return []
    ledger = lake.open(OBJECTS)
    since = datetime.fromtimestamp(min(times) / 1000, UTC) - _MARGIN
    with duckdb.connect() as connection:
        connection.register("carried", carried.append_column("place", pa.array(range(carried.num_rows), pa.int64())))
        connection.register("claimed", pa.table({"key": pa.array(sorted(lake.claimed()), pa.string())}))
        if ledger is None:
            connection.register("recent", OBJECTS.empty())
        else:
            span = contents.between(OBJECTS, since, datetime.max.replace(tzinfo=UTC))
            recent = contents.dataset(ledger, OBJECTS).to_table(columns=["log_object"], filter=span)
            connection.register("recent", recent)
        return connection.execute(sql("unfinished_guards"), {"before": old}).fetchall()
