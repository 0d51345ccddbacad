"""The lake's Delta tables: snapshots for readers, and the one function that appends.

Nothing reads the lake by globbing (orphans of refused commits lie in the folders), and nothing else writes it: `append`
puts the ids of the source objects into the same Delta commit as their rows, so that an object is in a table once or not
at all, whatever is killed or races.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingest.errors import LakeError
from ingest.lake import guards
from ingest.lake.schema import Table
from ingest.lake.store import is_remote, normalise, open_store

_CONFIGURATION = {
    "delta.checkpointInterval": "20",
    "delta.setTransactionRetentionDuration": "interval 30 days",
    "delta.logRetentionDuration": "interval 7 days",
}
_ROW_GROUP = 122_880
_ATTEMPTS = 30

T = TypeVar("T")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a snapshot: its absolute path or s3:// URI, and what Delta knows of it."""

    uri: str
    rows: int
    size: int
    day: date | None
    schema_version: int
    min_time: datetime | None
    max_time: datetime | None


@dataclass(frozen=True)
class Snapshot:
    """A table at one version (-1: it does not exist yet) and the files that are in it."""

    version: int
    files: tuple[DataFile, ...]

    def overlapping(self, since: datetime | None, until: datetime | None) -> tuple[DataFile, ...]:
        """The files that can hold a row with since <= time < until; one without statistics may hold any."""
        return tuple(
            file
            for file in self.files
            if (since is None or file.max_time is None or file.max_time >= since)
            and (until is None or file.min_time is None or file.min_time < until)
        )


class Lake:
    """A folder or an S3 prefix with one Delta table per name in `declarations.TABLES`."""

    def __init__(self, uri: str, storage: Mapping[str, str] | None = None) -> None:
        self.uri = normalise(uri)
        self.storage = dict(storage or {})

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder of this machine."""
        return not is_remote(self.uri)

    def table_uri(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.uri}/{table.name}"

    def open(self, table: Table) -> DeltaTable | None:
        """A handle on the table's newest version; None when it does not exist yet."""
        try:
            return DeltaTable(self.table_uri(table), storage_options=self.storage or None)
        except TableNotFoundError:
            return None
        except Exception as error:
            raise LakeError(f"lake {self.uri}: table {table.name} cannot be opened: {error}") from error

    def snapshot(self, table: Table) -> Snapshot:
        """The table's newest version with its files."""
        handle = self.open(table)
        if handle is None:
            return Snapshot(-1, ())
        actions = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
        return Snapshot(handle.version(), tuple(self._data_file(table, action) for action in actions))

    def _data_file(self, table: Table, action: Mapping[str, object]) -> DataFile:
        path = str(action["path"])
        version = path.rsplit("/", 1)[-1].partition("-")[0].removeprefix("v")
        return DataFile(
            uri=f"{self.table_uri(table)}/{path}",
            rows=int(str(action["num_records"])),
            size=int(str(action["size_bytes"])),
            day=action.get(f"partition.{table.partition}"),  # type: ignore[arg-type]
            schema_version=int(version) if version.isdigit() else table.version,
            min_time=action.get(f"min.{table.time}"),  # type: ignore[arg-type]
            max_time=action.get(f"max.{table.time}"),  # type: ignore[arg-type]
        )

    def append(self, table: Table, ids: Collection[str], rows_of: Callable[[set[str]], pa.Table]) -> set[str]:
        """Commit the rows of those `ids` that the table does not hold yet, all in one Delta commit.

        `rows_of` gives the rows of a subset of the ids, in the table's schema. Returns the ids that were committed now;
        the others were there before. Raises LakeError when the table cannot be written.
        """
        return self._insist(table, self._append_once, table, set(ids), rows_of)

    def rewrite(self, table: Table, update: Callable[[pa.Table], pa.Table]) -> None:
        """Replace a small table's rows by what `update` makes of them, in one commit; again when another was faster.

        For tables of a few thousand rows whose rows change, such as findings. Raises LakeError like `append`.
        """
        self._insist(table, self._rewrite_once, table, update)

    def _rewrite_once(self, table: Table, update: Callable[[pa.Table], pa.Table]) -> None:
        handle = self._create_or_open(table)
        current = handle.to_pyarrow_table().select(table.names).cast(table.arrow)
        write_deltalake(
            handle, update(current), mode="overwrite", partition_by=[table.partition] if table.partition else None
        )

    def _insist(self, table: Table, attempt: Callable[..., T], *arguments: object) -> T:
        """Its result, once no other writer was faster; a refused commit is tried again on the newest version."""
        attempts = Retrying(
            retry=retry_if_exception_type(CommitFailedError),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        try:
            return attempts(attempt, *arguments)
        except CommitFailedError as error:
            raise LakeError(
                f"lake {self.uri}: table {table.name} refused a commit {_ATTEMPTS} times: {error}; run it again"
            ) from error

    def _append_once(self, table: Table, ids: set[str], rows_of: Callable[[set[str]], pa.Table]) -> set[str]:
        handle = self._create_or_open(table)
        # After the handle: an id committed later than its snapshot is refused by delta-rs, an earlier one is seen here.
        missing = ids - guards.committed(open_store(self.uri, self.storage), table.name, ids)
        if not missing:
            return set()
        rows = rows_of(missing)
        now = int(time.time() * 1000)
        transactions = [Transaction(app_id=unit, version=1, last_updated=now) for unit in sorted(missing)]
        handle.create_write_transaction(
            self._write_files(table, rows),
            mode="append",
            schema=handle.schema(),
            partition_by=[table.partition] if table.partition else None,
            commit_properties=CommitProperties(app_transactions=transactions),
        )
        return missing

    def _create_or_open(self, table: Table) -> DeltaTable:
        handle = self.open(table)
        if handle is not None:
            return handle
        try:
            return DeltaTable.create(
                self.table_uri(table),
                schema=DeltaSchema.from_arrow(table.arrow),
                partition_by=[table.partition] if table.partition else None,
                mode="ignore",
                configuration=_CONFIGURATION,
                storage_options=self.storage or None,
            )
        except CommitFailedError:
            raise
        except Exception as error:
            handle = self.open(table)
            if handle is None:
                raise LakeError(f"lake {self.uri}: table {table.name} cannot be created: {error}") from error
            return handle

    def _write_files(self, table: Table, rows: pa.Table) -> list[AddAction | RemoveAction]:
        if table.partition is None:
            return [self._write_file(table, rows, None)] if rows.num_rows else []
        days = rows.column(table.partition)
        return [
            self._write_file(table, rows.filter(pc.equal(days, pa.scalar(day, pa.date32()))), day)
            for day in sorted(day for day in pc.unique(days).to_pylist() if day is not None)
        ]

    def _write_file(self, table: Table, rows: pa.Table, day: date | None) -> AddAction:
        folder = f"{table.partition}={day.isoformat()}/" if day else ""
        path = f"{folder}v{table.version}-{uuid.uuid4().hex}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(
            rows.select(table.file_columns), sink, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP
        )
        buffer = sink.getvalue()
        obstore.put(open_store(self.uri, self.storage), f"{table.name}/{path}", memoryview(buffer).cast("B"))
        return AddAction(
            path=path,
            size=buffer.size,
            partition_values={table.partition: day.isoformat()} if table.partition and day else {},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=_statistics(table, rows),
        )


def _statistics(table: Table, rows: pa.Table) -> str:
    """Delta's statistics of a file: its rows, and the span of the column that windows prune by."""
    bounds = pc.min_max(rows.column(table.time))
    nulls = rows.column(table.time).null_count
    statistics: dict[str, object] = {"numRecords": rows.num_rows, "nullCount": {table.time: nulls}}
    if nulls < rows.num_rows and nulls == 0:
        for name, key in (("min", "minValues"), ("max", "maxValues")):
            statistics[key] = {table.time: bounds[name].as_py().strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return json.dumps(statistics)
