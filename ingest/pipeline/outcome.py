"""What became of one object: the counts that its row in the ledger holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ingest.formats.object_key import ObjectKey
from ingest.sources import SourceObject


@dataclass
class Outcome:
    """An object and what it gave; added to while it is read."""

    source: SourceObject
    key: ObjectKey
    read_as: str | None = None
    rows_of: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    dropped: int = 0
    skipped: int = 0
    min_time: datetime | None = None
    max_time: datetime | None = None

    @property
    def format(self) -> str | None:
        """The table its rows are in, several joined by `+`; without rows what it was read as, None if as nothing."""
        return "+".join(sorted(self.rows_of)) or self.read_as

    @property
    def rows(self) -> int:
        """Its rows in all tables."""
        return sum(self.rows_of.values())

    @property
    def records(self) -> int:
        """All that the object holds: what became rows, what could not be read, what drop rules removed."""
        return self.rows + self.rejects + self.dropped
