"""Objects that were rewritten, put in the place of their old versions.

First their worker claims them in the ledger (`Lake.claim`); then the rollups take back what they count of them; then
their rows are replaced; then the rollups count the new rows; the ledger follows, as for any batch. What a rollup counts
of an object is thus always what the sources hold of it, or nothing, wherever a crash comes in between; and of two
workers the one that claimed last goes on. docs/decisions/0014 gives the argument.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import partial

import pyarrow as pa

from ingest.lake.declarations import REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.rebuilding import contributed
from ingest.lake.rollups import FEEDS
from ingest.lake.schema import Table
from ingest.lake.tables import Days, Lake, Within
from ingest.lake.unit import Claim, Unit
from ingest.pipeline.admission import reject_days, row_days
from ingest.pipeline.gathered import Gathered

_COUNTED = sorted({table for feeds in FEEDS.values() for table in feeds}, key=lambda table: table.name)


def replace(lake: Lake, gathered: Gathered, claim: Claim, complete: Collection[Unit]) -> None:
    """Write what a batch holds of claimed units in place of what the lake holds; `complete` are those in the ledger."""
    if not claim.units:
        return
    old = _OldRows(lake)
    for table in ROLLUPS:
        lake.take_back(table, claim, complete, partial(old.counted_by, table))
    for table in (*SOURCE_TABLES, REJECTS):
        days = reject_days(claim.units) if table is REJECTS else row_days(claim.units)
        lake.replace(table, claim, partial(gathered.stream, table), _within(days))
    rolled = gathered.rolled(claim.units)
    for table in ROLLUPS:
        lake.count(table, claim, partial(rolled.of, table))


def _within(days: Days | None) -> Within:
    condition = f"day >= '{days[0]}' and day <= '{days[1]}'" if days else None
    return lambda handle, units, rows: condition


Held = Mapping[Table, Mapping[str, int]]


class _OldRows:
    """What the rows that the lake holds of some objects have added to the rollups.

    They are read once for all rollups, and again when a commit has named one of the objects since: nothing else changes
    their rows.
    """

    def __init__(self, lake: Lake) -> None:
        """Nothing is read yet."""
        self._lake = lake
        self._read: tuple[Mapping[Unit, int | None], Held] | None = None
        self._added: dict[str, pa.Table] = {}

    def counted_by(self, rollup: Table, units: Mapping[Unit, int | None]) -> pa.Table:
        """The rows that these units' objects have in a rollup, in the version that it counts."""
        if not units:
            return rollup.empty()
        # Asked after the rollup was: rows that it counts are there.
        held = self._held(units)
        while self._read != (units, held):
            with ExitStack() as open_tables:
                opened = {table: open_tables.enter_context(self._lake.newest(table)) for table in _COUNTED}
                sources = {table: handle for table, handle in opened.items() if handle is not None}
                theirs = {table: _of_version(units, held[table]) for table in sources}
                self._added = contributed(sources, theirs, row_days(units))
            self._read, held = (dict(units), held), self._held(units)
        return self._added[rollup.name]

    def _held(self, units: Collection[Unit]) -> Held:
        return {table: self._lake.held(table, units) for table in _COUNTED}


def _of_version(units: Mapping[Unit, int | None], held: Mapping[str, int]) -> list[str]:
    """Objects whose rows in a table are of the version that a rollup counts.

    Rows of another were appended by who found out in the next table that the object is there already.
    """
    return [unit.uri for unit, version in units.items() if version is None or held.get(unit.uri, version) == version]
