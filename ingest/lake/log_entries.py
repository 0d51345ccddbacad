"""Old entries of a table's Delta log: removed now and then, and never at the price of a commit.

By itself delta-rs looks for them after every commit and, where it may not remove them (a lake on S3 without
`s3:DeleteObject`), reports a commit that is done as failed.
"""

from __future__ import annotations

from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError

from ingest.answers import whole
from ingest.logs import Log

CHECKPOINT_EVERY = 50
"""Commits from one checkpoint, which repeats every guard, to the next."""

LEAVE_OLD_ENTRIES = PostCommitHookProperties(cleanup_expired_logs=False)
"""What every commit is told."""

_log = Log()


def remove_old_entries(handle: DeltaTable) -> None:
    """Remove what is older than the table's own retention, after a commit that made a checkpoint; others do nothing."""
    if handle.version() % CHECKPOINT_EVERY:
        return
    try:
        whole(handle.cleanup_metadata)
    except (OSError, DeltaError) as error:
        _log.warning(
            "old entries of a table's log cannot be removed, and every commit takes longer; allow s3:DeleteObject",
            table=handle.table_uri,
            error=str(error).splitlines()[0],
        )
