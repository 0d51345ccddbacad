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

from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.rebuilding import contributed
from ingest.lake.rollups import FEEDS
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.pipeline.admission import reject_days, row_days
from ingest.pipeline.assembly import Assembly
from ingest.pipeline.gathered import Gathered
from ingest.pipeline.outcome import Outcome


def commit(lake: Lake, assembly: Assembly) -> None:
    """Write everything the assembly holds; safe to repeat, and to race with another process doing the same."""
    gathered = Gathered(assembly.finish(), assembly.staging)
    outcomes = {unit_of(outcome): outcome for outcome in assembly.outcomes.values()}
    rewritten = {unit for unit, outcome in outcomes.items() if outcome.source.rewritten}
    superseding = _commit_new(lake, gathered, outcomes.keys() - rewritten)
    _commit_rewritten(lake, gathered, rewritten | superseding, complete=rewritten)
    _commit_ledger(lake, outcomes, rewritten | superseding)


def unit_of(outcome: Outcome) -> Unit:
    """The version of an object that its rows are committed under."""
    return Unit(outcome.source.uri, outcome.source.etag, outcome.source.attempt)


def _commit_new(lake: Lake, gathered: Gathered, units: Collection[Unit]) -> set[Unit]:
    """Rows, then rollups, of objects the lake has not seen; returns those of which it turns out to hold old rows."""
    superseding: set[Unit] = set()
    feeding: set[Unit] = set()
    for table in (*SOURCE_TABLES, REJECTS):
        found = gathered.feeding(table, units)
        if found:
            appended = lake.append(table, found, partial(gathered.rows, table), partial(gathered.files, table))
            superseding |= appended.superseding
        if table is not REJECTS:
            feeding |= found
    feeding -= superseding
    rolled = gathered.rolled(feeding)
    for table in ROLLUPS:
        if feeding and rolled.of(table, feeding).num_rows:
            superseding |= lake.append(table, feeding, partial(rolled.of, table)).superseding
    return superseding


def _commit_rewritten(lake: Lake, gathered: Gathered, units: Collection[Unit], complete: Collection[Unit]) -> None:
    if not units:
        return
    rolled = gathered.rolled(units)
    for table in ROLLUPS:
        lake.correct(table, units, complete, partial(rolled.of, table), partial(_old_contributions, lake, table))
    for table in SOURCE_TABLES:
        lake.replace(table, units, partial(gathered.stream, table), row_days(units))
    lake.replace(REJECTS, units, partial(gathered.stream, REJECTS), reject_days(units))


def _commit_ledger(lake: Lake, outcomes: Mapping[Unit, Outcome], replaced: Collection[Unit]) -> None:
    def rows_of(units: set[Unit]) -> pa.Table:
        return _ledger_rows([outcomes[unit] for unit in sorted(units)])

    late = lake.append(OBJECTS, outcomes.keys() - replaced, rows_of).superseding
    if late or replaced:
        lake.replace(OBJECTS, late | set(replaced), rows_of)


def _old_contributions(lake: Lake, rollup: Table, units: Collection[Unit]) -> pa.Table:
    """What these units' objects have contributed to a rollup: their rows in the lake, rolled up again."""
    if not units:
        return rollup.empty()
    opened = {table: lake.open(table) for table in FEEDS[rollup]}
    sources = {table: handle for table, handle in opened.items() if handle is not None}
    return contributed(sources, {unit.uri for unit in units}, row_days(units))[rollup.name]


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
