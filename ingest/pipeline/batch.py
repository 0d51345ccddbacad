"""One batch of objects, committed exactly once.

Each table takes the batch's rows in one Delta commit that carries the versions of the objects they came from; the
ledger comes last. A crash in between leaves objects that are guarded but not in the ledger: they are read again, and
only what is missing is written. An object that was rolled up into one rollup and not into another is finished alike.

An object that was rewritten replaces its old version (`replacement`), in its row of the ledger last.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from ingest.lake import ledger
from ingest.lake.declarations import OBJECTS, REJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.schema import Table
from ingest.lake.staging import Actions
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.pipeline import replacement
from ingest.pipeline.assembly import Assembly
from ingest.pipeline.gathered import Gathered
from ingest.pipeline.outcome import Outcome


def commit(lake: Lake, assembly: Assembly, asked: float) -> set[Unit]:
    """Write everything the assembly holds; safe to repeat, and to race with another process doing the same.

    `asked`: when the ledger did not hold these objects (`time.time()`); StaleError when that is too long ago.

    Returns the units that another process took over, with this or another version: they are not in the lake unless that
    process finishes.
    """
    gathered = Gathered(assembly.finish(), assembly.staging)
    outcomes = {unit_of(outcome): outcome for outcome in assembly.outcomes.values()}
    rewritten = {unit for unit, outcome in outcomes.items() if outcome.source.rewritten}
    superseding = _commit_new(lake, gathered, outcomes.keys() - rewritten, asked)

    def rows_of(units: set[Unit]) -> pa.Table:
        return _ledger_rows([outcomes[unit] for unit in sorted(units)])

    added = outcomes.keys() - rewritten - superseding
    late = lake.append(OBJECTS, added, rows_of, asked=asked).superseding if added else set()
    replaced = rewritten | superseding | late
    if not replaced:
        return set()
    claim = lake.claim(replaced)
    replacement.replace(lake, gathered, claim, complete=rewritten)
    return set(claim.units) - ledger.replace(lake, claim, rows_of)


def unit_of(outcome: Outcome) -> Unit:
    """The version of an object that its rows are committed under."""
    return Unit(outcome.source.uri, outcome.source.etag, outcome.source.attempt)


def _commit_new(lake: Lake, gathered: Gathered, units: Collection[Unit], asked: float) -> set[Unit]:
    """Rows, then rollups, of objects the lake has not seen; returns those of which it turns out to hold old rows."""
    fed = {table: gathered.feeding(table, units) for table in (*SOURCE_TABLES, REJECTS)}
    held = {table: found for table, found in fed.items() if found}
    superseding = _append(lake, held, asked, gathered.rows, gathered.files)
    feeding = {unit for table in SOURCE_TABLES for unit in fed[table]} - superseding
    rolled = gathered.rolled(feeding)
    counted = {table: feeding for table in ROLLUPS if feeding and rolled.of(table, feeding).num_rows}
    return superseding | _append(lake, counted, asked, rolled.of)


def _append(
    lake: Lake,
    units: Mapping[Table, set[Unit]],
    asked: float,
    rows_of: Callable[[Table, set[Unit]], pa.Table],
    files_of: Callable[[Table, set[Unit]], Actions] = lambda table, units: [],
) -> set[Unit]:
    """Append to several tables at a time; returns units of which one holds another version.

    Each table has a log of its own, and a lake on S3 is waited for longer than it is worked for.
    """

    def append(table: Table) -> set[Unit]:
        appended = lake.append(table, units[table], partial(rows_of, table), partial(files_of, table), asked=asked)
        return appended.superseding

    with ThreadPoolExecutor(max(1, len(units)), thread_name_prefix="commit") as pool:
        return set().union(*pool.map(append, units))


def _ledger_rows(outcomes: list[Outcome]) -> pa.Table:
    sources, count = [outcome.source for outcome in outcomes], len(outcomes)
    columns = {
        "log_object": [source.uri for source in sources],
        "etag": [source.etag for source in sources],
        "size_bytes": [source.size for source in sources],
        "format": [outcome.format for outcome in outcomes],
        "records": [outcome.records for outcome in outcomes],
        "rows": [outcome.rows for outcome in outcomes],
        "rejects": [outcome.rejects for outcome in outcomes],
        "dropped": [outcome.dropped for outcome in outcomes],
        "skipped": [outcome.skipped for outcome in outcomes],
        "min_time": [outcome.min_time for outcome in outcomes],
        "max_time": [outcome.max_time for outcome in outcomes],
        "last_modified": [source.last_modified for source in sources],
        "ingested_at": [datetime.now(UTC)] * count,
        "batch_id": [uuid.uuid4().hex] * count,
    }
    return pa.table({name: columns[name] for name in OBJECTS.names}, schema=OBJECTS.arrow)
