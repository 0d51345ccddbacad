"""Until when each source is complete: questions about "the last hour" count back from there, not from the clock.

From Delta's statistics alone, so it costs no read: the newest row of each source, and when the lake was last written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingest.lake.declarations import ALB_ACCESS, ALB_CONNECTION, LATTICE_ACCESS, OBJECTS, VPC_FLOW
from ingest.lake.tables import Snapshot
from queries.scans import moment

LAGS = {
    # AWS: Lattice reaches S3 within 6 minutes; an ALB writes a file every 5 minutes and delivers it soon after; flow
    # logs take about 10 minutes and an aggregation interval of up to one more on Nitro.
    LATTICE_ACCESS.name: timedelta(minutes=6),
    ALB_ACCESS.name: timedelta(minutes=7),
    ALB_CONNECTION.name: timedelta(minutes=7),
    VPC_FLOW.name: timedelta(minutes=11),
}
_MINUTE = timedelta(minutes=1)


def newest_data(snapshots: Mapping[str, Snapshot]) -> datetime | None:
    """Time of the newest row of any source, as far as Delta's statistics tell; None on an empty lake."""
    found = [time for name in LAGS if (time := _newest(snapshots[name])) is not None]
    return max(found, default=None)


def watermark_statement(snapshots: Mapping[str, Snapshot]) -> str:
    """The statement that makes `watermarks(source, newest, complete_until)`, one row per source that has data.

    A source is complete up to its usual delay before the lake was last written, or up to the end of all data when that
    is older: nothing more is coming then.
    """
    end = newest_data(snapshots)
    written = _newest(snapshots[OBJECTS.name])
    rows = []
    for source, lag in LAGS.items():
        newest = _newest(snapshots[source])
        if newest is None or end is None:
            continue
        complete = _floor(end) + _MINUTE
        if written is not None:
            complete = min(complete, _floor(written - lag))
        rows.append(f"('{source}', {moment(newest)}, {moment(complete)})")
    empty = (
        "select null::varchar as source, null::timestamptz as newest, null::timestamptz as complete_until where false"
    )
    body = f"{empty}\nunion all\nselect * from (values {', '.join(rows)})" if rows else empty
    return f"create or replace temp table watermarks as\n{body}"


def _newest(snapshot: Snapshot) -> datetime | None:
    return max((file.max_time.astimezone(UTC) for file in snapshot.files if file.max_time is not None), default=None)


def _floor(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
