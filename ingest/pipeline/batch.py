"""One batch of objects, committed exactly once.

Each table takes the batch's rows in one Delta commit that carries the versions of the objects they came from; the
ledger comes last. A crash in between leaves objects that are guarded but not in the ledger: they are read again, and
only what is missing is written. An object that was rolled up into one rollup and not into another is finished alike.

An object that was rewritten replaces its old version: first the rollups take its old contribution back (it is computed
from the old rows, so these must still be there), then its rows are replaced, then its row in the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake import contents
from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.pipeline.admission import rejects_table
from ingest.pipeline.assembly import Assembly, Outcome

Rows = Mapping[str, pa.Table]


def commit(lake: Lake, assembly: Assembly) -> None:
    """Write everything the assembly holds; safe to repeat, and to race with another process doing the same."""
    rows: Rows = {**assembly.finish(), REJECTS.name: rejects_table(assembly.rejects)}
    outcomes = {unit_of(outcome): outcome for outcome in assembly.outcomes.values()}
    rewritten = {unit for unit, outcome in outcomes.items() if outcome.source.rewritten}
    superseding = _commit_new(lake, rows, outcomes.keys() - rewritten)
    _commit_rewritten(lake, rows, rewritten | superseding, complete=rewritten)
    _commit_ledger(lake, outcomes, rewritten | superseding)


def unit_of(outcome: Outcome) -> Unit:
    """The version of an object that its rows are committed under."""
    return Unit(outcome.source.uri, outcome.source.etag, outcome.source.attempt)


def _commit_new(lake: Lake, rows: Rows, units: Collection[Unit]) -> set[Unit]:
    """Rows, then rollups, of objects the lake has not seen; returns those of which it turns out to hold old rows."""
    superseding: set[Unit] = set()
    for table in (*SOURCE_TABLES, REJECTS):
        if table.name in rows:
            feeding = _feeding(rows[table.name], units)
            if feeding:
                superseding |= lake.append(table, feeding, partial(_of, rows[table.name])).superseding
    fresh = set(units) - superseding
    rolled = _Rolled(rows, fresh)
    for table in ROLLUPS:
        if rolled.units and rolled.of(table, rolled.units).num_rows:
            superseding |= lake.append(table, rolled.units, partial(rolled.of, table)).superseding
    return superseding


def _commit_rewritten(lake: Lake, rows: Rows, units: Collection[Unit], complete: Collection[Unit]) -> None:
    if not units:
        return
    rolled = _Rolled(rows, units)
    for table in ROLLUPS:
        lake.correct(table, units, complete, partial(rolled.of, table), partial(_old_contributions, lake, table))
    for table in (*SOURCE_TABLES, REJECTS):
        lake.replace(table, units, partial(_of, rows.get(table.name, table.empty())))


def _commit_ledger(lake: Lake, outcomes: Mapping[Unit, Outcome], replaced: Collection[Unit]) -> None:
    def rows_of(units: set[Unit]) -> pa.Table:
        return _ledger_rows([outcomes[unit] for unit in sorted(units)])

    late = lake.append(OBJECTS, outcomes.keys() - replaced, rows_of).superseding
    if late or replaced:
        lake.replace(OBJECTS, late | set(replaced), rows_of)


def _feeding(rows: pa.Table, units: Collection[Unit]) -> set[Unit]:
    """Those of the units that have rows here."""
    uris = set(pc.unique(rows.column("log_object")).to_pylist())
    return {unit for unit in units if unit.uri in uris}


def _of(rows: pa.Table, units: Collection[Unit]) -> pa.Table:
    """The rows that came from these units' objects."""
    uris = {unit.uri for unit in units}
    objects = rows.column("log_object")
    if set(pc.unique(objects).to_pylist()) <= uris:
        return rows
    return rows.filter(pc.is_in(objects.cast(pa.string()), value_set=pa.array(sorted(uris), pa.string())))


class _Rolled:
    """A batch's rollups: computed once for all its units, again for the few that a guard leaves over."""

    def __init__(self, rows: Rows, units: Collection[Unit]) -> None:
        self._rows = {name: part for name, part in rows.items() if name != REJECTS.name}
        self.units = {unit for part in self._rows.values() for unit in _feeding(part, units)}
        self._complete = self._roll_up(self.units) if self.units else {}

    def _roll_up(self, units: Collection[Unit]) -> dict[str, pa.Table]:
        return roll_up({name: _of(part, units) for name, part in self._rows.items()})

    def of(self, table: Table, units: Collection[Unit]) -> pa.Table:
        """The rollup's rows of some of the units."""
        wanted = self.units & set(units)
        if not wanted:
            return table.empty()
        return (self._complete if wanted == self.units else self._roll_up(wanted))[table.name]


def _old_contributions(lake: Lake, rollup: Table, units: Collection[Unit]) -> pa.Table:
    """What these units' objects have contributed to a rollup: their rows in the lake, rolled up again."""
    if not units:
        return rollup.empty()
    uris = sorted({unit.uri for unit in units})
    old = {}
    for table in SOURCE_TABLES:
        handle = lake.open(table)
        if handle is not None:
            found = contents.dataset(handle, table).to_table(filter=pc.field("log_object").isin(uris))
            old[table.name] = found.select(table.names).cast(table.arrow)
    return roll_up(old)[rollup.name]


def _ledger_rows(outcomes: list[Outcome]) -> pa.Table:
    batch_id = uuid.uuid4().hex
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [
            {
                "log_object": outcome.source.uri,
                "etag": outcome.source.etag,
                "size_bytes": outcome.source.size,
                "format": outcome.format,
                "records": outcome.records,
                "rows": outcome.rows,
                "rejects": outcome.rejects,
                "dropped": outcome.dropped,
                "skipped": outcome.skipped,
                "min_time": outcome.min_time,
                "max_time": outcome.max_time,
                "last_modified": outcome.source.last_modified,
                "ingested_at": now,
                "batch_id": batch_id,
            }
            for outcome in outcomes
        ],
        schema=OBJECTS.arrow,
    )
