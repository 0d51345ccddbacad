"""What to read: the listed objects that the ledger does not hold, cut into batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from ingest.lake import ledger
from ingest.lake.tables import Lake
from ingest.sources import Source, SourceObject

_LISTED_FIRST = 50_000
_LISTED_AT_ONCE = 200_000
_LEAST_SHARE = 1 / 4
"""Of a full batch: the commits of a smaller one cost as much as its rows."""


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


def batches(
    chunks: Iterable[Sequence[SourceObject]], max_objects: int, max_bytes: int, workers: int = 1
) -> Iterator[list[SourceObject]]:
    """Runs of objects of at most so many objects and stored bytes; a larger object is a batch of its own.

    For several workers the last batches are smaller and smaller: none is left alone with a whole one.
    """
    full = _runs(chain.from_iterable(chunks), max_objects, max_bytes)
    if workers == 1:
        yield from full
        return
    held: deque[list[SourceObject]] = deque()
    for batch in full:
        held.append(batch)
        if len(held) > workers:
            yield held.popleft()
    rest = list(chain.from_iterable(held))
    while rest:
        share = _share(rest, max_objects, max_bytes, workers)
        batch = next(_runs(rest, max(1, int(max_objects * share)), int(max_bytes * share)))
        yield batch
        rest = rest[len(batch) :]


def _share(rest: Sequence[SourceObject], max_objects: int, max_bytes: int, workers: int) -> float:
    """How much of a full batch is taken of the last objects."""
    left = max(len(rest) / max_objects, sum(item.size for item in rest) / max_bytes)
    return min(1.0, left if left <= 1.5 * _LEAST_SHARE else max(left / (2 * workers), _LEAST_SHARE))


def _runs(items: Iterable[SourceObject], max_objects: int, max_bytes: int) -> Iterator[list[SourceObject]]:
    batch: list[SourceObject] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= max_objects or size + item.size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
