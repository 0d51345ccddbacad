"""What must be said of the window that somebody asked for: that it is none, or that the lake has nothing of it.

An answer without rows is read as "no problem". It is not, where nothing was looked through.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import datetime

from ingest.errors import QueryError
from ingest.lake.declarations import SOURCE_TABLES, TABLES
from ingest.lake.snapshot import Snapshot
from ingest.lake.tables import Lake
from queries.session import Session
from queries.watermarks import LAGS, newest_data, oldest_data


def judge_window(session: Session) -> None:
    """Raise QueryError for a window that is none; say on stderr when the lake has rows, and none of this one."""
    insist_on_order(session.since, session.until)
    is_bounded = session.since is not None or session.until is not None
    if is_bounded and not any(session.rows[table.name] for table in SOURCE_TABLES):
        span = data_span(session.lake)
        if span is not None:
            print(
                f"nothing of this window: the lake has data from {minute(span[0])} to {minute(span[1])}",
                file=sys.stderr,
            )


def insist_on_order(since: datetime | None, until: datetime | None) -> None:
    """Raise QueryError where a window has two ends and the second is not after the first."""
    if since is not None and until is not None and since >= until:
        raise QueryError(f"--since {minute(since)} is not before --until {minute(until)}: no window lies between them")


def begins_with_data(session: Session) -> bool:
    """Whether the lake has data, and none from before the session's window."""
    if session.data_until() is None or not session.reaches_back(0):
        return False
    # That knows whole hours.
    span = None if session.since is None else data_span(session.lake)
    return span is None or session.since is None or span[0] >= session.since


def data_span(lake: Lake, formats: Collection[str] = ()) -> tuple[datetime, datetime] | None:
    """Times of the oldest and of the newest row of these formats (none: all) in the lake; None where it has none."""
    nothing = Snapshot(-1, ())
    snapshots = {name: lake.snapshot(TABLES[name]) if not formats or name in formats else nothing for name in LAGS}
    oldest, newest = oldest_data(snapshots), newest_data(snapshots)
    return (oldest, newest) if oldest and newest else None


def minute(time: datetime) -> str:
    """The time as people read it."""
    return f"{time:%Y-%m-%d %H:%M}Z"
