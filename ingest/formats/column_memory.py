"""The columns that the compiled reader fills, in memory that Arrow takes over.

Promises: a block's columns lie in a few pieces of memory instead of five each; what is kept of one when its arrays are
made is the numbers and the texts, not what the reader needed to find them. The structure is `struct column` of
`cutter.c`, field by field.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.formats.arrow import pa
from ingest.formats.kinds import Kept

Numbers = npt.NDArray[Any]

COLUMN = np.dtype(
    [
        ("kind", np.int32),
        ("required", np.int32),
        ("least", np.int64),
        ("most", np.int64),
        ("valid", np.uint64),
        ("values", np.uint64),
        ("entries", np.uint64),
        ("slots", np.uint64),
        ("size", np.int64),
        ("count", np.int64),
        ("last", np.int64),
        ("nulls", np.int64),
        ("length", np.int64),
    ]
)
_ALIGNED = 64
"""Bytes: where Arrow wants an array to begin."""
_FIRST_SLOTS = 256
_INDEX, _OFFSET, _TEXT, _SLOT = 4, 4, 16, 8
"""Bytes of a number in a dictionary, of where Arrow's text ends, of a text's start and length, and of a slot of a
dictionary's hash table."""
_SIZES = {
    Kept.TEXT: 0,
    Kept.DICTIONARY: 0,
    Kept.INT32: 4,
    Kept.INT64: 8,
    Kept.REAL: 8,
    Kept.SECONDS: 8,
    Kept.TIME: 8,
    Kept.EPOCH: 8,
}
"""Bytes of a value, where it is none of a text."""


class _Memory:
    """So many bytes, aligned, with nothing in them."""

    def __init__(self, size: int) -> None:
        self.bytes = np.empty(size + _ALIGNED, dtype=np.uint8)
        self.begin = -self.bytes.ctypes.data % _ALIGNED
        self.address = self.bytes.ctypes.data + self.begin
        self._arrow = pa.py_buffer(self.bytes)

    def part(self, at: int, size: int) -> Any:
        """Some of it as Arrow's."""
        return self._arrow.slice(self.begin + at, size)


@dataclass(frozen=True, eq=False)
class Columns:
    """What the columns are, whatever the number of rows: the reader's structures without memory, and Arrow's types."""

    told: Numbers
    types: Sequence[Any]

    def __post_init__(self) -> None:
        """Refuse what Arrow would read otherwise than it is written."""
        for kind, size, type_ in zip(self.told["kind"].tolist(), self.sizes.tolist(), self.types, strict=True):
            if size and size != type_.byte_width:
                raise TypeError(f"{Kept(kind)!r} is not how {type_} is kept")

    @cached_property
    def sizes(self) -> Numbers:
        """Bytes of each column's values, 0 where they are texts."""
        return np.array([_SIZES[Kept(kind)] for kind in self.told["kind"].tolist()])


class Filled:
    """Those columns with memory for so many rows, for one call of the reader."""

    def __init__(self, columns: Columns, room: int) -> None:
        """Nothing is in it yet."""
        self.told = columns.told.copy()
        self._types = columns.types
        kinds = self.told["kind"]
        self._is_text, self._is_dictionary = kinds == Kept.TEXT, kinds == Kept.DICTIONARY
        slots = max(_FIRST_SLOTS, 1 << (2 * room - 1).bit_length())
        texts = _TEXT * room
        self._scratch, (self._valid, pieces, entries, tables) = _placed(
            np.full(len(kinds), room),
            texts * self._is_text,
            texts * self._is_dictionary,
            _SLOT * slots * self._is_dictionary,
        )
        # Apart, because the numbers of a dictionary are made anew when those of several blocks become one.
        self._indices, (numbers,) = _placed(_INDEX * room * self._is_dictionary)
        self._values, (values,) = _placed(columns.sizes * room)
        self._sizes, self._at = columns.sizes, np.where(self._is_dictionary, numbers, values)
        self.told["valid"] = self._valid + self._scratch.address
        self.told["entries"] = entries + self._scratch.address
        self.told["slots"] = tables + self._scratch.address
        self.told["values"] = np.select(
            [self._is_text, self._is_dictionary],
            [pieces + self._scratch.address, numbers + self._indices.address],
            values + self._values.address,
        )

    @property
    def address(self) -> int:
        """Where the structures begin."""
        return self.told.ctypes.data

    def arrays(self, rows: int, library: ctypes.CDLL) -> list[Any]:
        """The columns' first rows as Arrow arrays, in order; what was read has to be there still."""
        counts = np.where(self._is_text, rows, self.told["count"])
        has_texts = self._is_text | self._is_dictionary
        packed, (offsets, texts) = _placed(_OFFSET * (counts + 1) * has_texts, self.told["length"] * has_texts)
        library.eastwest_pack(
            len(self.told), self.address, rows, packed.address, offsets.ctypes.data, texts.ctypes.data
        )
        found = []
        columns = zip(
            self._types, self.told["kind"].tolist(), self.told["nulls"].tolist(), counts.tolist(),
            self.told["length"].tolist(), offsets.tolist(), texts.tolist(), self._valid.tolist(), self._at.tolist(),
            self._sizes.tolist(), strict=True,
        )  # fmt: skip
        for type_, kind, nulls, count, length, offset, text, valid_at, at, size in columns:
            valid = self._bits(valid_at, rows) if nulls else None
            if size:
                values = self._values.part(at, size * rows)
                found.append(pa.Array.from_buffers(type_, rows, [valid, values], nulls))
                continue
            pieces = [packed.part(offset, _OFFSET * (count + 1)), packed.part(text, length)]
            if kind == Kept.TEXT:
                found.append(pa.StringArray.from_buffers(count, *pieces, valid, nulls))
                continue
            numbers = pa.Array.from_buffers(pa.int32(), rows, [valid, self._indices.part(at, _INDEX * rows)], nulls)
            known = pa.StringArray.from_buffers(count, *pieces)
            found.append(pa.DictionaryArray.from_arrays(numbers, known, safe=False))
        return found

    def _bits(self, at: int, rows: int) -> Any:
        """Which rows have a value there, a bit each."""
        begin = self._scratch.begin + at
        return pa.py_buffer(np.packbits(self._scratch.bytes[begin : begin + rows], bitorder="little"))


def _placed(*sizes: Numbers) -> tuple[_Memory, list[Numbers]]:
    """Memory for so many bytes each, and where each of them begins in it."""
    padded = (np.concatenate(sizes).astype(np.int64) + _ALIGNED - 1) // _ALIGNED * _ALIGNED
    ends = np.cumsum(padded)
    return _Memory(int(ends[-1])), np.split(ends - padded, len(sizes))
