"""A table at one version, as readers see it: its files, and what Delta knows of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

from ingest.lake.schema import Table


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a snapshot: its absolute path or s3:// URI, and what Delta knows of it.

    `schema_version` 0: some earlier version or the current one, so its columns are known once it is opened.
    """

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


def snapshot_of(handle: DeltaTable, table: Table, uri: str) -> Snapshot:
    """The handle's version of a table that lies at `uri`."""
    actions = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
    return Snapshot(handle.version(), tuple(_data_file(table, uri, action) for action in actions))


def _data_file(table: Table, uri: str, action: Mapping[str, object]) -> DataFile:
    path = str(action["path"])
    version = path.rsplit("/", 1)[-1].partition("-")[0].removeprefix("v")
    max_time: datetime | None = action.get(f"max.{table.time}")  # type: ignore[assignment]
    if not version.isdigit():
        # Written by delta-rs (compaction, replacement): of whichever version was current then, and its statistics are
        # cut to milliseconds.
        version = "1" if table.version == 1 else "0"
        max_time = max_time + timedelta(microseconds=999) if max_time else None
    return DataFile(
        uri=f"{uri}/{path}",
        rows=int(str(action["num_records"])),
        size=int(str(action["size_bytes"])),
        day=action.get(f"partition.{table.partition}"),  # type: ignore[arg-type]
        schema_version=int(version),
        min_time=action.get(f"min.{table.time}"),  # type: ignore[arg-type]
        max_time=max_time,
    )
