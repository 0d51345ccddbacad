"""Checkpoints of a table's Delta log, and the old entries that go with them: every fifty commits or so.

A checkpoint forgets guards that are a day old, so delta-rs, which would write one by itself, is told not to: those that
are needed longer are renewed first (`renewal`). It is also told to leave old entries alone. By itself it looks for them
after every commit and, where it may not remove them (a lake on S3 without `s3:DeleteObject`), reports a commit that is
done as failed. Here a commit that is done is done, whatever becomes of its checkpoint.
"""

from __future__ import annotations

import time

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from obstore.store import ObjectStore

from ingest.answers import whole
from ingest.lake.renewal import MARGIN, LedgerSince, renew
from ingest.lake.schema import Table
from ingest.lake.store import entries
from ingest.logs import Log

EVERY = 50
"""Commits from one checkpoint, which repeats every guard, to the next."""
LOOKED_AT = 10
"""At every so many versions it is looked how many commits that was; a handle does not tell which one it made."""

_PAUSE_SECONDS = MARGIN.total_seconds() / 2
_log = Log()


def tend(handle: DeltaTable, table: Table, store: ObjectStore, ledger_since: LedgerSince) -> None:
    """After a commit, with the handle that made it: a checkpoint when one is due. What it meets is a warning."""
    if handle.version() % LOOKED_AT:
        return
    try:
        if _commits_since(table, store) < EVERY:
            return
        checkpoint(handle, table, store, ledger_since)
    except Exception as error:
        _log.warning(
            "no checkpoint of a table's log, and every commit takes longer; the commit itself is done",
            table=handle.table_uri,
            error=(str(error) or repr(error)).splitlines()[0],
        )
        return
    try:
        whole(handle.cleanup_metadata)
    except (OSError, DeltaError) as error:
        _log.warning(
            "old entries of a table's log cannot be removed, and every commit takes longer; allow s3:DeleteObject",
            table=handle.table_uri,
            error=(str(error) or repr(error)).splitlines()[0],
        )


def checkpoint(handle: DeltaTable, table: Table, store: ObjectStore, ledger_since: LedgerSince) -> None:
    """Write a checkpoint of the newest version, to which it brings the handle.

    Raises:
        CommitFailedError: guards could not be renewed, because others kept committing; there is no checkpoint then.
        OSError, DeltaError, LakeError: the table or the ledger cannot be read or written.
    """
    begun = 0.0
    # delta-rs's clock says what is a day old: after a pause in between, as of a machine that slept, that is more.
    while time.time() - begun > _PAUSE_SECONDS:
        begun = time.time()
        renew(handle, table, store, ledger_since)
    whole(handle.create_checkpoint)


def _commits_since(table: Table, store: ObjectStore) -> int:
    """Commits in the table's log that are newer than its newest checkpoint."""
    names = [name for name in entries(store, f"{table.name}/_delta_log/") if name[:20].isdigit()]
    newest = max((name[:20] for name in names if name.endswith(".checkpoint.parquet")), default="")
    return sum(name.endswith(".json") and name[:20] > newest for name in names)
