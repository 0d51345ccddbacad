"""What a batch has for the lake: its rows in memory, those that were staged, and what both add to the rollups.

Everything is asked for by units, because a guard may leave only some of a batch's objects to be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.declarations import REJECTS
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.staging import Actions, Staging
from ingest.lake.unit import Unit

Rows = Mapping[str, pa.Table]


class Gathered:
    """Rows by table name, and the staging that holds the rest of large objects."""

    def __init__(self, rows: Rows, staging: Staging | None) -> None:
        """Nothing is computed yet."""
        self._rows = rows
        self._staging = staging

    def feeding(self, table: Table, units: Collection[Unit]) -> set[Unit]:
        """Those of the units that have rows for a source table or `rejects`."""
        uris = self._staging.objects(table) if self._staging else set()
        if table.name in self._rows:
            uris = uris | set(map(str, pc.unique(self._rows[table.name].column("log_object")).to_pylist()))
        return {unit for unit in units if unit.uri in uris}

    def rows(self, table: Table, units: Collection[Unit]) -> pa.Table:
        """The units' rows in memory."""
        return _of(self._rows[table.name], units) if table.name in self._rows else table.empty()

    def files(self, table: Table, units: Collection[Unit]) -> Actions:
        """The files with their other rows."""
        return self._staging.files(table, _uris(units)) if self._staging else []

    def stream(self, table: Table, units: Collection[Unit]) -> pa.RecordBatchReader:
        """All rows of the units, one after the other."""
        return pa.RecordBatchReader.from_batches(table.arrow, self._batches(table, units))

    def _batches(self, table: Table, units: Collection[Unit]) -> Iterator[pa.RecordBatch]:
        yield from self.rows(table, units).cast(table.arrow).to_batches()
        if self._staging:
            yield from self._staging.batches(table, _uris(units))

    def rolled(self, units: Collection[Unit]) -> Rolled:
        """What the units add to the rollups."""
        return Rolled(self._rows, self._staging, units)


class Rolled:
    """A batch's rollups: computed once for all its units, again for the few that a guard leaves over."""

    def __init__(self, rows: Rows, staging: Staging | None, units: Collection[Unit]) -> None:
        """Counts the units' rows in memory; what is staged was counted then."""
        self._rows = {name: part for name, part in rows.items() if name != REJECTS.name}
        self._staging = staging
        uris = {uri for part in self._rows.values() for uri in pc.unique(part.column("log_object")).to_pylist()}
        self.units = {unit for unit in units if unit.uri in uris}
        self._complete = self._roll_up(self.units) if self.units else {}

    def _roll_up(self, units: Collection[Unit]) -> dict[str, pa.Table]:
        return roll_up({name: _of(part, units) for name, part in self._rows.items()})

    def of(self, table: Table, units: Collection[Unit]) -> pa.Table:
        """The rollup's rows of some of the units."""
        wanted = self.units & set(units)
        found = table.held.empty_table()
        if wanted:
            found = (self._complete if wanted == self.units else self._roll_up(wanted))[table.name]
        staged = self._staging.rolled(table, _uris(units)) if self._staging else table.empty()
        return pa.concat_tables([found.cast(table.arrow), staged]) if staged.num_rows else found


def _uris(units: Collection[Unit]) -> set[str]:
    return {unit.uri for unit in units}


def _of(rows: pa.Table, units: Collection[Unit]) -> pa.Table:
    """The rows that came from these units' objects."""
    uris = _uris(units)
    objects = rows.column("log_object")
    if set(pc.unique(objects).to_pylist()) <= uris:
        return rows
    return rows.filter(pc.is_in(objects.cast(pa.string()), value_set=pa.array(sorted(uris), pa.string())))
