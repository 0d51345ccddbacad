"""The lake's Delta tables: snapshots for readers, and the only functions that write source objects' rows.

Nothing reads the lake by globbing (orphans of refused commits lie in the folders). `append`, `replace` and `count` put
the source objects' versions into the same Delta commit as their rows, so that an object is in a table once or not at
all, whatever is killed or races. Who replaces an object claims it first (docs/decisions/0014).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from obstore.exceptions import BaseError

from ingest.answers import whole
from ingest.errors import LakeError
from ingest.lake import checkpoints, files, guards
from ingest.lake.conflicts import NOTHING_ELSE, insist
from ingest.lake.declarations import OBJECTS, TABLES
from ingest.lake.handles import Handles
from ingest.lake.renewal import KEPT
from ingest.lake.schema import Table
from ingest.lake.seeding import seed
from ingest.lake.snapshot import Snapshot, snapshot_of
from ingest.lake.store import folders, is_remote, normalise, open_store
from ingest.lake.unit import Claim, Unit

_CONFIGURATION = {
    # Every checkpoint repeats the guards; docs/decisions/0004 says how long they are needed and what they cost.
    # Never by delta-rs itself: not every operation heeds what it is told.
    "delta.checkpointInterval": str(10**9),
    "delta.setTransactionRetentionDuration": f"interval {KEPT // timedelta(hours=1)} hours",
    "delta.logRetentionDuration": "interval 1 days",
}
_ATTEMPTS = 30
_TRUSTED = KEPT / 2
"""How long ago the ledger may have been asked: what was finished since is guarded even then (`renewal`)."""

T = TypeVar("T")
RowsOf = Callable[[set[Unit]], pa.Table]
OldRowsOf = Callable[[Mapping[Unit, int | None]], pa.Table]
FilesOf = Callable[[set[Unit]], list[AddAction | RemoveAction]]
Days = tuple[date, date]
Stream = pa.Table | pa.RecordBatchReader
StreamOf = Callable[[set[Unit]], Stream]
Within = Callable[[DeltaTable, set[Unit], Stream], str | None]


class StaleError(Exception):
    """It is too long ago that the ledger did not hold the objects: no guard tells any more who ingested them since."""


class Appended(NamedTuple):
    """Units committed now, and those of which the table holds another version: they wait to be replaced."""

    committed: set[Unit]
    superseding: set[Unit]


class Lake:
    """A folder or an S3 prefix with one Delta table per name in `declarations.TABLES`.

    `copies`: where readers may keep copies of its files, when it lies on S3, and identity of days that are over.
    """

    def __init__(self, uri: str, storage: Mapping[str, str] | None = None, copies: Path | None = None) -> None:
        self.uri = normalise(uri)
        self.storage = dict(storage or {})
        self.copies = copies
        self._handles = Handles()

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder of this machine."""
        return not is_remote(self.uri)

    def exists(self) -> bool:
        """Whether any table of it was ever written."""
        return not TABLES.keys().isdisjoint(folders(self.uri, self.storage))

    def table_uri(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.uri}/{table.name}"

    def open(self, table: Table) -> DeltaTable | None:
        """A handle on the table's newest version; None when it does not exist yet."""
        try:
            return whole(lambda: DeltaTable(self.table_uri(table), storage_options=self.storage or None))
        except TableNotFoundError:
            return None
        except Exception as error:
            raise LakeError(f"lake {self.uri}: table {table.name} cannot be opened: {error}") from error

    @contextmanager
    def newest(self, table: Table) -> Iterator[DeltaTable | None]:
        """A kept handle on the table's newest version, for the caller alone; None when it does not exist yet."""
        with self._handles.newest(table.name, lambda: self.open(table)) as handle:
            yield handle

    @contextmanager
    def _writable(self, table: Table) -> Iterator[DeltaTable]:
        """The same of a table that is to be written, and is made when it does not exist yet."""
        with self._handles.newest(table.name, lambda: self.create(table)) as handle:
            assert handle is not None
            yield handle

    def snapshot(self, table: Table) -> Snapshot:
        """The table's newest version with its files."""
        handle = self.open(table)
        if handle is None:
            return Snapshot(-1, ())
        return snapshot_of(handle, table, self.table_uri(table))

    def append(
        self,
        table: Table,
        units: Collection[Unit],
        rows_of: RowsOf,
        files_of: FilesOf = lambda _: [],
        *,
        asked: float | None = None,
    ) -> Appended:
        """Commit the rows of those units of which the table holds no version yet, all in one Delta commit.

        `rows_of` gives the rows of a subset of the units, in the table's schema; `files_of` the files that hold more of
        them, written before (`staging`). `asked`: when the ledger did not hold them (`time.time()`; None: just now).

        Raises:
            LakeError: the table cannot be written.
            StaleError: the ledger was asked too long ago.
        """
        return self._insist(table, self._append_once, table, set(units), rows_of, files_of, asked)

    def _append_once(
        self, table: Table, units: set[Unit], rows_of: RowsOf, files_of: FilesOf, asked: float | None
    ) -> Appended:
        with self._writable(table) as handle:
            held = self.held(table, units, handle.version())
            # After that look at the guards: what others commit from now on is refused by delta-rs.
            if asked is not None and time.time() - asked > _TRUSTED.total_seconds():
                raise StaleError
            missing = {unit for unit in units if unit.uri not in held} if held else units
            if missing:
                self._add(handle, table, guards.carrying(missing), rows_of(missing), files_of(missing))
        # Of few objects, so few versions are computed: this is done for every table of every batch.
        return Appended(missing, {unit for unit in units - missing if held[unit.uri] != unit.version})

    def claim(self, units: Collection[Unit]) -> Claim:
        """Take these units' objects over from whoever is replacing them, in one commit to the ledger's log.

        Units that the ledger names already are finished and left out. Of several claims on an object the last holds:
        what is written under an earlier one from then on is refused.
        """
        return self._insist(OBJECTS, self._claim_once, set(units))

    def _claim_once(self, units: set[Unit]) -> Claim:
        with self._writable(OBJECTS) as handle:
            held = self.held(OBJECTS, units, handle.version())
            wanted = frozenset(unit for unit in units if held.get(unit.uri) != unit.version)
            claim = Claim(wanted, -1 - (uuid.uuid4().int >> 66), handle.version())
            if wanted:
                self._add(handle, OBJECTS, guards.claiming(wanted, claim), OBJECTS.empty())
            return claim

    def claimed(self) -> set[str]:
        """Keys of the objects that somebody began to replace and has not finished."""
        return guards.claimed(open_store(self.uri, self.storage), OBJECTS.name)

    def _kept(self, claim: Claim) -> set[Unit]:
        """Those of the claim's units that nobody has claimed since.

        Asked when the handle that is written with is open: what a later claim does to the table is then refused by
        delta-rs or comes after this commit.
        """
        since = guards.since(open_store(self.uri, self.storage), OBJECTS.name, claim.since)
        return {unit for unit in claim.units if since is not None and since.get(unit.key) == claim.number}

    def take_back(self, rollup: Table, claim: Claim, complete: Collection[Unit], old_rows_of: OldRowsOf) -> None:
        """Leave nothing in a rollup of what it counts of the claimed objects.

        A rollup that says nothing of an object counts it when the ledger held it: those units are `complete`.
        `old_rows_of` gives what the rollup counts of a subset, each with the version that it counts (None: it does not
        say); they are appended with their measures negated.
        """
        self._insist(rollup, self._take_back_once, rollup, claim, set(complete), old_rows_of)

    def _take_back_once(self, rollup: Table, claim: Claim, complete: set[Unit], old_rows_of: OldRowsOf) -> None:
        with self._writable(rollup) as handle:
            held = self.held(rollup, claim.units, handle.version())
            kept = self._kept(claim)
            counted = {
                unit: held.get(unit.uri) for unit in kept if held.get(unit.uri, 0 if unit in complete else -1) >= 0
            }
            if kept:
                self._add(handle, rollup, guards.claiming(kept, claim), rollup.negated(old_rows_of(counted)))

    def count(self, rollup: Table, claim: Claim, rows_of: RowsOf) -> None:
        """Append to a rollup what the claimed units add to it, after `take_back`."""
        self._insist(rollup, self._count_once, rollup, claim, rows_of)

    def _count_once(self, rollup: Table, claim: Claim, rows_of: RowsOf) -> None:
        with self._writable(rollup) as handle:
            held = self.held(rollup, claim.units, handle.version())
            kept = {unit for unit in self._kept(claim) if held.get(unit.uri) == claim.number}
            if kept:
                self._add(handle, rollup, guards.carrying(kept), rows_of(kept))

    def replace(self, table: Table, claim: Claim, rows_of: StreamOf, within: Within = lambda *_: None) -> set[Unit]:
        """Put the rows of the claimed units in the place of every row of their objects, in one commit; the units.

        For tables with a column `log_object`; a unit may have no rows any more. `within` gives, for a handle, some of
        the units and their new rows, a condition that these rows meet and all that the handle's version holds of their
        objects: other rows are not looked at.
        """
        return self._insist(table, self._replace_once, table, claim, rows_of, within, set())

    def _replace_once(
        self, table: Table, claim: Claim, rows_of: StreamOf, within: Within, begun: set[Unit]
    ) -> set[Unit]:
        with self._writable(table) as handle:
            kept = self._kept(claim)
            # In the ledger an attempt that was done and whose answer broke off has ended the claim.
            held = self.held(table, begun - kept, handle.version())
            done = {unit for unit in begun - kept if held.get(unit.uri) == unit.version}
            if kept:
                begun |= kept
                rows = rows_of(kept)
                objects = ", ".join("'" + unit.uri.replace("'", "''") + "'" for unit in sorted(kept))
                condition = within(handle, kept, rows)
                write_deltalake(
                    handle,
                    rows.cast(table.arrow) if isinstance(rows, pa.Table) else rows,
                    mode="overwrite",
                    predicate=f"log_object in ({objects})" + (f" and ({condition})" if condition else ""),
                    partition_by=[table.partition] if table.partition else None,
                    commit_properties=guards.carrying(kept),
                    post_commithook_properties=NOTHING_ELSE,
                )
                self.tend(table, handle)
            return kept | done

    def held(self, table: Table, units: Collection[Unit], version: int = -1) -> dict[str, int]:
        """Of these units' objects, those that commits of the table carry, with the version that it holds.

        CommitFailedError when the log does not reach `version`, a handle's: the table was deleted meanwhile.
        """
        # Read after a handle is opened: what is committed later than its snapshot is refused by delta-rs, what was
        # committed earlier is seen here.
        return guards.present(open_store(self.uri, self.storage), table.name, {unit.uri for unit in units}, version)

    def _add(
        self,
        handle: DeltaTable,
        table: Table,
        carrying: CommitProperties,
        rows: pa.Table,
        staged: Collection[AddAction | RemoveAction] = (),
    ) -> None:
        handle.create_write_transaction(
            [*files.write(open_store(self.uri, self.storage), table, rows), *staged],
            mode="append",
            schema=handle.schema(),
            partition_by=[table.partition] if table.partition else None,
            commit_properties=carrying,
            post_commithook_properties=NOTHING_ELSE,
        )
        self.tend(table, handle)

    def tend(self, table: Table, handle: DeltaTable) -> None:
        """After a commit with that handle: a checkpoint now and then. What goes wrong there is a warning."""
        checkpoints.tend(handle, table, open_store(self.uri, self.storage), self._ledger_since)

    def checkpoint(self, table: Table, handle: DeltaTable) -> None:
        """Write a checkpoint of the newest version, to which it brings the handle; errors as `checkpoints` says."""
        checkpoints.checkpoint(handle, table, open_store(self.uri, self.storage), self._ledger_since)

    def _ledger_since(self, since: datetime) -> list[str]:
        held = self.snapshot(OBJECTS).overlapping(since, None)
        oldest_first = sorted(held, key=lambda file: (file.max_time is not None, file.max_time))
        return [file.uri.removeprefix(f"{self.uri}/") for file in oldest_first]

    def rewrite(self, table: Table, update: Callable[[pa.Table], pa.Table]) -> None:
        """Replace a small table's rows by what `update` makes of them, in one commit; again when another was faster.

        For tables of a few thousand rows whose rows change, such as findings. Raises LakeError like `append`.
        """
        self._insist(table, self._rewrite_once, table, update)

    def _rewrite_once(self, table: Table, update: Callable[[pa.Table], pa.Table]) -> None:
        handle = self.create(table)
        current = self._read(table, handle)
        # Two that overwrite an empty table remove nothing, so nothing conflicts: the id, the same for all, does.
        turn = Transaction(app_id="rewrite", version=handle.version() + 1, last_updated=int(time.time() * 1000))
        write_deltalake(
            handle,
            update(current),
            mode="overwrite",
            partition_by=[table.partition] if table.partition else None,
            commit_properties=CommitProperties(app_transactions=[turn]),
            post_commithook_properties=NOTHING_ELSE,
        )
        self.tend(table, handle)

    def rows(self, table: Table) -> pa.Table:
        """All rows of a small table without partitions, at its newest version; none when it does not exist yet."""
        handle = self.open(table)
        return table.empty() if handle is None else self._read(table, handle)

    def _read(self, table: Table, handle: DeltaTable) -> pa.Table:
        # Not handle.to_pyarrow_table: its threads can outlive the interpreter, which then aborts (1 of 20 processes).
        paths = pa.table(handle.get_add_actions(flatten=True)).column("path").to_pylist()
        return files.read(open_store(self.uri, self.storage), table, [str(path) for path in paths])

    def _insist(self, table: Table, attempt: Callable[..., T], *arguments: object) -> T:
        """Its result, once no other writer was faster; a refused commit is tried again on the newest version."""
        try:
            return insist(lambda: attempt(*arguments), _ATTEMPTS, first=0.02, longest=2)
        except CommitFailedError as error:
            raise LakeError(
                f"lake {self.uri}: table {table.name} refused a commit {_ATTEMPTS} times: {error}; run it again"
            ) from error
        except (OSError, DeltaError, BaseError) as error:
            raise LakeError(f"lake {self.uri}: table {table.name} cannot be written: {error}") from error

    def create(self, table: Table) -> DeltaTable:
        """A handle on the table's newest version, made first where there is none (see `seeding`)."""
        handle = self.open(table)
        if handle is not None:
            return handle
        try:
            if table.counted_from is not None and self._is_written(table.counted_from):
                self._seed(table, table.counted_from)
            return whole(
                lambda: DeltaTable.create(
                    self.table_uri(table),
                    schema=DeltaSchema.from_arrow(table.commented),
                    partition_by=[table.partition] if table.partition else None,
                    mode="ignore",
                    configuration=_CONFIGURATION,
                    storage_options=self.storage or None,
                )
            )
        except CommitFailedError:
            raise
        except Exception as error:
            handle = self.open(table)
            if handle is None:
                raise LakeError(f"lake {self.uri}: table {table.name} cannot be created: {error}") from error
            return handle

    def _is_written(self, table: Table) -> bool:
        """Whether something was ever committed to it; in a new lake one that was just made is empty."""
        handle = self.open(table)
        return handle is not None and (handle.version() > 0 or pa.table(handle.get_add_actions()).num_rows > 0)

    def _seed(self, rollup: Table, base: Table) -> None:
        def opened() -> DeltaTable:
            return DeltaTable(self.table_uri(base), storage_options=self.storage or None)

        store = open_store(self.uri, self.storage)
        seed(rollup, base, opened, store, _CONFIGURATION)
