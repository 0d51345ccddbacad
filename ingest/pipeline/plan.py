"""What to read: the listed objects that the ledger does not hold, cut into batches.

Another process may ingest them before their turn comes, and guards are forgotten after a day (`renewal`). So each batch
says when the ledger was asked about it, and one that has waited for an hour is looked up again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from ingest.lake import ledger
from ingest.lake.tables import Lake
from ingest.sources import Source, SourceObject

_LISTED_FIRST = 50_000
_LISTED_AT_ONCE = 200_000
_LEAST_SHARE = 0.375
"""Of a full batch: the commits of a smaller one cost as much as its rows."""
_FRESH_SECONDS = 3600
_HELD = 3
"""Batches a worker that are held back until it is known how much there is."""


class Found(NamedTuple):
    """Objects that are not in the lake, and when the ledger was asked about them (`time.time()`)."""

    objects: Sequence[SourceObject]
    asked: float


def new_objects(
    source: Source,
    lake: Lake,
    since: datetime | None,
    until: datetime | None,
    on_listed: Callable[[int], None] = lambda _: None,
) -> Iterator[Found]:
    """Listed objects of the window that are not in the lake yet, in the order of their keys, in chunks.

    `on_listed` is told how many were listed, new or not.
    """
    reading = ledger.prepare(lake)
    for listed in _gather(source.list(since, until), lambda: not reading.is_alive()):
        on_listed(len(listed))
        found = unknown(lake, listed)
        if found.objects:
            yield found


def unknown(lake: Lake, objects: Sequence[SourceObject]) -> Found:
    """Those that the ledger does not hold, each with whether it holds another version."""
    asked = time.time()
    found = ledger.unknown(lake, [item.uri for item in objects], [item.etag for item in objects])
    new = [
        objects[at] if objects[at].rewritten == rewritten else objects[at]._replace(rewritten=rewritten)
        for at, rewritten in found.items()
    ]
    return Found(new, asked)


def _gather(chunks: Iterable[Sequence[SourceObject]], is_ready: Callable[[], bool]) -> Iterator[list[SourceObject]]:
    """Fewer, larger chunks: one look into the ledger passes over all of it. The first comes soon, others grow.

    Until the ledger `is_ready` to be looked into, there is nothing better to do than to list.
    """
    gathered: list[SourceObject] = []
    wanted = _LISTED_FIRST
    for chunk in chunks:
        gathered.extend(chunk)
        if len(gathered) >= _LISTED_AT_ONCE or (len(gathered) >= wanted and is_ready()):
            yield gathered
            gathered, wanted = [], min(2 * wanted, _LISTED_AT_ONCE)
    if gathered:
        yield gathered


def planned(lake: Lake, chunks: Iterable[Found], max_objects: int, max_bytes: int, workers: int = 1) -> Iterator[Found]:
    """The chunks cut into `batches`; of one that has waited for an hour, what is new even then."""
    waiting: deque[tuple[int, float]] = deque()

    def noted() -> Iterator[Sequence[SourceObject]]:
        for found in chunks:
            waiting.append((len(found.objects), found.asked))
            yield found.objects

    for batch in batches(noted(), max_objects, max_bytes, workers):
        # Objects come in the order in which they were looked up: the first of a batch have waited longest.
        batch_found, left = Found(batch, waiting[0][1]), len(batch)
        while left:
            count, asked = waiting.popleft()
            if count > left:
                waiting.appendleft((count - left, asked))
            left = max(0, left - count)
        # Not monotonic: that clock stands still while a machine sleeps, and others go on.
        if time.time() - batch_found.asked > _FRESH_SECONDS:
            batch_found = unknown(lake, batch)
        if batch_found.objects:
            yield batch_found


def batches(
    chunks: Iterable[Sequence[SourceObject]], max_objects: int, max_bytes: int, workers: int = 1
) -> Iterator[list[SourceObject]]:
    """Runs of objects of at most so many objects and stored bytes; a larger object is a batch of its own.

    For several workers the last ones, of a small ingest all, are of one size, and as many as give each worker the same
    number: none is left alone at the end.
    """
    limits = max_objects, max_bytes
    held: deque[list[SourceObject]] = deque()
    yielded = 0
    for batch in _runs(chain.from_iterable(chunks), limits):
        held.append(batch)
        if len(held) > (_HELD * workers if workers > 1 else 0):
            yield held.popleft()
            yielded += 1
    rest = list(chain.from_iterable(held))
    parts = _parts(_fill(rest, limits), yielded, workers)
    while rest:
        share = _fill(rest, limits) / max(1, parts)
        batch = next(_runs(rest, limits, share))
        yield batch
        rest, parts = rest[len(batch) :], parts - 1


def _parts(fill: float, yielded: int, workers: int) -> int:
    """How many batches to make of what fills so many, after those that were yielded."""
    whole = -(-(yielded + fill) // workers) * workers - yielded
    return min(int(whole), int(fill / _LEAST_SHARE))


def _fill(items: Sequence[SourceObject], limits: tuple[int, int]) -> float:
    """How much of a batch the objects are: 1 is a full one."""
    return max(len(items) / limits[0], sum(item.size for item in items) / limits[1])


def _runs(items: Iterable[SourceObject], limits: tuple[int, int], share: float = 1.0) -> Iterator[list[SourceObject]]:
    """Runs of objects within the limits, each as near as can be to that share of a full batch."""
    batch: list[SourceObject] = []
    count = size = 0
    for item in items:
        full = count + 1 > limits[0] or size + item.size > limits[1]
        if batch and (full or max((count + 0.5) / limits[0], (size + item.size / 2) / limits[1]) > share):
            yield batch
            batch, count, size = [], 0, 0
        batch.append(item)
        count += 1
        size += item.size
    if batch:
        yield batch
