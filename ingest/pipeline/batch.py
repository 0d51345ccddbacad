"""One batch of objects, committed exactly once.

Each table takes the batch's rows in one Delta commit that carries the ids of the objects they came from; the ledger
comes last. A crash in between leaves objects that are guarded but not in the ledger: they are read again, and only what
is missing is written. An object that was rolled up into one rollup and not into another is finished the same way.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.declarations import OBJECTS, REJECTS, TABLES
from ingest.lake.rollups import roll_up
from ingest.lake.tables import Lake
from ingest.pipeline.admission import rejects_table
from ingest.pipeline.assembly import Assembly, Outcome


def unit(outcome: Outcome) -> str:
    """The id under which an object's rows are committed: its URI and version."""
    return f"{outcome.source.uri}#{outcome.source.etag}"


def commit(lake: Lake, assembly: Assembly) -> None:
    """Write everything the assembly holds; safe to repeat, and to race with another process doing the same."""
    tables = assembly.finish()
    objects = {unit(outcome): outcome for outcome in assembly.outcomes.values()}
    for name, rows in tables.items():
        ids = _ids_in(rows, objects)
        lake.append(TABLES[name], ids, partial(_of, rows, ids, objects))
    _commit_rejects(lake, assembly, objects)
    _commit_rollups(lake, tables, objects)
    lake.append(OBJECTS, objects, lambda missing: _ledger_rows([objects[i] for i in sorted(missing)]))


def _ids_in(rows: pa.Table, objects: Mapping[str, Outcome]) -> set[str]:
    uris = set(pc.unique(rows.column("log_object")).to_pylist())
    return {id_ for id_, outcome in objects.items() if outcome.source.uri in uris}


def _of(rows: pa.Table, ids: set[str], objects: Mapping[str, Outcome], missing: set[str]) -> pa.Table:
    """The rows that came from the missing objects."""
    if missing == ids:
        return rows
    uris = pa.array(sorted(objects[i].source.uri for i in missing), pa.string())
    return rows.filter(pc.is_in(rows.column("log_object").cast(pa.string()), value_set=uris))


def _commit_rejects(lake: Lake, assembly: Assembly, objects: Mapping[str, Outcome]) -> None:
    if assembly.rejects:
        rows = rejects_table(assembly.rejects)
        ids = _ids_in(rows, objects)
        lake.append(REJECTS, ids, partial(_of, rows, ids, objects))


def _commit_rollups(lake: Lake, tables: Mapping[str, pa.Table], objects: Mapping[str, Outcome]) -> None:
    ids = {i for rows in tables.values() for i in _ids_in(rows, objects)}
    complete = roll_up(tables)

    def rows_of(name: str, missing: set[str]) -> pa.Table:
        if missing == ids:
            return complete[name]
        return roll_up({table: _of(rows, ids, objects, missing) for table, rows in tables.items()})[name]

    for name, rows in complete.items():
        if rows.num_rows:
            lake.append(TABLES[name], ids, partial(rows_of, name))


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
                "dropped": 0,
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
