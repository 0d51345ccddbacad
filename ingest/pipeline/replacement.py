"""Objects that were rewritten, put in the place of their old versions.

First the rollups take their old contribution back (it is computed from the old rows, so these must still be there);
then their rows are replaced; the ledger follows, as for any batch.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from functools import partial

import pyarrow as pa

from ingest.lake.declarations import REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.rebuilding import contributed
from ingest.lake.rollups import FEEDS
from ingest.lake.schema import Table
from ingest.lake.tables import Days, Lake, Within
from ingest.lake.unit import Unit
from ingest.pipeline.admission import reject_days, row_days
from ingest.pipeline.gathered import Gathered

_COUNTED = sorted({table for feeds in FEEDS.values() for table in feeds}, key=lambda table: table.name)


def replace(lake: Lake, gathered: Gathered, units: Collection[Unit], complete: Collection[Unit]) -> None:
    """Write what a batch holds of these units in place of what the lake holds; `complete` are those in the ledger."""
    if not units:
        return
    rolled = gathered.rolled(units)
    old = _OldRows(lake)
    for table in ROLLUPS:
        lake.correct(table, units, complete, partial(rolled.of, table), partial(old.added_to, table))
    for table in (*SOURCE_TABLES, REJECTS):
        days = reject_days(units) if table is REJECTS else row_days(units)
        lake.replace(table, units, partial(gathered.stream, table), _within(days))


def _within(days: Days | None) -> Within:
    condition = f"day >= '{days[0]}' and day <= '{days[1]}'" if days else None
    return lambda handle, units, rows: condition


class _OldRows:
    """What the rows that the lake holds of some objects have added to the rollups.

    They are read once for all rollups, and again when a commit has named one of the objects since: nothing else changes
    their rows.
    """

    def __init__(self, lake: Lake) -> None:
        """Nothing is read yet."""
        self._lake = lake
        self._read: tuple[set[Unit], list[dict[str, int]]] | None = None
        self._added: dict[str, pa.Table] = {}

    def added_to(self, rollup: Table, units: Collection[Unit]) -> pa.Table:
        """The rows that these units' objects have in a rollup."""
        if not units:
            return rollup.empty()
        # Asked before the rows are read: what is committed in between is seen the next time.
        held = [self._lake.held(table, units) for table in _COUNTED]
        if self._read != (set(units), held):
            with ExitStack() as open_tables:
                opened = {table: open_tables.enter_context(self._lake.newest(table)) for table in _COUNTED}
                sources = {table: handle for table, handle in opened.items() if handle is not None}
                self._added = contributed(sources, {unit.uri for unit in units}, row_days(units))
            self._read = (set(units), held)
        return self._added[rollup.name]
