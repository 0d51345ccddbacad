"""What a batch has for the lake: its rows in memory, those that were staged, and what both add to the rollups.

Everything is asked for by units, because a guard may leave only some of a batch's objects to be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.declarations import REJECTS
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.staging import Actions, Staging
from ingest.lake.unit import Unit


class Rows:
    """Rows in memory by table name, and which objects they came from: asked for often, and found once a table."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        """Nothing is computed yet."""
        self.tables = tables

    @cached_property
    def objects(self) -> dict[str, set[str]]:
        """The URIs of the objects that each table has rows of."""
        return {name: _objects(rows) for name, rows in self.tables.items()}

    def of(self, name: str, uris: set[str]) -> pa.Table:
        """A table's rows that came from these objects."""
        rows = self.tables[name]
        if self.objects[name] <= uris:
            return rows
        objects = rows.column("log_object").cast(pa.string())
        return rows.filter(pc.is_in(objects, value_set=pa.array(sorted(uris), pa.string())))


class Gathered:
    """Rows by table name, and the staging that holds the rest of large objects."""

    def __init__(self, rows: Mapping[str, pa.Table], staging: Staging | None) -> None:
        """Nothing is computed yet."""
        self._rows = Rows(rows)
        self._staging = staging

    def feeding(self, table: Table, units: Collection[Unit]) -> set[Unit]:
        """Those of the units that have rows for a source table or `rejects`."""
        uris = self._rows.objects.get(table.name, set())
        if self._staging:
            uris = uris | self._staging.objects(table)
        return {unit for unit in units if unit.uri in uris} if uris else set()

    def rows(self, table: Table, units: Collection[Unit]) -> pa.Table:
        """The units' rows in memory."""
        return self._rows.of(table.name, _uris(units)) if table.name in self._rows.tables else table.empty()

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
        self._rows = rows
        self._counted = [name for name in rows.tables if name != REJECTS.name]
        self._staging = staging
        uris = set[str]().union(*(rows.objects[name] for name in self._counted))
        self.units = {unit for unit in units if unit.uri in uris}
        self._complete = self._roll_up(self.units) if self.units else {}

    def _roll_up(self, units: Collection[Unit]) -> dict[str, pa.Table]:
        uris = _uris(units)
        return roll_up({name: self._rows.of(name, uris) for name in self._counted})

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


def _objects(rows: pa.Table) -> set[str]:
    # Cast first: the texts of a dictionary become Python's at a twentieth of the speed.
    return set(map(str, pc.unique(rows.column("log_object")).cast(pa.string()).to_pylist()))
