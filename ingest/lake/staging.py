"""Rows of a large object, written before they are committed: data files that no version of their table names yet.

An object's rows are committed together, and memory need not hold them until then: only what a commit says of its files
and what the rows add to the rollups is kept. Files that are never committed (the object could not be read to its end,
the process was killed, the lake had the object already) are orphans, which nothing reads and `vacuum` removes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction

from ingest.lake import files
from ingest.lake.declarations import REJECTS, ROLLUPS
from ingest.lake.rebuilding import merge
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.store import fetch, open_store
from ingest.lake.tables import Lake

FILE_BYTES = 64 << 20
"""Bytes of rows in memory that become a file: a fifth of that on disk."""

Actions = list[AddAction | RemoveAction]


class Staging:
    """Takes the rows of some objects piece by piece; objects are named by their URI."""

    def __init__(self, lake: Lake) -> None:
        """Nothing is written yet."""
        self._lake = lake
        self._waiting: dict[tuple[Table, str], list[pa.Table]] = defaultdict(list)
        # By table name, then by object: few objects are staged, and those asked for are many.
        self._files: dict[str, dict[str, Actions]] = defaultdict(lambda: defaultdict(list))
        self._rolled: dict[str, dict[str, pa.Table]] = defaultdict(dict)

    def add(self, table: Table, uri: str, rows: pa.Table) -> None:
        """More rows of an object, in the table's columns."""
        waiting = self._waiting[table, uri]
        waiting.append(rows)
        if sum(part.nbytes for part in waiting) >= FILE_BYTES:
            self._write(table, uri)

    def finish(self) -> None:
        """Write what waits."""
        for table, uri in list(self._waiting):
            self._write(table, uri)

    def _write(self, table: Table, uri: str) -> None:
        waiting = self._waiting.pop((table, uri))
        rows = pa.concat_tables(waiting, promote_options="permissive").unify_dictionaries()
        self._files[table.name][uri] += files.write(open_store(self._lake.uri, self._lake.storage), table, rows)
        if table is REJECTS:
            return
        counted = roll_up({table.name: rows})
        for rollup in ROLLUPS:
            if counted[rollup.name].num_rows:
                both = pa.concat_tables([self.rolled(rollup, {uri}), counted[rollup.name].cast(rollup.arrow)])
                self._rolled[rollup.name][uri] = merge(rollup, both)

    def objects(self, table: Table) -> set[str]:
        """The objects with rows for a source table, or for a rollup."""
        return {*self._files[table.name], *self._rolled[table.name]}

    def files(self, table: Table, uris: Set[str]) -> Actions:
        """What a Delta commit has to add for these objects."""
        held = self._files[table.name]
        return [action for uri in sorted(held.keys() & uris) for action in held[uri]]

    def batches(self, table: Table, uris: Set[str]) -> Iterator[pa.RecordBatch]:
        """Their rows again, from the files, in the table's schema."""
        store = open_store(self._lake.uri, self._lake.storage)
        for action in self.files(table, uris):
            body = pa.BufferReader(fetch(store, f"{table.name}/{action.path}"))
            rows = pq.ParquetFile(body).read(use_threads=False)
            if table.partition:
                day = str((action.partition_values or {})[table.partition])
                rows = rows.append_column(
                    table.partition, pa.array([date.fromisoformat(day)] * rows.num_rows, pa.date32())
                )
            yield from rows.select(table.names).cast(table.arrow).to_batches()

    def rolled(self, rollup: Table, uris: Set[str]) -> pa.Table:
        """What they add to a rollup."""
        held = self._rolled[rollup.name]
        return pa.concat_tables([rollup.empty(), *(held[uri] for uri in sorted(held.keys() & uris))])
