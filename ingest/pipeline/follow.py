"""Following a queue: objects come into the lake as S3 announces them, message by message, exactly once.

Promises: a message is deleted only after everything it names is committed. One that fails, or is no S3 event, is left:
it becomes visible again by itself, and the queue's redrive policy moves it to the dead-letter queue. Any number of
processes may follow one queue into one lake; they need nothing but the queue, the ledger and the guards. Told to stop,
a process gives up what it is reading, finishes what it is committing, and releases the messages of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from ingest.errors import SourceError
from ingest.lake.tables import Lake
from ingest.logs import Log
from ingest.pipeline.plan import unknown
from ingest.pipeline.rules import Rules
from ingest.pipeline.run import Limits, Progress, StoppedError, Summary, ingest_batch, report
from ingest.sources import Body, RewrittenError, Source, SourceObject
from ingest.sources.events import NotAnEventError, created

if TYPE_CHECKING:
    from ingest.sources.sqs import Message, Queue

POLL_SECONDS = 5
"""How long one receive waits for a first message; also the longest that a stop waits for it."""

GATHER_SECONDS = 3.0
"""How long, from its first message on, a batch that is not full waits for more."""

LONGEST_PAUSE = 60.0
"""Seconds between attempts, at most, while the queue cannot be reached."""

_log = Log()

Sources = Callable[[str], Source | None]
"""The opened source that an object (by its URI) is read through; None when it belongs to none that is followed."""


@dataclass
class _Gathered:
    """Messages, what each of them names, and the newest announced version of every object."""

    messages: dict[str, Message] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    objects: dict[str, SourceObject] = field(default_factory=dict)

    def add(self, message: Message, objects: Sequence[SourceObject]) -> None:
        self.messages[message.id] = message
        self.names[message.id] = [item.uri for item in objects]
        for item in objects:
            known = self.objects.get(item.uri)
            if known is None or known.last_modified <= item.last_modified:
                self.objects[item.uri] = item

    @property
    def size(self) -> int:
        return sum(max(item.size, 0) for item in self.objects.values())


class Held:
    """Messages being worked on, extended by a thread of its own until they are let go."""

    def __init__(self, queue: Queue) -> None:
        """Nothing is held; the thread starts with the `with` block."""
        self._queue = queue
        self._messages: dict[str, Message] = {}
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._extend_regularly, name="visibility", daemon=True)

    def __enter__(self) -> Held:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of everything; what was held becomes visible by itself."""
        self._ended.set()
        self._thread.join()

    def hold(self, message: Message) -> None:
        """Extend it from now on."""
        with self._lock:
            self._messages[message.id] = message

    def let_go(self, messages: Sequence[Message]) -> None:
        """Extend them no longer."""
        with self._lock:
            for message in messages:
                self._messages.pop(message.id, None)

    def _extend_regularly(self) -> None:
        while not self._ended.wait(self._queue.visibility_seconds / 3):
            with self._lock:
                messages = list(self._messages.values())
            try:
                self._queue.extend(messages)
            except SourceError as error:
                _log.warning("visibility not extended", error=str(error))


@dataclass(frozen=True)
class Follower:
    """What one process does with one queue."""

    queue: Queue
    sources: Sources
    lake: Lake
    limits: Limits
    rules: Rules
    progress: Progress
    stop: Event

    def follow(self) -> Summary:
        """Take batches off the queue until told to stop; what was done, with the newest failures.

        Raises:
            SourceError: the first receive failed: no such queue, or no permission.
            LakeError: the lake cannot be written; the messages come back by themselves.
        """
        total = Summary()
        started = monotonic()
        with Held(self.queue) as held:
            for gathered in self._batches(held):
                done = self._work(gathered, held)
                total.add(done)
                del total.failed[:-20]
                total.overtaken.clear()
                self.progress.done(done)
        total.seconds = monotonic() - started
        return total

    def _batches(self, held: Held) -> Iterator[_Gathered]:
        pause = 0.0
        reached = False
        while not self.stop.wait(pause):
            try:
                gathered = self._gather(held)
            except SourceError as error:
                if not reached:
                    raise
                pause = min(max(pause * 2, 1.0), LONGEST_PAUSE)
                _log.warning("queue not reached", error=str(error), again_in=pause)
                continue
            reached, pause = True, 0.0
            if gathered.messages:
                yield gathered

    def _gather(self, held: Held) -> _Gathered:
        """Messages until the batch is full, or `GATHER_SECONDS` after the first."""
        gathered = _Gathered()
        deadline = None
        while not self.stop.is_set():
            left = POLL_SECONDS if deadline is None else deadline - monotonic()
            if left <= 0 or len(gathered.objects) >= self.limits.batch_objects:
                break
            if gathered.size >= self.limits.batch_bytes or len(gathered.messages) >= 2 * self.limits.batch_objects:
                break
            try:
                messages = self.queue.receive(round(left))
            except SourceError:
                if not gathered.messages:
                    raise
                break  # what is there is worked on first; the next receive says what is wrong
            for message in messages:
                self._take(message, gathered, held)
            if deadline is None:
                deadline = monotonic() + (GATHER_SECONDS if messages else 0)
        if gathered.objects:
            self.progress.found(len(gathered.objects), gathered.size)
        return gathered

    def _take(self, message: Message, gathered: _Gathered, held: Held) -> None:
        try:
            objects = created(message.body)
        except NotAnEventError as error:
            _log.warning("message left", queue=self.queue.url, message=message.id, receives=message.receives, why=error)
            return
        held.hold(message)
        gathered.add(message, objects)

    def _work(self, gathered: _Gathered, held: Held) -> Summary:
        messages = list(gathered.messages.values())
        try:
            if self.stop.is_set():
                raise StoppedError
            done = self._ingest(list(gathered.objects.values()))
        except StoppedError:
            held.let_go(messages)
            self._tell(self.queue.release, messages)
            return Summary()
        failed = {uri for uri, _ in done.failed}.union(done.overtaken)
        finished = [message for message in messages if failed.isdisjoint(gathered.names[message.id])]
        held.let_go(messages)
        self._tell(self.queue.delete, finished)
        return done

    def _tell(self, request: Callable[[Sequence[Message]], None], messages: Sequence[Message]) -> None:
        """Ask it of the queue; when that fails the messages are delivered again, and nothing doubles."""
        try:
            request(messages)
        except SourceError as error:
            _log.warning("queue not told", messages=len(messages), error=str(error))

    def _ingest(self, objects: Sequence[SourceObject]) -> Summary:
        result = Summary()
        wanted = []
        for item in objects:
            try:
                source = self.sources(item.uri)
                known = item if source is None or item.etag else source.head(item.uri)
            except SourceError as error:
                known = error
            if isinstance(known, SourceError):
                result.failed.append((item.uri, str(known)))
                _log.warning("object not read", object=item.uri, error=str(known))
            elif source is None:
                _log.info("object of no source", object=item.uri)
            else:
                wanted.append(known)
        new = unknown(self.lake, wanted)
        if new.objects:
            done = ingest_batch(self.lake, new, self._read, self.rules, self.stop)
            report(done)
            result.add(done)
        return result

    def _read(self, objects: Sequence[SourceObject]) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        """Each object's bytes; of one that has been rewritten since it was announced, what it holds now."""
        for source, its in self._by_source(objects):
            for item, body in source.read(its):
                if not isinstance(body, RewrittenError):
                    yield item, body
                    continue
                now = source.head(item.uri)
                if isinstance(now, SourceError):
                    yield item, now
                    continue
                yield from (pair for new in unknown(self.lake, [now]).objects for pair in source.read([new]))

    def _by_source(self, objects: Sequence[SourceObject]) -> Iterator[tuple[Source, list[SourceObject]]]:
        of: dict[str, tuple[Source, list[SourceObject]]] = {}
        for item in objects:
            source = self.sources(item.uri)
            if source is not None:
                of.setdefault(source.uri, (source, []))[1].append(item)
        yield from of.values()
