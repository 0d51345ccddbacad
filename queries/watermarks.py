"""Until when each source is complete: questions about "the last hour" count back from there, not from the clock.

From Delta's statistics alone, so it costs no read: the newest row of each source, and when the lake was last written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from ingest.lake.declarations import (
    ALB_ACCESS,
    ALB_CONNECTION,
    ALB_HEALTH_CHECK,
    LATTICE_ACCESS,
    LATTICE_RESOURCE_ACCESS,
    OBJECTS,
    VPC_FLOW,
)
from ingest.lake.snapshot import Snapshot
from queries.scans import literal, moment
from queries.times import minute_of

LAGS = {
    # Every source table: what is left out here lies outside of the window of a lake that holds nothing else.
    # AWS: Lattice reaches S3 within 6 minutes; an ALB writes a file every 5 minutes and delivers it soon after; flow
    # logs take about 10 minutes and an aggregation interval of up to one more on Nitro.
    LATTICE_ACCESS.name: timedelta(minutes=6),
    LATTICE_RESOURCE_ACCESS.name: timedelta(minutes=6),
    ALB_ACCESS.name: timedelta(minutes=7),
    ALB_CONNECTION.name: timedelta(minutes=7),
    ALB_HEALTH_CHECK.name: timedelta(minutes=7),
    VPC_FLOW.name: timedelta(minutes=11),
}
_MINUTE = timedelta(minutes=1)
_UNBOUNDED = "'-infinity'::timestamptz"


def newest_data(snapshots: Mapping[str, Snapshot]) -> datetime | None:
    """Time of the newest row of any source, as far as Delta's statistics tell; None on an empty lake."""
    found = [time for name in LAGS if (time := _newest(snapshots[name])) is not None]
    return max(found, default=None)


def oldest_data(snapshots: Mapping[str, Snapshot]) -> datetime | None:
    """Start of the minute of the oldest row of any source; None on an empty lake."""
    oldest = oldest_of(snapshots, LAGS)
    return oldest and minute_of(oldest)


def oldest_of(snapshots: Mapping[str, Snapshot], names: Iterable[str]) -> datetime | None:
    """Time of the oldest row of these tables, rollups that have outlived their rows among them; None without one."""
    times = [file.min_time for name in names for file in snapshots[name].files if file.min_time is not None]
    return min((time.astimezone(UTC) for time in times), default=None)


def next_minute(time: datetime) -> datetime:
    """Start of the minute after `time`."""
    return minute_of(time) + _MINUTE


def complete_until(snapshots: Mapping[str, Snapshot]) -> datetime | None:
    """Until when every source that has data is complete; None on an empty lake."""
    return min((complete for _, _, complete in _watermarks(snapshots)), default=None)


def watermark_statement(snapshots: Mapping[str, Snapshot]) -> str:
    """The statement that makes `watermarks(source, newest, complete_until)`, one row per source that has data."""
    rows = [
        f"union all select {literal(source)}, {moment(newest)}, {moment(complete)}"
        for source, newest, complete in _watermarks(snapshots)
    ]
    empty = (
        "select null::varchar as source, null::timestamptz as newest, null::timestamptz as complete_until where false"
    )
    return "\n".join(["create or replace temp table watermarks as", empty, *rows])


def data_until_statement(snapshots: Mapping[str, Snapshot]) -> str:
    """The statement that makes `data_until()`, what reports mean by now: a constant, so that windows prune by it."""
    complete = complete_until(snapshots)
    return f"create or replace temp macro data_until() as {moment(complete) if complete else 'null::timestamptz'}"


def bounds_statements(first_hour: datetime | None, bounds: Mapping[str, datetime]) -> Iterator[str]:
    """The statements that make constants of the session's times, as `data_until()` is one.

    `first_hour()` is the hour in which the window begins, when it has a begin; the others are named by `bounds`.
    """
    yield f"create or replace temp macro first_hour() as {moment(first_hour) if first_hour else _UNBOUNDED}"
    for name, bound in bounds.items():
        yield f"create or replace temp macro {name}() as {moment(bound)}"


def _watermarks(snapshots: Mapping[str, Snapshot]) -> Iterator[tuple[str, datetime, datetime]]:
    """Source, its newest row, and until when it is complete.

    Complete up to its usual delay before the lake was last written, or up to the end of all data when that is older:
    nothing more is coming then.
    """
    end, written = newest_data(snapshots), _newest(snapshots[OBJECTS.name])
    for source, lag in LAGS.items():
        newest = _newest(snapshots[source])
        if newest is None or end is None:
            continue
        complete = next_minute(end)
        if written is not None:
            complete = min(complete, minute_of(written - lag))
        yield source, newest, complete


def _newest(snapshot: Snapshot) -> datetime | None:
    return max((file.max_time.astimezone(UTC) for file in snapshot.files if file.max_time is not None), default=None)
