"""Guards of half-finished objects are kept for as long as these are not finished.

A guard is needed from an object's first commit until its row in the ledger: seconds, unless a crash came in between.
That row may be of an older version: whoever replaces an object claims it first, and while it is claimed it is not
finished. A checkpoint forgets guards that are a day old, so that logs stay small. What a crash left unfinished is
therefore committed once more, with today's date, by whoever is about to write one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from ingest.errors import LakeError
from ingest.lake import guards
from ingest.lake.conflicts import NOTHING_ELSE, insist
from ingest.lake.declarations import OBJECTS
from ingest.lake.schema import Table
from ingest.lake.statements import sql
from ingest.lake.store import fetch

KEPT = timedelta(days=1)
"""How old a guard is when a checkpoint forgets it."""

LedgerSince = Callable[[datetime], Sequence[str]]
"""The ledger's files with rows ingested since then, oldest first, as paths in the lake's store."""

_MARGIN = timedelta(hours=1)
"""Time enough from a renewal to the checkpoint that follows it, and more than clocks of two machines differ."""
_ATTEMPTS = 10


def renew(handle: DeltaTable, table: Table, store: ObjectStore, ledger_since: LedgerSince) -> int:
    """Commit again the guards that the next checkpoint would forget and whose objects are not finished; how many.

    It brings the handle to the newest version.

    Raises:
        CommitFailedError: others finished or renewed one of them again and again meanwhile.
        LakeError: the guards or the ledger cannot be read.
    """
    return insist(lambda: _renew_once(handle, table, store, ledger_since), _ATTEMPTS)


def _renew_once(handle: DeltaTable, table: Table, store: ObjectStore, ledger_since: LedgerSince) -> int:
    # First the handle, then the guards: delta-rs refuses what comes after the one, the other shows what came before.
    handle.update_incremental()
    try:
        unfinished = _unfinished(table, store, ledger_since)
    except (duckdb.Error, ValueError, BaseError) as error:
        raise LakeError(f"table {table.name}: whose guards are still needed cannot be read: {error}") from error
    if unfinished:
        now = int(time.time() * 1000)
        handle.create_write_transaction(
            [],
            mode="append",
            schema=handle.schema(),
            partition_by=[table.partition] if table.partition else None,
            commit_properties=CommitProperties(app_transactions=[Transaction(*guard, now) for guard in unfinished]),
            post_commithook_properties=NOTHING_ELSE,
        )
    return len(unfinished)


def _unfinished(table: Table, store: ObjectStore, ledger_since: LedgerSince) -> list[tuple[str, int]]:
    """Key and version of each guard that is nearly as old as it gets, of an object that is not finished."""
    carried = guards.carried(store, table.name)
    before = time.time() * 1000 - (KEPT - _MARGIN) / timedelta(milliseconds=1)
    oldest = pc.min(carried.column("written")).as_py()
    if oldest is None or oldest >= before:
        return []
    with duckdb.connect() as connection:
        connection.register("carried", carried.append_column("place", pa.array(range(carried.num_rows), pa.int64())))
        old = connection.execute(sql("old_guards"), {"before": before}).to_arrow_table()
        claimed = pa.array(sorted(guards.claimed(store, OBJECTS.name)), pa.string())
        of_claimed = pc.is_in(old.column("key"), value_set=claimed)
        unfinished, old = old.filter(of_claimed), old.filter(pc.invert(of_claimed))
        # Asked now and not before: a guard's object is in the ledger later than the guard.
        since = datetime.fromtimestamp((oldest or 0) / 1000, UTC) - _MARGIN
        for ingested in _ingested(store, ledger_since(since) if old.num_rows else ()):
            connection.register("ingested", ingested)
            connection.register("old", old)
            old = connection.execute(sql("unfinished_guards")).to_arrow_table()
            if not old.num_rows:
                break
    return [(row["key"], row["version"]) for row in pa.concat_tables([unfinished, old]).to_pylist()]


def _ingested(store: ObjectStore, paths: Sequence[str]) -> Iterator[pa.Table]:
    """The objects that these files of the ledger name, a file's row group at a time."""
    for path in paths:
        file = pq.ParquetFile(pa.BufferReader(fetch(store, path)))
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=["log_object"], use_threads=False)
