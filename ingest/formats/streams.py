"""An object's text in parts, for objects too large to be held: gzip (any number of members), zstd, or plain.

Promises what `compression` promises, part by part: never raises on content; a damaged object gives what could be
decoded (to the grain of a feed), and `damage` then says what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain

from isal import isal_zlib

from ingest.formats.arrow import ArrowError, pa
from ingest.formats.compression import GZIP, LIMIT, PART, ZSTD, GzipError

FEED = 1024
"""Stored bytes given to gunzip at a time: what decodes before a damage is kept to this grain."""


class TextStream:
    """The text of a stored object that comes in parts; once read to its end, `damage` is None or what was wrong."""

    def __init__(self, stored: Iterable[bytes], limit: int = LIMIT) -> None:
        """Nothing is read yet; at most `limit` bytes come out."""
        self.damage: str | None = None
        self._stored = iter(stored)
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        """The parts, each of up to 16 MiB."""
        head = b""
        while len(head) < len(ZSTD) and (part := next(self._stored, b"")):
            head += part
        stored = chain([head], self._stored)
        if head.startswith(GZIP):
            parts = _gathered(self._gunzipped(stored))
        elif head.startswith(ZSTD):
            parts = self._unzstd(stored)
        else:
            parts = stored
        room = self._limit
        for part in parts:
            if len(part) > room:
                yield part[:room]
                self.damage = "decompresses to more than the limit"
                return
            room -= len(part)
            yield part

    def _gunzipped(self, stored: Iterable[bytes]) -> Iterator[bytes]:
        members, read = 1, 0
        stream = isal_zlib.decompressobj(wbits=31)
        for feed in filter(None, _feeds(stored)):
            read += len(feed)
            while feed:
                if stream.eof:
                    feed = feed.lstrip(b"\0") if not feed.startswith(GZIP) else feed
                    if not feed:
                        break
                    if not GZIP.startswith(feed[:2]):
                        self.damage = f"the bytes after gzip member {members} are not gzip"
                        return
                    members, stream = members + 1, isal_zlib.decompressobj(wbits=31)
                try:
                    yield stream.decompress(feed)
                except GzipError as error:
                    self.damage = f"gzip member {members}: corrupt ({error})"
                    return
                feed = stream.unused_data
        if not stream.eof:
            self.damage = f"gzip member {members}: ends in the middle, after {read} bytes"

    def _unzstd(self, stored: Iterable[bytes]) -> Iterator[bytes]:
        try:
            with pa.CompressedInputStream(pa.PythonFile(_Reader(stored), mode="r"), "zstd") as stream:
                while part := stream.read(PART):
                    yield part
        except (OSError, ArrowError) as error:
            self.damage = f"zstd: {error}"


def _feeds(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The stored bytes in small feeds, the last ones byte by byte: a wrong checksum then takes no text with it."""
    last = b""
    for part in parts:
        for start in range(0, len(part), FEED):
            yield last
            last = part[start : start + FEED]
    yield from (last[at : at + 1] for at in range(len(last)))


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Fewer, larger parts."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= PART:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


class _Reader(io.RawIOBase):
    """Parts as a file, for Arrow."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next((part for part in self._parts if part), b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
