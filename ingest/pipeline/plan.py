"""What to read: the listed objects that the ledger does not hold, cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from ingest.lake import ledger
from ingest.lake.tables import Lake
from ingest.sources import Source, SourceObject

_LISTED_FIRST = 50_000
_LISTED_AT_ONCE = 200_000


def new_objects(
    source: Source, lake: Lake, since: datetime | None, until: datetime | None
) -> Iterator[list[SourceObject]]:
    """Listed objects of the window that are not in the lake yet, in the order of their keys, in chunks."""
    for listed in _gather(source.list(since, until)):
        unknown = ledger.unknown(lake, [item.uri for item in listed], [item.etag for item in listed])
        if unknown:
            yield [listed[at]._replace(rewritten=rewritten) for at, rewritten in unknown.items()]


def _gather(chunks: Iterable[Sequence[SourceObject]]) -> Iterator[list[SourceObject]]:
    """Fewer, larger chunks: one look into the ledger passes over all of it. The first comes soon, others grow."""
    gathered: list[SourceObject] = []
    wanted = _LISTED_FIRST
    for chunk in chunks:
        gathered.extend(chunk)
        if len(gathered) >= wanted:
            yield gathered
            gathered, wanted = [], min(2 * wanted, _LISTED_AT_ONCE)
    if gathered:
        yield gathered


def batches(chunks: Iterable[Sequence[SourceObject]], max_objects: int, max_bytes: int) -> Iterator[list[SourceObject]]:
    """Runs of objects of at most so many objects and stored bytes; a larger object is a batch of its own."""
    batch: list[SourceObject] = []
    size = 0
    for item in chain.from_iterable(chunks):
        if batch and (len(batch) >= max_objects or size + item.size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
