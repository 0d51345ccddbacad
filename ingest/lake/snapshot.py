"""A table at one version, as readers see it: its files, and what Delta knows of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


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
