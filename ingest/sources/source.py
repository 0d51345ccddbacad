"""What a source is: something that lists objects and reads their bytes.

Promises, of every source: a listing names an object once; an object that cannot be read yields its error and never
stops the others; what could not be listed is raised when the rest has been listed, so nothing is missed in silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from ingest.errors import SourceError
from ingest.formats.object_key import parse_key

CHUNK = 1_000
"""Objects a listing yields at a time: one page of S3's ListObjectsV2."""

IN_FLIGHT = 16
"""Requests under way at once; obstore read 6,436 small objects a second with it, on two cores."""

IN_FLIGHT_BYTES = 64 * 1024 * 1024
"""Bytes being fetched ahead of the reader; one larger object is fetched alone."""

Body = bytes | Iterable[bytes]
"""An object's stored bytes: whole, or those of a large one in parts; reading on may raise SourceError."""

LARGE = 64 * 1024 * 1024
"""Stored bytes above which an object comes in parts."""

PART = 16 * 1024 * 1024
"""Bytes of such a part."""

T = TypeVar("T")
R = TypeVar("R")


class RewrittenError(SourceError):
    """An object that is no longer the version that was listed or announced."""


class SourceObject(NamedTuple):
    """One object of a source; URI and ETag together are its identity.

    `uri` is `s3://bucket/key` (the key as it is, not URL-encoded) or `file:///absolute/path`; `etag` is without its
    quotes, for a file size and mtime; `size` is in bytes as stored; `last_modified` is aware UTC. `rewritten` is set by
    whoever knows that the lake holds another version of it.
    """

    uri: str
    etag: str
    size: int
    last_modified: datetime
    rewritten: bool = False
    attempt: int = 1


class Source(Protocol):
    """A bucket prefix or a folder."""

    uri: str

    @property
    def requests(self) -> int:
        """Requests sent to the source so far; 0 for a folder."""
        ...

    def list(self, since: datetime | None, until: datetime | None) -> Iterator[list[SourceObject]]:
        """Objects in chunks of up to 1,000, sorted by key inside a chunk.

        `since` and `until` (both inclusive, aware) limit by the time in the key, or by last_modified where the key has
        none. None means no limit on that side; the caller applies the look-back.

        Raises:
            SourceError: what could not be listed, after everything that could be has been yielded.
        """
        ...

    def read(self, objects: Sequence[SourceObject]) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        """Each object with its bytes, in the order given, fetched 16 at a time.

        An object that vanished, was rewritten since it was listed (RewrittenError), or is refused comes with its error
        instead.
        """
        ...

    def head(self, uri: str) -> SourceObject | SourceError:
        """The object of that name as it is now."""
        ...


def in_window(found: SourceObject, since: datetime | None, until: datetime | None) -> bool:
    """Whether the time in the object's key (else its last_modified) lies in [since, until]."""
    if since is None and until is None:
        return True
    time = parse_key(found.uri).time or found.last_modified
    return (since is None or time >= since) and (until is None or time <= until)


def in_chunks(objects: Iterable[SourceObject]) -> Iterator[list[SourceObject]]:
    """The objects in lists of up to `CHUNK`, each sorted by URI."""
    chunk: list[SourceObject] = []
    for found in objects:
        chunk.append(found)
        if len(chunk) == CHUNK:
            yield sorted(chunk, key=lambda o: o.uri)
            chunk = []
    if chunk:
        yield sorted(chunk, key=lambda o: o.uri)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], size: Callable[[T], int] = lambda _: 0
) -> Iterator[R]:
    """`work(item)` for each item, in order, up to `IN_FLIGHT` items and `IN_FLIGHT_BYTES` ahead of the reader."""
    waiting: deque[tuple[int, Future[R]]] = deque()
    ahead = 0
    for item in items:
        weight = size(item)
        while waiting and (len(waiting) >= IN_FLIGHT or ahead + weight > IN_FLIGHT_BYTES):
            done, future = waiting.popleft()
            ahead -= done
            yield future.result()
        waiting.append((weight, pool.submit(work, item)))
        ahead += weight
    while waiting:
        yield waiting.popleft()[1].result()
