"""Guards of half-finished objects are kept for as long as these are not finished, and those of finished ones for a day.

A guard is needed from an object's first commit until its row in the ledger: seconds, unless a crash came in between.
That row may be of an older version: whoever replaces an object claims it first, and while it is claimed it is not
finished. For half a day after that row others may be at work who looked in the ledger before (`tables.StaleError`).
A checkpoint forgets guards that are a day old, so that logs stay small. What is needed longer is therefore committed
once more, with today's date, by whoever is about to write one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

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
from ingest.lake.unit import key_of

KEPT = timedelta(days=1)
"""How old a guard is when a checkpoint forgets it."""

MARGIN = timedelta(hours=6)
"""Guards are renewed so long before that: time enough from a renewal to the checkpoint that follows it."""

LedgerSince = Callable[[datetime], Sequence[str]]
"""The ledger's files with rows ingested since then, oldest first, as paths in the lake's store."""

_SKEW = timedelta(hours=1)
"""More than clocks of two machines differ, and more than a row's date is older than its commit."""
_ATTEMPTS = 10
_KEY = re.compile("[0-9a-f]{32}")

_one_at_a_time = threading.Lock()
"""Tables come to their checkpoints together, and what is read for one serves the next."""


def renew(handle: DeltaTable, table: Table, store: ObjectStore, ledger_since: LedgerSince) -> int:
    """Commit again the guards that a checkpoint would soon forget and that are needed longer; how many.

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
        with _one_at_a_time:
            needed = _needed(table, store, ledger_since)
    except (ValueError, BaseError) as error:
        raise LakeError(f"table {table.name}: whose guards are still needed cannot be read: {error}") from error
    if needed:
        now = int(time.time() * 1000)
        handle.create_write_transaction(
            [],
            mode="append",
            schema=handle.schema(),
            partition_by=[table.partition] if table.partition else None,
            commit_properties=CommitProperties(
                app_transactions=[Transaction(key, version, now) for key, version in sorted(needed.items())]
            ),
            post_commithook_properties=NOTHING_ELSE,
        )
    return len(needed)


def _needed(table: Table, store: ObjectStore, ledger_since: LedgerSince) -> dict[str, int]:
    """Key and version of each guard that is nearly as old as it gets and needed longer."""
    now = datetime.fromtimestamp(time.time(), UTC)
    old = _old(guards.carried(store, table.name), now - (KEPT - MARGIN))
    if not old:
        return {}
    claimed = guards.claimed(store, OBJECTS.name)
    needed = {key: version for key, (version, _) in old.items() if key in claimed}
    left = old.keys() - needed.keys()
    # Of the ledger as it is now: an object is in it later than in its guards.
    since = datetime.fromtimestamp(min(written for _, written in old.values()) / 1000, UTC) - _SKEW
    for path in ledger_since(since) if left else ():
        rows = guards.remembered(store, path, "", _ingested)
        long_ago = pc.field("ingested_at") < pa.scalar(now - (KEPT - MARGIN - _SKEW), pa.timestamp("us", "UTC"))
        left -= set(rows.filter(long_ago).column("key").to_pylist())
        if not left:
            break
    return needed | {key: old[key][0] for key in left}


def _old(carried: pa.Table, before: datetime) -> dict[str, tuple[int, int]]:
    """Version and date (ms since 1970) of each object's newest guard, by its key, where that is older."""
    limit = int(before.timestamp() * 1000)
    aged = pc.unique(carried.filter(pc.field("written") < limit).column("key"))
    rows = carried.filter(pc.is_in(carried.column("key"), value_set=aged))
    # Which one is the newest is said by the log's order, not by clocks, which differ between machines.
    columns = (rows.column(name).to_pylist() for name in ("key", "version", "written"))
    newest = {key: (version, written) for key, version, written in zip(*columns, strict=True)}
    return {
        key: (version, written)
        for key, (version, written) in newest.items()
        if written is not None and written < limit and _KEY.fullmatch(key)
    }


def _ingested(body: pa.Buffer) -> pa.Table:
    """The objects that a file of the ledger names: the keys of their guards, and when they were ingested."""
    rows = pq.ParquetFile(pa.BufferReader(body)).read(columns=["log_object", "ingested_at"], use_threads=False)
    keys = [key_of(uri) for uri in rows.column("log_object").to_pylist()]
    return pa.table({"key": pa.array(keys, pa.string()), "ingested_at": rows.column("ingested_at")})
