"""Plain lines of one form read straight into typed columns, by a reader that is compiled where there is a C compiler.

Promises: what `read` takes for a row is what the careful parser makes of that line; every other line it leaves alone.
Without a compiler at installation it leaves all of them, and Arrow cuts the lines: the same rows, more slowly.
`cutter.c` says what it relies on; structures and numbers here are its own, field by field.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.formats import compiled
from ingest.formats.arrow import pa
from ingest.formats.block import Indices
from ingest.formats.fields import Field, Texts, extra_column, row_schema
from ingest.formats.kinds import TEXT, Compiled, Kept
from ingest.formats.lines import Lines, Mask
from ingest.lake.schema import Table

MOST_PLACES = 100
"""More fields than AWS will ever write in a line; each takes memory, whatever is in it."""

_FIRST_SLOTS = 256
_MOST_BYTES = 2**31 - 1


class Shape(IntEnum):
    """Where a value ends: at the delimiter; at the first quote; at either, as it begins; behind its digits, as JSON."""

    BARE = 0
    ENCLOSED = 1
    EITHER = 2
    NUMBER = 3


@dataclass(frozen=True)
class Place:
    """A field's place in a line: the text around its value, and where that ends.

    What is no field of the table (None) goes to `extra` under this name.
    """

    name: str
    field: Field | None
    shape: Shape
    before: bytes = b""
    after: bytes = b""

    @property
    def compiled(self) -> Compiled | None:
        """How its values are kept; None where only Python knows."""
        return self.field.kind.compiled if self.field else TEXT.compiled

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it fills."""
        return self.field.columns if self.field else (self.name,)


class _Column(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int32),
        ("required", ctypes.c_int32),
        ("least", ctypes.c_int64),
        ("most", ctypes.c_int64),
        ("valid", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("entries", ctypes.c_void_p),
        ("slots", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("last", ctypes.c_int64),
    )


class _Field(ctypes.Structure):
    _fields_ = (
        ("shape", ctypes.c_int32),
        ("parts", ctypes.c_int32),
        ("before", ctypes.c_char_p),
        ("after", ctypes.c_char_p),
        ("before_length", ctypes.c_int64),
        ("after_length", ctypes.c_int64),
        ("columns", ctypes.c_void_p),
    )


class _Form(ctypes.Structure):
    _fields_ = (
        ("delimiter", ctypes.c_uint8),
        ("quote", ctypes.c_uint8),
        ("may_be_empty", ctypes.c_uint8),
        ("fields", ctypes.c_int64),
        ("field", ctypes.c_void_p),
        ("seed", ctypes.c_uint64),
    )


_SEED = int.from_bytes(os.urandom(8), "little")
_TEXT = np.dtype([("start", np.int64), ("length", np.int64)])
_VALUES: dict[Kept, npt.DTypeLike] = {
    Kept.TEXT: _TEXT,
    Kept.DICTIONARY: np.int32,
    Kept.INT32: np.int32,
    Kept.INT64: np.int64,
    Kept.REAL: np.float64,
    Kept.SECONDS: np.float64,
    Kept.TIME: np.int64,
    Kept.EPOCH: np.int64,
}


def is_compiled() -> bool:
    """Whether there is a compiled reader."""
    return compiled.library() is not None


class _Memory:
    """What the reader writes of one column: for each row a value, and whether there is one; a dictionary's texts."""

    def __init__(self, kept: Kept, type_: Any, room: int) -> None:
        self.kept = kept
        self.type = type_
        # The reader writes a value or that there is none, so that it writes to half as many places.
        self.valid = np.ones(room, dtype=np.uint8)
        self.values = np.zeros(room, dtype=_VALUES[kept])
        self.dictionary: tuple[npt.NDArray[Any], ...] = ()
        if kept not in (Kept.TEXT, Kept.DICTIONARY) and type_.byte_width != self.values.itemsize:
            raise TypeError(f"{kept!r} is not how {type_} is kept")
        if kept is Kept.DICTIONARY:
            slots = max(_FIRST_SLOTS, 1 << (2 * room - 1).bit_length())
            self.dictionary = np.empty(room, dtype=_TEXT), np.empty(slots, dtype=np.uint64)

    def column(self, least: int, most: int, required: bool) -> _Column:
        """The same for the reader, with what it has to know of the column."""
        arrays = (self.valid, self.values, *self.dictionary)
        return _Column(self.kept, required, least, most, *(array.ctypes.data for array in arrays))


def read_rows(
    lines: Lines,
    wanted: Mask,
    places: Sequence[Place],
    table: Table,
    *,
    delimiter: bytes,
    quote: bytes = b"\0",
    may_be_empty: bool = False,
) -> tuple[Any, Indices]:
    """Rows (as `fields.typed` gives them) of those of the wanted lines that are of the form, and their lines.

    Wanted lines are valid UTF-8 without control characters. No bare value holds the `quote`.
    """
    library, room, schema = compiled.library(), int(np.count_nonzero(wanted)), row_schema(table)
    if (
        library is None
        or not room
        or len(lines.data) > _MOST_BYTES
        or len(places) > MOST_PLACES
        or any(place.compiled is None for place in places)
        or not any(place.field and table.time in place.columns for place in places)
    ):
        return schema.empty_table(), np.empty(0, dtype=np.int64)
    memories, columns, fields = _structures(places, table, room)
    form = _Form(delimiter[0], quote[0], may_be_empty, len(fields), ctypes.addressof(fields), _SEED)
    at, ends = np.empty(room, dtype=np.int64), np.ascontiguousarray(lines.ends, dtype=np.int64)
    mask = np.ascontiguousarray(wanted, dtype=np.bool_)
    rows = library.eastwest_read(
        lines.data, ends.ctypes.data, mask.ctypes.data, len(lines), ctypes.byref(form), len(columns), columns,
        at.ctypes.data,
    )  # fmt: skip
    read = iter(
        _array(memory, column.count, rows, lines.data, library)
        for memory, column in zip(memories, columns, strict=True)
    )
    arrays, unknown = dict[str, Any](), dict[str, Any]()
    for place in places:
        # A key that is no field may be called like a column.
        (unknown if place.field is None else arrays).update((name, next(read)) for name in place.columns)
    arrays["extra"] = extra_column(Texts(at[:rows], unknown), sorted(unknown), rows)
    filled = [arrays[f.name] if f.name in arrays else pa.nulls(rows, f.type) for f in schema]
    return pa.table(filled, schema=schema), at[:rows]


def _structures(places: Sequence[Place], table: Table, room: int) -> tuple[list[_Memory], Any, Any]:
    """The memory of all columns, these columns as the reader wants them, and the places, which point to them."""
    memories: list[_Memory] = []
    columns = (_Column * sum(len(place.columns) for place in places))()
    fields = (_Field * len(places))()
    for i, place in enumerate(places):
        declared = place.compiled
        assert declared is not None
        first = ctypes.addressof(columns) + len(memories) * ctypes.sizeof(_Column)
        around = place.before, place.after, len(place.before), len(place.after)
        fields[i] = _Field(place.shape, declared.parts, *around, first)
        for name, (kept, least, most) in zip(place.columns, declared.columns, strict=True):
            type_ = table.column(name).held if place.field else pa.string()
            memory = _Memory(Kept.DICTIONARY if pa.types.is_dictionary(type_) else kept, type_, room)
            columns[len(memories)] = memory.column(least, most, place.field is not None and name == table.time)
            memories.append(memory)
    return memories, columns, fields


def _array(memory: _Memory, entries: int, rows: int, data: bytes, library: ctypes.CDLL) -> Any:
    """A column's rows as an Arrow array; `entries` are the texts of its dictionary."""
    valid = None if memory.valid[:rows].all() else pa.py_buffer(np.packbits(memory.valid[:rows], bitorder="little"))
    if memory.kept is Kept.TEXT:
        return _packed(memory.values[:rows], valid, data, library)
    values = pa.py_buffer(memory.values)
    if memory.kept is not Kept.DICTIONARY:
        return pa.Array.from_buffers(memory.type, rows, [valid, values])
    indices = pa.Array.from_buffers(pa.int32(), rows, [valid, values])
    texts = _packed(memory.dictionary[0][:entries], None, data, library)
    return pa.DictionaryArray.from_arrays(indices, texts, safe=False)


def _packed(texts: npt.NDArray[Any], valid: Any, data: bytes, library: ctypes.CDLL) -> Any:
    """Pieces of the data as an Arrow array of texts."""
    offsets = np.empty(len(texts) + 1, dtype=np.int32)
    packed = np.empty(int(texts["length"].sum()), dtype=np.uint8)
    library.eastwest_pack(data, texts.ctypes.data, len(texts), offsets.ctypes.data, packed.ctypes.data)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(packed), valid)
