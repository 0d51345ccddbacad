"""How complete the data is: until when each kind of log is, and what each source delivered of a window.

Answered from the ledger of objects alone, so before a session opens for the window that this decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import duckdb

from ingest.errors import LakeError
from ingest.lake.declarations import FINDINGS, OBJECTS, TABLES
from ingest.lake.tables import Lake
from queries import statements
from queries.extent import LEDGER_BEFORE
from queries.header import split_header
from queries.scans import scan
from queries.storage import extension_statements, secret_statement
from queries.watermarks import watermark_statement

HISTORY = timedelta(hours=24)
"""How far back a source is looked for first; what was regular in that time is due."""
REMEMBERED = timedelta(days=7)
"""How far back one that fell silent is: until then it is due, or a day without it would be a complete one.

After that an open finding remembers it; and it is not due at all when somebody closed its finding."""
_SLOT = timedelta(minutes=5)
_NAMED = 3
"""Sources named when some deliver nothing."""
ENOUGH = 0.9
"""Share of the due deliveries from which on the absence of something means something."""


@dataclass(frozen=True)
class Window:
    """A span of time [since, until), both UTC."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        day = "" if self.since.date() == self.until.date() else f"{self.until:%Y-%m-%d} "
        return f"{self.since:%Y-%m-%d %H:%M} to {day}{self.until:%H:%M}Z"


@dataclass(frozen=True)
class Delivery:
    """What one regular source delivered of a window: five-minute slots with an object, of those that were due."""

    source: str
    format: str
    delivered: int
    expected: int
    delivered_until: datetime

    @property
    def missing(self) -> bool:
        """Whether something that was due is not there."""
        return self.delivered < self.expected

    def __str__(self) -> str:
        # Who delivered nothing of the window may be silent for days.
        until = f"{self.delivered_until:{'%H:%M' if self.delivered else '%Y-%m-%d %H:%M'}}Z"
        return f"{self.source} ({self.delivered} of {self.expected} deliveries, until {until})"


def coverage_of(deliveries: Collection[Delivery], formats: Collection[str] = ()) -> float:
    """Share of the due slots that were delivered, 0 to 1, for these formats (none: all); 1 where nothing was due."""
    counted = [d for d in deliveries if not formats or d.format in formats]
    due = sum(d.expected for d in counted)
    return sum(d.delivered for d in counted) / due if due else 1.0


def thin_formats(deliveries: Collection[Delivery]) -> tuple[str, ...]:
    """The formats of which too little is there for the absence of something to mean anything."""
    return tuple(sorted({d.format for d in deliveries if coverage_of(deliveries, (d.format,)) < ENOUGH}))


def delivery_of(row: Mapping[str, Any]) -> Delivery:
    """A row of `delivery/coverage.sql`."""
    until = row["delivered_until"].astimezone(UTC)
    return Delivery(row["source"], row["format"], row["delivered"], row["expected"], until)


def share_of(deliveries: Collection[Delivery]) -> str:
    """How much of what was due is there: `complete`, `93.9% complete` (rounded down: 99.97 % is not all of it)."""
    if not deliveries:
        return "unknown: no source delivers regularly"
    coverage = coverage_of(deliveries)
    return "complete" if coverage >= 1 else f"{int(coverage * 1000) / 10}% complete"


def completeness_of(deliveries: Collection[Delivery]) -> str:
    """How complete the data of a window is, in words: a quiet source is not a healthy one."""
    missing = [delivery for delivery in deliveries if delivery.missing]
    if not missing:
        return share_of(deliveries)
    named = "; ".join(str(delivery) for delivery in missing[:_NAMED])
    more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"{share_of(deliveries)}: {named}{more}"


class Ledger:
    """The lake's objects, asked what was delivered until when. `is_empty`: whether there are none."""

    def __init__(self, lake: Lake, since: datetime | None = None) -> None:
        """Of a ledger of millions of objects only what windows from `since` on are asked about is read.

        Raises LakeError when the lake cannot be read.
        """
        snapshots = {name: lake.snapshot(table) for name, table in TABLES.items()}
        files = snapshots[OBJECTS.name].overlapping(since and since - REMEMBERED - LEDGER_BEFORE, None)
        self.is_empty = not any(file.rows for file in snapshots[OBJECTS.name].files)
        self.connection = duckdb.connect()
        secret = secret_statement(lake)
        try:
            for statement in (
                "set TimeZone = 'UTC'",
                *(extension_statements() if not lake.is_local else []),
                *([secret] if secret else []),
                scan(OBJECTS, files, None, None),
                scan(FINDINGS, snapshots[FINDINGS.name].files, None, None),
                watermark_statement(snapshots),
                statements.text("macros", "delivery_names"),
                statements.view("delivered_objects"),
                statements.text("macros", "deliveries"),
            ):
                self.connection.execute(statement)
        except duckdb.Error as error:
            raise LakeError(f"lake {lake.uri}: its ledger cannot be read: {error}") from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def _rows(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, object]]:
        _, sql = split_header(statements.text("delivery", name) + "\n", f"queries/delivery/{name}.sql")
        return self.connection.execute(sql, dict(parameters)).to_arrow_table().to_pylist()

    def complete_until(self, formats: Collection[str], at: datetime | None) -> datetime | None:
        """Until when all of these formats are complete, `at` at the latest; formats that nobody delivers do not count.

        Without formats: the newest data of any format, for questions about absence. None when there is no data.
        """
        rows = self._rows("horizon", {"at": at})
        times = [row["complete_until" if formats else "newest"] for row in rows]
        if formats:
            times = [row["complete_until"] for row in rows if row["format"] in formats]
        found = [time.astimezone(UTC) for time in times if isinstance(time, datetime)]
        return min([*found, at] if at else found) if found else None

    def deliveries(self, window: Window) -> tuple[Delivery, ...]:
        """What each regular source delivered of the window."""
        bounds = {"since": window.since, "until": window.until}
        lately, remembered = window.since - HISTORY, window.since - REMEMBERED
        rows = self._rows("coverage", {"history_since": lately, **bounds})
        earlier = {"remembered_since": remembered, "history_since": lately, "until": window.until}
        if forgotten := {row["source"] for row in self._rows("forgotten", earlier)}:
            longer = self._rows("coverage", {"history_since": remembered, **bounds})
            rows = [row for row in rows if row["source"] not in forgotten]
            rows += [row for row in longer if row["source"] in forgotten]
        found = self._as_found({d.source: d for d in map(delivery_of, rows)}, window)
        return tuple(sorted(found, key=lambda delivery: (delivery.format, delivery.source)))

    def _as_found(self, known: Mapping[str, Delivery], window: Window) -> Iterable[Delivery]:
        """Deliveries, with the sources that findings know to be silent, and without those that are meant to be."""
        first = window.since - (window.since - datetime.min.replace(tzinfo=UTC)) % _SLOT
        found = dict(known)
        for row in self._rows("silent", {}):
            silent = delivery_of({**row, "delivered": 0, "expected": (window.until - first) // _SLOT})
            before = found.get(silent.source)
            if (
                row["is_closed"]
                and before
                and not before.delivered
                and before.delivered_until <= silent.delivered_until
            ):
                del found[silent.source]
            elif not row["is_closed"] and not before and silent.delivered_until <= first:
                found[silent.source] = silent
        return found.values()
