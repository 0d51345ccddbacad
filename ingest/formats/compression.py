"""From an object's stored bytes to its text: gzip (any number of members), zstd, or plain, told by magic bytes.

Never raises: a damaged body gives what could be decoded, and what is wrong with it. Parquet passes through untouched.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from isal import isal_zlib

from ingest.formats import compiled
from ingest.formats.arrow import ArrowError, pa

GZIP = b"\x1f\x8b"
GZIP_MEMBER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04]", re.DOTALL)
ZSTD = b"\x28\xb5\x2f\xfd"
PARQUET = b"PAR1"

GzipError: Any = isal_zlib.error

FINE = 64
"""Bytes fed at a time around the damage of a stream: what decodes before it is kept to this grain."""

PART = 16 << 20
"""Most bytes decoded in one call."""

LIMIT = 4 << 30
"""Most bytes that one object may decompress to."""


class Decompressed(NamedTuple):
    """The bytes, and what was wrong with the stored ones (None when nothing was)."""

    data: bytes
    damage: str | None = None


def decompress(body: bytes, limit: int = LIMIT) -> Decompressed:
    """The text of a stored object; checks gzip's CRC and length. At most `limit` bytes come out."""
    if body.startswith(GZIP):
        return _gunzip(body, limit)
    if body.startswith(ZSTD):
        return _unzstd(body, limit)
    return Decompressed(body)


def _gunzip(body: bytes, limit: int) -> Decompressed:
    size = int.from_bytes(body[-4:], "little")
    if size <= limit and not _has_members(body):
        # One member for certain: the length in its last four bytes allows one allocation, three times as fast. A byte
        # more than it, or isal doubles what is full before it looks whether there is more.
        try:
            data = isal_zlib.decompress(body, wbits=31, bufsize=size + 1)
            if len(data) == size:
                return Decompressed(data)
        except GzipError:
            pass
    return _gunzip_members(body, limit)


def _has_members(body: bytes) -> bool:
    """Whether something after its beginning looks like another member of a gzip stream."""
    library = compiled.library()
    if library is None:
        return GZIP_MEMBER.search(body, 3) is not None
    return int(library.eastwest_member(body, len(body), 3)) >= 0


def _gunzip_members(body: bytes, limit: int) -> Decompressed:
    parts: list[bytes] = []
    room, rest, members = limit, body, 0
    while rest:
        if not rest.startswith(GZIP):
            if not rest.strip(b"\0"):
                break
            return Decompressed(b"".join(parts), f"{len(rest)} bytes after gzip member {members} are not gzip")
        members += 1
        decoded, rest, damage = _gunzip_one(rest, room)
        parts += decoded
        room -= sum(map(len, decoded))
        if damage:
            return Decompressed(b"".join(parts), f"gzip member {members}: {damage}")
    return Decompressed(parts[0] if len(parts) == 1 else b"".join(parts))


def _gunzip_one(body: bytes, room: int) -> tuple[list[bytes], bytes, str | None]:
    """One member: what it decodes to, the bytes after it, and what is wrong with it."""
    parts: list[bytes] = []
    stream, feed = isal_zlib.decompressobj(wbits=31), body
    try:
        while not stream.eof and (part := stream.decompress(feed, min(room + 1, PART))):
            parts.append(part)
            room -= len(part)
            if room < 0:
                parts[-1] = part[:room]
                return parts, b"", "decompresses to more than the limit"
            feed = stream.unconsumed_tail
    except GzipError as error:
        done = len(body) - len(feed)
        return parts + _salvage(body, done, sum(map(len, parts))), b"", f"corrupt ({error})"
    if stream.eof:
        return parts, stream.unused_data, None
    return parts, b"", f"ends in the middle, after {len(body)} bytes"


def _salvage(body: bytes, done: int, skip: int) -> list[bytes]:
    """What decodes between the last part that was whole, `skip` bytes in, and the damage."""
    stream, parts, at = isal_zlib.decompressobj(wbits=31), [], 0
    try:
        parts.append(stream.decompress(body[:done]))
        # Byte by byte at the end, so that a wrong checksum takes no text with it.
        end = max(done, len(body) - FINE)
        for at in range(done, end, FINE):
            parts.append(stream.decompress(body[at : min(at + FINE, end)]))
        for at in range(end, len(body)):
            parts.append(stream.decompress(body[at : at + 1]))
    except GzipError:
        pass
    return [b"".join(parts)[skip : skip + PART]]


def _unzstd(body: bytes, limit: int) -> Decompressed:
    parts: list[bytes] = []
    room = limit
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            while part := stream.read(1 << 20):
                parts.append(part[:room])
                room -= len(part)
                if room < 0:
                    return Decompressed(b"".join(parts), "zstd: decompresses to more than the limit")
    except (OSError, ArrowError) as error:
        return Decompressed(b"".join(parts), f"zstd: {error}")
    return Decompressed(b"".join(parts))
