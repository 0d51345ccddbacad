"""Identity of days that are over, kept on this machine: a session with a week of history works out the newest day.

Promises: the same rows as without. What is kept of a day is found by a digest of all that it was made of: the day's
files of the rollups, the SQL, and what the tables of the whole window say (which services and principals there are,
what they are called). When any of it changes, the day is worked out anew. The tables of `BY_DAY` allow that: a day's
rows are made of the day's rows of the rollups and of each other, and of tables of the whole window.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from ingest.lake.declarations import ROLLUPS, TABLES
from ingest.lake.snapshot import DataFile
from ingest.lake.tables import Lake
from ingest.logs import Log
from queries import statements
from queries.copies import days_folder, is_there, put, remove_superseded
from queries.scans import literal, moment

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Executes a statement in the session that is being opened; its rows. Raises duckdb.Error."""

BY_DAY = {
    "called_hosts": "day",
    "relayed_hosts": "day",
    "called_services": "day",
    "daily_endpoints": "day",
    "corrections": "minute",
    "uncertain_hours": "hour",
    "alb_targets": "hour",
    "interface_addresses": "hour",
    "alb_interface_hours": "hour",
    "known_vpcs": "hour",
    "alb_peers": "hour",
    "alb_target_vpcs": "hour",
    "address_vpcs": "hour",
    "siblings": "hour",
    "address_overrides": "hour",
    "targets": "hour",
    "sources": "hour",
    "sightings": "day",
    "address_nodes": "hour",
    "address_doubts": "hour",
    "address_names": "hour",
    "hourly_callers": "hour",
    "daily_calls": "day",
    "accepted_pairs": "day",
}
"""Tables that are kept, and the column that says of which day a row is."""
_WHOLE_DAYS = {"daily_calls", "accepted_pairs"}
"""Tables of the days that are over alone: what came after is asked by the hour."""
_VIEWS = {"hour_counts": "hour"}
"""Views of whose rows the same holds."""
_NOT_KEPT = {"own_subscriptions": "hour", "corrected_hours": "hour", "corrected_minutes": "minute"}
"""Tables that are made anew each time, but whose rows concern one day each."""
_ROLLUPS = {table.name: "day" for table in ROLLUPS}
_TIMES = {**_ROLLUPS, **_VIEWS, **BY_DAY}
_WORTHWHILE = 1_000_000
"""Rows of rollups of the days that are over. Fewer are worked out about as fast as they are looked up."""
_READ = re.compile(r"\b(?:from|join)\s+(\w+)")

_log = Log()


class KeptDays:
    """What is kept of `days`, whose rows lie in `files` of the rollups; without days, tables are made of their SQL.

    To `used` the kept files are added that the session reads.
    """

    def __init__(
        self, lake: Lake, days: Sequence[date], files: Mapping[str, Sequence[DataFile]], ask: Ask, used: list[str]
    ) -> None:
        self._ask = ask
        self._used = used
        self._files: dict[tuple[str, date], list[str]] = {}
        rows = 0
        for name in _ROLLUPS:
            for file in files.get(name, ()):
                if file.day is not None and file.day in days:
                    rows += file.rows
                    self._files.setdefault((name, file.day), []).append(f"{file.uri.rpartition('/')[2]} {file.size}")
        self._folder = days_folder(lake) if rows >= _WORTHWHILE else None
        self._days = tuple(days) if self._folder else ()
        self._digests: dict[tuple[str, date], str] = {}
        self._of_days: dict[str, dict[date, str]] = {}
        self._of_window: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._kept: dict[str, KeysView[date]] = {}
        self._missing: list[tuple[str, date, str]] = []

    def bounds(self, otherwise: datetime) -> Iterator[str]:
        """The statements that say from when until when whole days have rows; `otherwise`: an empty span there."""
        first, end = otherwise, otherwise
        if self._days:
            first, end = _midnight(self._days[0]), _midnight(self._days[-1] + timedelta(days=1))
        yield f"create or replace temp macro kept_from() as {moment(first)}"
        yield f"create or replace temp macro kept_until() as {moment(end)}"

    def table(self, name: str, sql: str) -> Iterator[str]:
        """The statements that make a table of identity from its SQL and from what is kept of it."""
        if name not in BY_DAY:
            yield f"create or replace temp table {name} as\n{sql}"
            return
        found = self._found(name, sql)
        self._kept[name] = found.keys()
        if found:
            yield from self._parts_of(sql, found)
            sql = _of_parts(sql)
        if name in _WHOLE_DAYS:
            missing = ", ".join(f"date '{day}'" for day in self._days if day not in found)
            sql = f"from (\n{sql}\n)\nwhere {f'day in ({missing})' if missing else 'false'}"
        yield f"create or replace temp table fresh_{name} as\n{sql}"
        kept = "\nunion all\nfrom read_parquet([{}])".format(", ".join(map(literal, found.values()))) if found else ""
        yield f"create or replace temp view {name} as\nfrom fresh_{name}{kept}"

    def keep(self) -> None:
        """Write what was not kept yet of the days, once the session is made. What cannot be written is not kept."""
        try:
            for name, day, place in self._missing:
                self._write(name, day, place)
        except (OSError, duckdb.Error) as error:
            _log.info("identity of days that are over is not kept", folder=self._folder, error=str(error))
        if self._folder and self._missing:
            remove_superseded(self._folder)

    def _write(self, name: str, day: date, place: str) -> None:
        part = f"{self._folder}/.{uuid.uuid4().hex}"
        try:
            self._ask(f"copy (from {name} where {_inside(BY_DAY[name], day)}) to {literal(part)} (format parquet)")
            put(part, place)
        except (OSError, duckdb.Error):
            with suppress(OSError):
                os.unlink(part)
            raise

    def _found(self, name: str, sql: str) -> dict[date, str]:
        """Where those days of a table are that are kept; the others are remembered as missing."""
        found = {}
        for day in self._days:
            self._digests[name, day] = self._digest(sql, day)
            place = f"{self._folder}/{name}-{day}-{self._digests[name, day]}.parquet"
            if is_there(place):
                found[day] = place
                self._used.append(place)
            else:
                self._missing.append((name, day, place))
        return found

    def _digest(self, sql: str, day: date) -> str:
        """Of all that the rows of the day are made of."""
        states = [f"{read} {self._state(read, day)}" for read in _reads(sql)]
        return hashlib.sha256("\n".join([_release(), sql, *states]).encode()).hexdigest()[:32]

    def _state(self, read: str, day: date) -> str:
        """Of what a relation has of the day, or of the whole window."""
        if read in _ROLLUPS:
            # A rollup that the lake lacks is added up from another one.
            sources = [table.name for table in (TABLES[read], TABLES[read].counted_from) if table]
            return " ".join(sorted(file for source in sources for file in self._files.get((source, day), ())))
        if read in BY_DAY:
            return self._digests[read, day]
        if read in _VIEWS:
            return self._digest(statements.text("views", read), day)
        if read in _NOT_KEPT:
            return self._rows_by_day(read).get(day, "")
        return self._all_rows(read)

    def _rows_by_day(self, name: str) -> dict[date, str]:
        if name not in self._of_days:
            day = f"t.{_NOT_KEPT[name]}::date"
            found = self._ask(f"select {day}, {_DIGEST} from {name} as t group by {day}")
            self._of_days[name] = {day: digest for day, digest in found}
        return self._of_days[name]

    def _all_rows(self, name: str) -> str:
        if name not in self._of_window:
            self._of_window[name] = str(self._ask(f"select {_DIGEST} from {name} as t")[0][0])
        return self._of_window[name]

    def _parts_of(self, sql: str, found: Mapping[date, str]) -> Iterator[str]:
        """Views of what the SQL reads, of the days that are not found."""
        for read in _reads(sql):
            if read in _TIMES:
                rows = f"from {read}\nwhere {_outside(_TIMES[read], found)}"
                if self._kept.get(read) == found.keys():
                    # The same rows, and no kept file is opened to find that it has none of them.
                    rows = f"from fresh_{read}"
                if self._parts.get(read) != rows:
                    self._parts[read] = rows
                    yield f"create or replace temp view part_{read} as\n{rows}"


_DIGEST = "md5(string_agg(t::varchar, chr(10) order by t::varchar))"


def _of_parts(sql: str) -> str:
    """The SQL, of parts: a name given in front of a statement is meant before a table of that name."""
    parts = [f"{read} as not materialized (\n    from part_{read}\n)" for read in _reads(sql) if read in _TIMES]
    return "with " + ",\n".join(parts) + f"\n\nfrom (\n{sql}\n)"


@cache
def _reads(sql: str) -> tuple[str, ...]:
    """The relations that a statement reads, those of its own aside."""
    known = {*_TIMES, *statements.IDENTITY, "given_names"}
    return tuple(sorted(known.intersection(_READ.findall(sql))))


@cache
def _release() -> str:
    """Of what all tables are made with."""
    return hashlib.sha256("\n".join([duckdb.__version__, *statements.macros()]).encode()).hexdigest()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _bound(column: str, day: date) -> str:
    return f"date '{day}'" if column == "day" else moment(_midnight(day))


def _inside(column: str, day: date) -> str:
    """Whether a row is of the day. A range, by which a scan leaves files and row groups out."""
    return f"{column} >= {_bound(column, day)} and {column} < {_bound(column, day + timedelta(days=1))}"


def _outside(column: str, days: Iterable[date]) -> str:
    """Whether a row is of none of the days."""
    spans, begin = [], ""
    for day in sorted(days):
        spans.append(f"{begin}{column} < {_bound(column, day)}")
        begin = f"{column} >= {_bound(column, day + timedelta(days=1))} and "
    return " or ".join([*spans, begin.removesuffix(" and ")])
