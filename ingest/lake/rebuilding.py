"""A rollup's day made anew from the source tables, in one commit, while ingest goes on.

The trap is an object between two commits: its rows are in the source table, its counts are not in the rollup yet, and
its writer will add them. So a rebuilt day counts exactly the objects that the rollup's own version holds: those its log
carries, and those in the ledger, which is written last. The handle is opened first and the sources after it; delta-rs
refuses the overwrite when anyone added to that day of the rollup since, and then all of it is done again.
"""

from __future__ import annotations

import time as clock
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from ingest.errors import LakeError
from ingest.lake import contents, guards, rollups
from ingest.lake.conflicts import NOTHING_ELSE, insist
from ingest.lake.declarations import OBJECTS
from ingest.lake.retention import expired_before
from ingest.lake.schema import Table
from ingest.lake.store import open_store
from ingest.lake.tables import Days, Lake
from ingest.lake.unit import Unit

_CHUNK_ROWS = 500_000
_ATTEMPTS = 6

Handles = Mapping[Table, DeltaTable]


def rebuildable(lake: Lake, rollup: Table) -> list[date]:
    """Days that a rollup or one of its sources holds and that its sources still hold whole, oldest first."""
    sources = _open(lake, rollups.FEEDS[rollup])
    handle = lake.open(rollup)
    found = {day for table, source in sources.items() for day in contents.days(source, table)}
    found |= set(contents.days(handle, rollup)) if handle else set()
    first = max((expired_before(source) or date.min for source in sources.values()), default=date.min)
    return sorted(day for day in found if day >= first)


def rebuild(lake: Lake, rollup: Table, day: date) -> int:
    """Make the rollup's day anew and replace it; the number of its rows.

    Raises:
        LakeError: its sources, or the ledger, have expired for that day; an object of the day is being replaced; or
            ingest added to the day each time.
    """
    try:
        return insist(lambda: _rebuild_once(lake, rollup, day), _ATTEMPTS)
    except CommitFailedError as error:
        raise LakeError(
            f"lake {lake.uri}: {rollup.name}, day {day}: others kept adding to it: {error}; run it again later"
        ) from error
    except (DeltaError, duckdb.Error, OSError) as error:
        raise LakeError(f"lake {lake.uri}: {rollup.name}, day {day} cannot be rebuilt: {error}") from error


def _rebuild_once(lake: Lake, rollup: Table, day: date) -> int:
    ledger = lake.open(OBJECTS)
    # A lake of an older release has none yet, but what it adds up.
    handle = lake.create(rollup) if rollup.counted_from and lake.open(rollup.counted_from) else lake.open(rollup)
    if handle is None or ledger is None:
        raise LakeError(f"lake {lake.uri}: there is no {rollup.name} to rebuild; ingest first")
    sources = _open(lake, rollups.FEEDS[rollup])
    for table, source in ((OBJECTS, ledger), *sources.items()):
        if day < (expired_before(source) or date.min):
            raise LakeError(
                f"lake {lake.uri}: {rollup.name}, day {day} cannot be rebuilt: {table.name} has expired before "
                f"{expired_before(source)}; what the rollup holds is all there is"
            )
    pending = _pending(lake, rollup, ledger, sources, day)
    rows = recompute(sources, day, without=pending)[rollup.name]
    turn = Transaction(f"rebuild {day}", handle.version() + 1, int(clock.time() * 1000))
    write_deltalake(
        handle,
        rows.sort_by(rollup.time),
        mode="overwrite",
        predicate=f"{rollup.partition} = '{day}'",
        # Two rebuilds of a day without rows remove nothing, so nothing conflicts: the id, the same for both, does.
        commit_properties=CommitProperties(app_transactions=[turn]),
        post_commithook_properties=NOTHING_ELSE,
    )
    lake.tend(rollup, handle)
    return int(rows.num_rows)


def _open(lake: Lake, tables: Iterable[Table]) -> dict[Table, DeltaTable]:
    opened = {table: lake.open(table) for table in tables}
    return {table: handle for table, handle in opened.items() if handle is not None}


def _in_ledger(ledger: DeltaTable, objects: set[str]) -> dict[str, int]:
    """Those of the objects that the ledger holds, with the version it holds."""
    # Of texts, even where there are none: Arrow takes those for NULLs, and refuses to look for them.
    wanted = pc.field("log_object").isin(pa.array(sorted(objects), pa.string()))
    rows = contents.dataset(ledger, OBJECTS).to_table(columns=["log_object", "etag"], filter=wanted).to_pylist()
    return {row["log_object"]: Unit(row["log_object"], row["etag"]).version for row in rows}


def _pending(lake: Lake, rollup: Table, ledger: DeltaTable, sources: Handles, day: date) -> set[str]:
    """Objects with rows in the day's sources whose counts are still to come."""
    store = open_store(lake.uri, lake.storage)
    pending: set[str] = set()
    for table, source in sources.items():
        objects = _objects_of(source, table, day)
        finished = _in_ledger(ledger, objects)
        said = guards.present(store, rollup.name, objects)
        counted = {uri: version for uri, version in said.items() if version >= 0}
        held = guards.present(store, table.name, objects)
        for uri, version in counted.items():
            if held.get(uri, finished.get(uri, version)) != version:
                raise LakeError(
                    f"lake {lake.uri}: {rollup.name}, day {day}: {uri} is being replaced by a newer version; "
                    "let that ingest finish (or run it again), then rebuild"
                )
        pending |= (objects - said.keys() - finished.keys()) | (said.keys() - counted.keys())
    return pending


def _objects_of(source: DeltaTable, table: Table, day: date) -> set[str]:
    found: set[str] = set()
    for batch in contents.dataset(source, table, day).scanner(columns=["log_object"]).to_batches():
        found.update(map(str, pc.unique(batch.column(0)).to_pylist()))
    return found


def recompute(sources: Handles, day: date, without: Collection[str] = ()) -> dict[str, pa.Table]:
    """All rollups' rows of a day from the sources' versions, one row a key, leaving out some objects' rows."""
    excluded = pa.array(sorted(without), pa.string())
    others = pc.invert(pc.is_in(pc.field("log_object"), value_set=excluded)) if without else None
    return count_rows(
        (table, contents.batches(contents.dataset(handle, table, day), others)) for table, handle in sources.items()
    )


def contributed(sources: Handles, objects: Mapping[Table, Collection[str]], days: Days | None) -> dict[str, pa.Table]:
    """What the rows that each source holds of some objects add to the rollups; `days` are those they can lie in."""
    within = pc.scalar(True)
    if days is not None:
        within = (pc.field("day") >= pa.scalar(days[0], pa.date32())) & (
            pc.field("day") <= pa.scalar(days[1], pa.date32())
        )
    return count_rows(
        (
            table,
            contents.batches(
                contents.dataset(handle, table, *(days or ())),
                pc.field("log_object").isin(sorted(objects[table])) & within,
            ),
        )
        for table, handle in sources.items()
        if objects[table]
    )


def count_rows(readers: Iterable[tuple[Table, pa.RecordBatchReader]]) -> dict[str, pa.Table]:
    """All rollups' rows of what the readers give, one row a key.

    Rollups are additive, so half a million rows are counted at a time.
    """
    found = [{rollup.name: rollup.empty() for rollup in rollups.FEEDS}]
    waiting: dict[str, pa.Table] = {}
    for table, reader in readers:
        for chunk in _chunks(reader):
            held = sum(rows.num_rows for rows in waiting.values())
            if table.name in waiting or (waiting and held + chunk.num_rows > _CHUNK_ROWS):
                found.append(rollups.roll_up(waiting))
                waiting = {}
            waiting[table.name] = chunk.select(table.names).cast(table.arrow)
    if waiting:
        found.append(rollups.roll_up(waiting))
    return {
        rollup.name: merge(rollup, pa.concat_tables([rows[rollup.name].cast(rollup.arrow) for rows in found]))
        for rollup in rollups.FEEDS
    }


def _chunks(reader: pa.RecordBatchReader) -> Iterable[pa.Table]:
    gathered: list[pa.RecordBatch] = []
    rows = 0
    for batch in reader:
        gathered.append(batch)
        rows += batch.num_rows
        if rows >= _CHUNK_ROWS:
            yield pa.Table.from_batches(gathered)
            gathered, rows = [], 0
    if rows:
        yield pa.Table.from_batches(gathered)


def merge(rollup: Table, rows: pa.Table) -> pa.Table:
    """The rows of the same keys as one, without those whose measures all came to nothing."""
    how: list[Any] = [(measure, "sum") for measure in rollup.measures]
    # The first bound tells whether the others are known: of one row unknown, it is unknown of all.
    how += [(name, by, pc.ScalarAggregateOptions(skip_nulls=False)) for name, by in rollup.bounds[:1]]
    how += rollup.bounds[1:]
    merged = rows.group_by(rollup.keys).aggregate(how)
    merged = merged.rename_columns(
        {f"{measure}_sum": measure for measure in rollup.measures}
        | {f"{name}_{by}": name for name, by in rollup.bounds}
    )
    some = pc.field(rollup.measures[0]) != 0
    for measure in rollup.measures[1:]:
        some |= pc.field(measure) != 0
    merged = merged.filter(some).select(rollup.names).cast(rollup.arrow)
    for name, _ in rollup.bounds[1:]:
        at = merged.column_names.index(name)
        told = pc.if_else(pc.is_valid(merged.column(rollup.bounds[0][0])), merged.column(name), None)
        merged = merged.set_column(at, merged.schema.field(at), told)
    return merged
