"""Searching a block's bytes with NumPy, a window at a time.

A mask of a whole block would be as large as the block, and most of its cost the kernel's handing out of fresh pages: in
windows that stay in the cache the same search takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.formats import compiled

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

WINDOW = 1 << 18

_BYTES_A_MARK = 64
"""No log has more marks than that, as a rule: they are looked for again when there is no room."""


def _windows(data: Bytes, beyond: int = 0) -> Iterator[tuple[int, Bytes]]:
    """The data in windows that overlap by so many bytes, each with its offset."""
    for start in range(0, len(data), WINDOW):
        yield start, data[start : start + WINDOW + beyond]


def _joined(parts: list[Offsets]) -> Offsets:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def positions(data: Bytes, byte: int) -> Offsets:
    """Offsets of a byte."""
    return _joined([np.flatnonzero(window == byte) + start for start, window in _windows(data)])


def pairs(data: Bytes, first: bytes, second: bytes) -> Offsets:
    """Offsets of any of the first bytes that is followed by any of the second."""
    parts = []
    for start, window in _windows(data, 1):
        here, there = window[:-1], window[1:]
        found = _any_of(here, first) & _any_of(there, second)
        parts.append(np.flatnonzero(found) + start)
    return _joined(parts)


def _any_of(window: Bytes, allowed: bytes) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = window == allowed[0]
    for byte in allowed[1:]:
        found |= window == byte
    return found


class Marks(NamedTuple):
    """Offsets of what is rare in a line and decides how it is read, and whether all of the text is ASCII."""

    offsets: Offsets
    is_ascii: bool


def marks(data: Bytes) -> Marks:
    """Where controls, newlines among them, and `}` are.

    And `~` and DEL: less 32, all of these are above `|`, so that one comparison finds them.
    """
    library = compiled.library()
    if library is None:
        return _marks(data)
    high, room, count = np.empty(1, dtype=np.uint8), 0, len(data) // _BYTES_A_MARK + 1
    while count > room:
        room = count
        found = np.empty(room, dtype=np.int64)
        count = library.eastwest_marks(data.ctypes.data, len(data), found.ctypes.data, room, high.ctypes.data)
    return Marks(found[:count].copy(), not high[0])


def _marks(data: Bytes) -> Marks:
    """The same, where nothing is compiled."""
    parts, is_ascii = [], True
    for start, window in _windows(data):
        found = window - np.uint8(32) > ord("|") - 32
        if window.max() > 127:
            # Above `|`, too, and in some texts every byte is.
            found &= window < 128
            is_ascii = False
        parts.append(np.flatnonzero(found) + start)
    return Marks(_joined(parts), is_ascii)


def controls(data: Bytes, found_marks: Marks | None = None) -> Offsets:
    """Offsets of the control characters among the marks, which are looked for where they are not known."""
    found = (marks(data) if found_marks is None else found_marks).offsets
    return found[data[found] < ord(" ")]


def count_pairs(data: Bytes, pair: bytes, ignoring: bytes = b"\0\0") -> int:
    """How often two bytes stand side by side, whatever their bits that `ignoring` has set.

    Two bytes are compared at once, first at even offsets and then at odd ones: twice as fast as byte by byte.
    """
    found = 0
    wanted, ignored = (int.from_bytes(text, "little") for text in (pair, ignoring))
    for _, window in _windows(data, 1):
        for begin in (0, 1):
            length = (len(window) - begin) & ~1
            both = window[begin : begin + length].view("<u2")
            found += int(np.count_nonzero((both | ignored if ignored else both) == (wanted | ignored)))
    return found


def count_keys(data: Bytes) -> tuple[int, int]:
    """In JSON lines: how many `":` are not followed by an n (of null), and how many colons stand after a space."""
    keys = spaced = 0
    for _, window in _windows(data, 2):
        colons = window[1:-1] == ord(":")
        keys += int(np.count_nonzero(colons & (window[:-2] == ord('"')) & (window[2:] != ord("n"))))
        spaced += int(np.count_nonzero(colons & (window[:-2] == ord(" "))))
    return keys, spaced


def find(data: bytes, what: bytes) -> Offsets:
    """Offsets of all occurrences that do not overlap; for what is rare."""
    found, at = [], data.find(what)
    while at >= 0:
        found.append(at)
        at = data.find(what, at + len(what))
    return np.array(found, dtype=np.int64)
