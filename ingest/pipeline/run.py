"""The ingest run: workers take batches, read, parse and commit them; the summary says what happened to everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from ingest.errors import SourceError
from ingest.lake.tables import Lake
from ingest.pipeline import batch as batches_
from ingest.pipeline.assembly import Assembly
from ingest.pipeline.plan import batches, new_objects
from ingest.sources import Source, SourceObject

_log = structlog.get_logger(__name__)


@dataclass
class Summary:
    """What a run did; `failed` names every object that could not be read, with the reason."""

    objects: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Summary) -> None:
        """Count another run's or batch's results in."""
        self.objects += other.objects
        self.bytes += other.bytes
        self.rows += other.rows
        self.rejects += other.rejects
        self.skipped += other.skipped
        self.failed += other.failed
        self.seconds += other.seconds


class Progress(Protocol):
    """Told of every object set found and every batch committed."""

    def found(self, objects: int, bytes_: int) -> None:
        """So many more new objects were listed."""

    def done(self, batch: Summary) -> None:
        """A batch is committed."""


@dataclass(frozen=True)
class Limits:
    """How much is taken at once."""

    batch_objects: int
    batch_bytes: int
    workers: int


def ingest(
    source: Source,
    lake: Lake,
    limits: Limits,
    progress: Progress,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Summary:
    """Read every new object of the window into the lake, exactly once, and say what came of it."""
    started = monotonic()
    total = Summary()

    def counted() -> Iterator[list[SourceObject]]:
        try:
            for chunk in new_objects(source, lake, since, until):
                progress.found(len(chunk), sum(item.size for item in chunk))
                yield chunk
        except SourceError as error:
            # Raised once all that can be listed has been: a refused prefix must not stop the others.
            total.failed.append((source.uri, str(error)))

    running: set[Future[Summary]] = set()
    with ThreadPoolExecutor(limits.workers, thread_name_prefix="ingest") as pool:
        try:
            for batch in batches(counted(), limits.batch_objects, limits.batch_bytes):
                running.add(pool.submit(_ingest_batch, source, lake, batch))
                if len(running) >= limits.workers:
                    running = _collect(running, total, progress)
            while running:
                running = _collect(running, total, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    total.seconds = monotonic() - started
    return total


def _collect(running: set[Future[Summary]], total: Summary, progress: Progress) -> set[Future[Summary]]:
    done, pending = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        result = future.result()
        total.add(result)
        progress.done(result)
    return set(pending)


def _ingest_batch(source: Source, lake: Lake, objects: Sequence[SourceObject]) -> Summary:
    started = monotonic()
    assembly = Assembly()
    result = Summary()
    for item, body in source.read(objects):
        if isinstance(body, SourceError):
            result.failed.append((item.uri, str(body)))
            _log.warning("object not read", object=item.uri, error=str(body))
            continue
        assembly.add(item, body)
    if assembly.outcomes:
        batches_.commit(lake, assembly)
    for outcome in assembly.outcomes.values():
        result.objects += 1
        result.bytes += outcome.source.size
        result.rejects += outcome.rejects
        result.skipped += outcome.skipped
        if outcome.format and outcome.rows:
            result.rows[outcome.format] += outcome.rows
    _log.info(
        "batch committed",
        objects=result.objects,
        bytes=result.bytes,
        rows=result.rows.total(),
        rejects=result.rejects,
        failed=len(result.failed),
        seconds=round(monotonic() - started, 2),
    )
    return result
