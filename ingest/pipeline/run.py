"""The ingest run: workers take batches, read, parse and commit them; the summary says what happened to everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from time import monotonic
from typing import Protocol

from ingest.errors import EastwestError, SourceError
from ingest.lake.staging import Staging
from ingest.lake.tables import Lake, StaleError
from ingest.logs import Log
from ingest.pipeline import batch as batches_
from ingest.pipeline.assembly import Assembly
from ingest.pipeline.pieces import opened
from ingest.pipeline.plan import Found, new_objects, planned
from ingest.pipeline.rules import NO_RULES, Rules
from ingest.sources import Body, Source, SourceObject

Read = Callable[[Sequence[SourceObject]], Iterator[tuple[SourceObject, Body | SourceError]]]
Submit = Callable[[Found], "Future[Summary]"]
"""Has a batch ingested elsewhere, in another thread or process."""

_TOO_LONG = "its batch took half a day (did this machine sleep?), and others may have ingested it since; run it again"

_log = Log()


class StoppedError(Exception):
    """Work given up because the process was told to stop; nothing of it is in the lake."""


@dataclass
class Summary:
    """What a run did; `failed` names every object that could not be read, with the reason.

    `overtaken` names objects that another process began to replace meanwhile, with this or another version: they are
    left to it, and are new to the next run if it did not finish. `rules` counts what each drop and redaction rule
    touched, by its key and table. `listed`: objects that the source has in the window, new or not.
    """

    objects: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    dropped: int = 0
    skipped: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    listed: int = 0

    def add(self, other: Summary) -> None:
        """Count another run's or batch's results in."""
        self.objects += other.objects
        self.bytes += other.bytes
        self.rows += other.rows
        self.rejects += other.rejects
        self.dropped += other.dropped
        self.skipped += other.skipped
        self.rules += other.rules
        self.failed += other.failed
        self.overtaken += other.overtaken
        self.seconds += other.seconds
        self.listed += other.listed


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
    *,
    rules: Rules = NO_RULES,
    stop: Event | None = None,
    submit: Submit | None = None,
) -> Summary:
    """Read every new object of the window into the lake, exactly once, and say what came of it.

    Batches are worked on by threads of this process, or wherever `submit` gives them to. Once `stop` is set, batches
    that these threads are reading are given up and those being committed are finished.
    """
    started = monotonic()
    total = Summary()
    stopping = stop or Event()

    def listed(count: int) -> None:
        total.listed += count

    def counted() -> Iterator[Found]:
        try:
            for chunk in new_objects(source, lake, since, until, listed):
                progress.found(len(chunk.objects), sum(item.size for item in chunk.objects))
                yield chunk
        except SourceError as error:
            # Raised once all that can be listed has been: a refused prefix must not stop the others.
            total.failed.append((source.uri, str(error)))

    with nullcontext(submit) if submit else _threads(limits.workers, lake, source, rules, stopping) as work:
        running: set[Future[Summary]] = set()
        for batch in planned(lake, counted(), limits.batch_objects, limits.batch_bytes, limits.workers):
            if stopping.is_set():
                break
            running.add(work(batch))
            if len(running) >= limits.workers:
                running = _collect(running, total, progress)
        while running:
            running = _collect(running, total, progress)
    total.seconds = monotonic() - started
    return total


@contextmanager
def _threads(count: int, lake: Lake, source: Source, rules: Rules, stop: Event) -> Iterator[Submit]:
    with ThreadPoolExecutor(count, thread_name_prefix="ingest") as pool:
        try:
            yield lambda batch: pool.submit(ingest_batch, lake, batch, source.read, rules, stop)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _collect(running: set[Future[Summary]], total: Summary, progress: Progress) -> set[Future[Summary]]:
    done, pending = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        if isinstance(future.exception(), StoppedError):
            continue
        result = future.result()
        report(result)
        total.add(result)
        progress.done(result)
    return set(pending)


def ingest_batch(lake: Lake, batch: Found, read: Read, rules: Rules, stop: Event) -> Summary:
    """Read, parse and commit one batch; what could not be read, parsed or committed in time is in `failed`.

    Raises:
        StoppedError: `stop` was set before the commit began.
        LakeError: the lake cannot be written.
    """
    started = monotonic()
    result = Summary()
    for assembly in _assembled(lake, batch.objects, read, rules, stop, result):
        try:
            overtaken = {unit.uri for unit in batches_.commit(lake, assembly, batch.asked)}
        except StaleError:
            result.failed += [(outcome.source.uri, _TOO_LONG) for outcome in assembly.outcomes.values()]
            continue
        _count(assembly, overtaken, result)
    result.seconds = monotonic() - started
    return result


def report(batch: Summary) -> None:
    """Log what became of a batch."""
    for uri, why in batch.failed:
        _log.warning("object not read", object=uri, error=why)
    for uri in batch.overtaken:
        _log.info("object left to another process that began to replace it", object=uri)
    _log.info(
        "batch committed",
        objects=batch.objects,
        bytes=batch.bytes,
        rows=batch.rows.total(),
        rejects=batch.rejects,
        dropped=batch.dropped,
        failed=len(batch.failed),
        overtaken=len(batch.overtaken),
        seconds=round(batch.seconds, 2),
    )


def _assembled(
    lake: Lake, objects: Sequence[SourceObject], read: Read, rules: Rules, stop: Event, result: Summary
) -> Iterator[Assembly]:
    """The batch parsed, as one assembly; as several where memory cannot hold it, or where an object breaks it.

    An object that breaks it is found by halving what is left of the batch, so that it breaks nothing else.
    """
    assembly = Assembly(rules, Staging(lake))
    failed: list[tuple[str, str]] = []
    begun: set[str] = set()
    done: set[str] = set()
    try:
        for item, found in opened(read(objects)):
            begun.add(item.uri)
            if stop.is_set():
                raise StoppedError
            if isinstance(found, SourceError):
                failed.append((item.uri, str(found)))
                continue
            assembly.add(item, found)
            if assembly.is_full:
                assembly.finish()
                result.failed += failed
                yield assembly
                failed, assembly = [], Assembly(rules, Staging(lake))
                done |= begun
        assembly.finish()
    except Exception as error:
        # A large object that fails half read, or a fault of ours in parsing it.
        if isinstance(error, StoppedError) or (isinstance(error, EastwestError) and not isinstance(error, SourceError)):
            raise
        left = [item for item in objects if item.uri not in done]
        if len(left) > 1:
            half = len(left) // 2
            yield from _assembled(lake, left[:half], read, rules, stop, result)
            yield from _assembled(lake, left[half:], read, rules, stop, result)
            return
        why = str(error) if isinstance(error, SourceError) else f"{left[0].uri}: could not be parsed: {error!r}"
        failed = [(left[0].uri, why)]
        assembly = Assembly(rules)
    result.failed += failed
    if assembly.outcomes:
        yield assembly


def _count(assembly: Assembly, overtaken: set[str], result: Summary) -> None:
    result.rules += assembly.touched
    result.overtaken += sorted(overtaken)
    for outcome in assembly.outcomes.values():
        if outcome.source.uri in overtaken:
            continue
        result.objects += 1
        result.bytes += outcome.source.size
        result.rejects += outcome.rejects
        result.dropped += outcome.dropped
        result.skipped += outcome.skipped
        for table, rows in outcome.rows_of.items():
            result.rows[table] += rows
