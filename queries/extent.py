"""What of a lake a session covers: its window, the past that it looks back to, and the files that hold either.

From Delta's logs alone: no data file is opened.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from ingest.lake.declarations import OBJECTS, ROLLUPS, SOURCE_TABLES, TABLES
from ingest.lake.schema import Table
from ingest.lake.snapshot import DataFile, Snapshot
from queries.times import minute_from, minute_of, parse_time
from queries.watermarks import bounds_statements, complete_until, newest_data, next_minute, oldest_data, oldest_of

Bound = datetime | str | None
"""An end of a window: a time, an ISO text or '-1h', or none."""

_REMOTE_WINDOW = timedelta(days=7)
LEDGER_BEFORE = timedelta(days=2)
"""So long before the window the ledger is read: an object is in it after its events (a row may be a day ahead of its
object's time), and what delivered in the day before is known as a source."""
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Extent:
    """A window [since, until) of the lake that the snapshots (by table) are of; None is no bound.

    Source tables are read `around` it as well; rollups and ledger from so much `history` before it.
    """

    snapshots: Mapping[str, Snapshot]
    since: datetime | None
    until: datetime | None
    history: timedelta
    around: timedelta

    def files(self) -> dict[str, tuple[DataFile, ...]]:
        """The files that may hold rows of it, by table."""
        return {name: self._files(TABLES[name], snapshot) for name, snapshot in self.snapshots.items()}

    def _files(self, table: Table, snapshot: Snapshot) -> tuple[DataFile, ...]:
        if table is OBJECTS and self.since is not None:
            return snapshot.overlapping(self.since - self.history - LEDGER_BEFORE, None)
        return snapshot.overlapping(*self.bounds_of(table))

    def bounds_of(self, table: Table) -> tuple[datetime | None, datetime | None]:
        """From when and until when rows of the table are read."""
        if table in SOURCE_TABLES:
            return self.since and self.since - self.around, self.until and self.until + self.around
        if table in ROLLUPS:
            # A rollup's time is the start of its minute or hour, which may lie before the window's. Whole hours of them
            # all: an hour's names are those of the rollups by the hour.
            return self._first_counted, self.until and self.until + self.around
        return None, None

    @cached_property
    def window(self) -> tuple[datetime, datetime]:
        """The bounds, else the first and last minute of data (1970 on an empty lake)."""
        newest = newest_data(self.snapshots)
        since = self.since or oldest_data(self.snapshots) or _EPOCH
        until = self.until or (next_minute(newest) if newest else _EPOCH)
        return since, max(since, until)

    def statements(self) -> Iterator[str]:
        """The statements that make constants of its times."""
        begin, end = self.window
        bounds = {"history_from": begin - self.history, "window_from": begin, "window_until": end}
        return bounds_statements(self._first_hour, bounds)

    @cached_property
    def _first_counted(self) -> datetime | None:
        """The first hour of the rollups that is read; a history of more than a day begins with its day."""
        if self._first_hour is None:
            return None
        first = hour_of(self._first_hour - self.history)
        return first.replace(hour=0) if self.history > _DAY else first

    @cached_property
    def days_over(self) -> tuple[date, ...]:
        """The whole days of the history, of which no row of a source table is read."""
        if self._first_hour is None or self._first_counted is None:
            return ()
        begin = self._first_counted + (_DAY - timedelta(microseconds=1))
        days = (self._first_hour.date() - begin.date()).days
        return tuple(begin.date() + timedelta(days=number) for number in range(days))

    @cached_property
    def complete(self) -> datetime | None:
        """End of the newest complete minute of data (see `watermarks`); None on an empty lake."""
        return complete_until(self.snapshots)

    def reaches_back(self, hours: float) -> bool:
        """Whether so many hours of history are all that the lake has: its rollups and its ledger begin no earlier."""
        if self._first_hour is None:
            return True
        begin = self._first_hour - timedelta(hours=hours)
        first_counted = oldest_of(self.snapshots, (table.name for table in ROLLUPS)) or begin
        first_object = oldest_of(self.snapshots, (OBJECTS.name,)) or begin
        return first_counted >= begin and first_object >= begin - LEDGER_BEFORE

    @cached_property
    def _first_hour(self) -> datetime | None:
        """The hour of the first row of a source table; None without a bound."""
        return None if self.since is None else hour_of(self.since - self.around)


def extent_of(
    snapshots: Mapping[str, Snapshot],
    bounds: tuple[Bound, Bound],
    history: timedelta,
    around: timedelta,
    *,
    is_local: bool,
) -> Extent:
    """The extent between two bounds, with all of the minutes that they lie in.

    Relative ones count back from the end of complete data. Of a lake that is not on this machine, without bounds, the
    newest 7 days of data: said on stderr. QueryError for a bound that is no time.
    """
    complete = complete_until(snapshots)
    since, until = (parse_time(bound, complete) if isinstance(bound, str) else bound for bound in bounds)
    if until is None and isinstance(bounds[0], str) and bounds[0].startswith("-"):
        until = complete
    newest = newest_data(snapshots)
    if since is None and until is None and newest is not None and not is_local:
        since = newest - _REMOTE_WINDOW
        print(f"window: the newest 7 days of data, since {since:%Y-%m-%d %H:%M}Z; see --since", file=sys.stderr)
    return Extent(snapshots, since and minute_of(since), until and minute_from(until), history, around)


def hour_of(time: datetime) -> datetime:
    """Start of the hour that the time lies in."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
