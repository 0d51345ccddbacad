"""An object's text, cut into pieces of whole lines that fit into memory, whatever its size and that of its lines.

Promises: the pieces' lines are the object's, in order; a line longer than 16 MiB comes as a piece of its own, cut; what
is wrong with the stored bytes is said once, at the end. Envelopes are taken off, so a line is a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np

from ingest.errors import SourceError
from ingest.formats import unwrap
from ingest.formats.block import Indices
from ingest.formats.compression import PARQUET, decompress
from ingest.formats.envelopes import HEAD
from ingest.formats.scan import Marks, marks
from ingest.formats.streams import TextStream
from ingest.sources import Body, SourceObject

PIECE = 32 << 20
"""Bytes that are read at a time; an object that decompresses to fewer is read whole."""

LONGEST_LINE = 16 << 20
"""Bytes of a line that is read; no field of AWS's comes near it."""

KEPT = 64 << 10
"""Bytes that are kept of a longer one."""

MOST_LINES = 1 << 18
"""Lines of a piece: several times what 16 MiB of log hold."""

WRAPPED = 256 << 20
"""Bytes of an envelope that is read whole; Firehose writes at most 128 MiB."""

_SMALL = 128 << 10
"""Stored bytes of an object that is opened together with others."""

_TOGETHER = 16
"""So many of them: each step's code and tables are in the processor's cache from the second one on."""

_TEXT_TOGETHER = 4 << 20
"""Bytes of their text and marks, of which few bytes may hold many: no more are opened then."""


class Piece(NamedTuple):
    r"""Whole lines, each ended by `\n`; or the beginning of one line that is longer than can be read.

    `offset` is where the piece begins in the object's text, `marks` are its `scan.marks`. `line_bytes` is the length of
    a line that is too long, else 0.
    """

    data: bytes
    offset: int
    marks: Marks
    line_bytes: int = 0

    @property
    def newlines(self) -> Indices:
        """Offsets of the lines' ends."""
        controls = self.marks.controls
        if self.marks.are_newlines:
            return controls
        found: Indices = controls[np.frombuffer(self.data, dtype=np.uint8)[controls] == ord("\n")]
        return found


@dataclass(frozen=True)
class Damage:
    """What is wrong with the stored bytes, and how much text came out of them."""

    what: str
    text_bytes: int


class Parquet(NamedTuple):
    """The bytes of an object that is a Parquet file."""

    data: bytes


Opened = Parquet | Iterable[tuple[Piece | Damage, int]]
"""A stored object: a Parquet file, or its text in pieces, each with the number of its lines, damage last."""

Found = tuple[SourceObject, Body | SourceError]


def opened(objects: Iterable[Found]) -> Iterator[tuple[SourceObject, Opened | SourceError]]:
    """The objects, opened as they are asked for, small ones a few at a time; what could not be read as it came."""
    small: list[tuple[SourceObject, bytes]] = []
    for source, body in objects:
        if isinstance(body, bytes) and len(body) <= _SMALL:
            small.append((source, body))
            if len(small) == _TOGETHER:
                yield from _together(small)
                small = []
            continue
        yield from _together(small)
        small = []
        yield source, body if isinstance(body, SourceError) else open_body(body)
    yield from _together(small)


def _together(objects: Iterable[tuple[SourceObject, bytes]]) -> Iterator[tuple[SourceObject, Opened]]:
    ready: list[tuple[SourceObject, Opened]] = []
    weight = 0
    for source, body in objects:
        found = open_body(body)
        if isinstance(found, Parquet):
            ready.append((source, found))
            continue
        taken, rest = [], iter(found)
        for each in rest:
            taken.append(each)
            weight += _weight(each[0])
            if weight > _TEXT_TOGETHER:
                break
        # Few bytes may hold gigabytes of text: what is left of it is cut as it is asked for.
        ready.append((source, chain(taken, rest)))
        if weight > _TEXT_TOGETHER:
            yield from ready
            ready, weight = [], 0
    yield from ready


def _weight(piece: Piece | Damage) -> int:
    return len(piece.data) + piece.marks.controls.nbytes if isinstance(piece, Piece) else 0


def open_body(body: Body) -> Opened:
    """A stored object's bytes, opened; of a large one that comes in parts, as its pieces are asked for."""
    whole, body = begun(body)
    if whole.startswith(PARQUET):
        return Parquet(whole if isinstance(body, bytes) else b"".join(body))
    return counted(pieces(body))


def pieces(body: Body) -> Iterator[Piece | Damage]:
    """The text of a stored object in pieces; damage, if any, last."""
    if isinstance(body, bytes):
        small = decompress(body, PIECE)
        if len(small.data) < PIECE:
            found = marks(small.data)
            text = unwrap(small.data, found)
            if text is small.data and text.endswith(b"\n") and len(text) <= LONGEST_LINE:
                yield Piece(text, 0, found)
            else:
                yield from _lines(text if not text or text.endswith(b"\n") else text + b"\n", 0)
            if small.damage:
                yield Damage(small.damage, len(small.data))
            return
    stream = TextStream([body] if isinstance(body, bytes) else body)
    text_bytes = 0
    for piece in _cut(_unwrapped(stream)):
        text_bytes = piece.offset + (piece.line_bytes or len(piece.data))
        yield piece
    if stream.damage:
        yield Damage(stream.damage, text_bytes)


def begun(body: Body) -> tuple[bytes, Body]:
    """The body's first bytes (all of them when it is whole), and the body, still complete."""
    if isinstance(body, bytes):
        return body, body
    rest = iter(body)
    first = next(rest, b"")
    return first, chain([first], rest)


def _unwrapped(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts, those of an envelope put together and taken out of it."""
    rest = iter(parts)
    head = _at_least(HEAD, b"", rest)
    text = unwrap(head)
    if text is not head:
        text = unwrap(_at_least(WRAPPED, head, rest))
    yield text
    yield from rest


def _at_least(size: int, first: bytes, rest: Iterator[bytes]) -> bytes:
    parts = [first]
    while size > 0 and (part := next(rest, b"")):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _cut(parts: Iterable[bytes]) -> Iterator[Piece]:
    """The parts cut after newlines instead; the last line gets one if it has none."""
    rest, offset, overlong = b"", 0, 0
    for part in parts:
        if overlong:
            newline = part.find(b"\n")
            overlong += len(part) if newline < 0 else newline
            if newline < 0:
                continue
            yield _piece(rest + b"\n", offset, overlong)
            offset += overlong + 1
            rest, overlong, part = b"", 0, part[newline + 1 :]
        data = rest + part
        end = data.rfind(b"\n") + 1
        yield from _lines(data[:end], offset)
        offset, rest = offset + end, data[end:]
        if len(rest) > LONGEST_LINE:
            overlong, rest = len(rest), rest[:KEPT]
    if overlong or rest:
        yield _piece(rest + b"\n", offset, overlong)


def _lines(text: bytes, offset: int) -> Iterator[Piece]:
    """Whole lines in pieces of at most the longest line; a line that is longer by itself, cut."""
    at, longest = 0, LONGEST_LINE + len(b"\n")
    while at < len(text):
        end = len(text) if len(text) - at <= longest else text.rfind(b"\n", at, at + longest) + 1
        if end:
            yield _piece(text[at:end], offset + at)
        else:
            end = text.index(b"\n", at) + 1
            yield _piece(text[at : at + KEPT] + b"\n", offset + at, end - 1 - at)
        at = end


def _piece(data: bytes, offset: int, line_bytes: int = 0) -> Piece:
    return Piece(data, offset, marks(data), line_bytes)


def counted(found: Iterable[Piece | Damage]) -> Iterator[tuple[Piece | Damage, int]]:
    """The pieces with how many lines each has, those of very short lines cut into several."""
    for piece in found:
        if isinstance(piece, Damage):
            yield piece, 0
            continue
        newlines = piece.newlines
        if len(newlines) <= MOST_LINES:
            yield piece, len(newlines)
            continue
        starts = newlines[MOST_LINES - 1 :: MOST_LINES] + 1
        edges = [0, *starts.tolist()]
        for start, end in pairwise([*edges, len(piece.data)] if edges[-1] < len(piece.data) else edges):
            part = _piece(piece.data[start:end], piece.offset + start)
            yield part, len(part.newlines)
