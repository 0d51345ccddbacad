"""Searching a block's bytes with NumPy, a window at a time.

A mask of a whole block would be as large as the block, and most of its cost the kernel's handing out of fresh pages: in
windows that stay in the cache the same search takes a third of the time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.formats import compiled

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

WINDOW = 1 << 18

_SHOWN = np.ones(256, dtype=np.bool_)
_SHOWN[list(b" \t\n\r\v\f")] = False
"""Which bytes are more than white space, as `bytes.strip` says."""

_BYTES_A_CONTROL = 64
"""No log has more of them than that, as a rule: they are looked for again when there is no room."""


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
    """Where the control characters of a text are, newlines among them, and what is rare and decides how it is read.

    `are_newlines`: whether there are no other controls. `is_joined`: whether an object begins on the line on which
    another ends: `}{`, with one space or tab between at most.
    """

    controls: Offsets
    is_ascii: bool
    are_newlines: bool
    is_joined: bool
    has_backslash: bool


_NOT_ASCII, _OTHERS, _JOINED, _BACKSLASH = 1, 2, 4, 8
"""The bits that `eastwest_marks` sets."""


def marks(text: bytes) -> Marks:
    """What one pass over a text tells."""
    library = compiled.library()
    if library is None:
        return _marks(np.frombuffer(text, dtype=np.uint8))
    told, room, count = ctypes.c_uint8(), 0, len(text) // _BYTES_A_CONTROL + 1
    while count > room:
        room = count
        found = np.empty(room, dtype=np.int64)
        # Not `found.ctypes`, which takes as long to make as a small text to look through.
        count = library.eastwest_marks(text, len(text), found.__array_interface__["data"][0], room, ctypes.byref(told))
    bits = told.value
    return Marks(
        found[:count].copy(),
        not bits & _NOT_ASCII,
        not bits & _OTHERS,
        bool(bits & _JOINED),
        bool(bits & _BACKSLASH),
    )


def joined(found: Sequence[Marks], lengths: Sequence[int]) -> Marks:
    """The marks of texts of these lengths back to back, each of whole lines."""
    begins = np.cumsum(lengths) - lengths
    return Marks(
        np.concatenate([each.controls for each in found]) + np.repeat(begins, [len(each.controls) for each in found]),
        is_ascii=all(each.is_ascii for each in found),
        are_newlines=all(each.are_newlines for each in found),
        is_joined=any(each.is_joined for each in found),
        has_backslash=any(each.has_backslash for each in found),
    )


def _marks(data: Bytes) -> Marks:
    """The same, where nothing is compiled.

    Less 32, controls and `}` are above `|` (so are `~` and DEL): one comparison finds them.
    """
    parts, is_ascii, has_backslash = [], True, False
    for start, window in _windows(data):
        found = window - np.uint8(32) > ord("|") - 32
        if window.max() > 127:
            # Above `|`, too, and in some texts every byte is.
            found &= window < 128
            is_ascii = False
        parts.append(np.flatnonzero(found) + start)
        has_backslash = has_backslash or bool((window == ord("\\")).any())
    offsets = _joined(parts)
    marked = data[offsets]
    is_control = marked < ord(" ")
    are_newlines = bool((marked[is_control] == ord("\n")).all())
    is_joined = _is_joined(data, offsets[marked == ord("}")])
    return Marks(offsets[is_control], is_ascii, are_newlines, is_joined, has_backslash)


def _is_joined(data: Bytes, closing: Offsets) -> bool:
    after = closing + 1
    for _ in range(2):
        after = after[after < len(data)]
        next_ = data[after]
        if (next_ == ord("{")).any():
            return True
        after = after[(next_ == ord(" ")) | (next_ == ord("\t"))] + 1
    return False


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


def filled(data: Bytes, ends: Offsets) -> Offsets:
    """Indices of the lines, of which the offsets after their ends are given, that hold more than white space."""
    if not len(ends):
        return ends
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    return np.flatnonzero(np.logical_or.reduceat(_SHOWN[data], starts))


def find(data: bytes, what: bytes) -> Offsets:
    """Offsets of all occurrences that do not overlap; for what is rare."""
    found, at = [], data.find(what)
    while at >= 0:
        found.append(at)
        at = data.find(what, at + len(what))
    return np.array(found, dtype=np.int64)
