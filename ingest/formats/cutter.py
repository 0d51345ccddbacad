"""Plain lines of one form read straight into typed columns, by a reader that is compiled where there is a C compiler.

Promises: what `read` takes for a row is what the careful parser makes of that line; every other line it leaves alone.
Without a compiler at installation it leaves all of them, and Arrow cuts the lines: the same rows, more slowly.
`cutter.c` says what it relies on; structures and numbers here are its own, field by field.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.formats import compiled
from ingest.formats.arrow import pa
from ingest.formats.block import Indices
from ingest.formats.fields import Field, row_schema
from ingest.formats.kinds import Compiled, Kept
from ingest.formats.lines import Lines, Mask
from ingest.lake.schema import Table

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

    What fills no column has no field; a line with anything in that place is left alone.
    """

    field: Field | None
    shape: Shape
    before: bytes = b""
    after: bytes = b""


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
    Kept.NOTHING: np.int32,
}


def is_compiled() -> bool:
    """Whether there is a compiled reader."""
    return compiled.library() is not None


@dataclass
class _Kept:
    """A column's memory."""

    name: str
    kept: Kept
    limits: tuple[int, int]
    required: bool
    room: int
    valid: npt.NDArray[np.uint8] = field(init=False)
    values: npt.NDArray[Any] = field(init=False)
    dictionary: tuple[npt.NDArray[Any], ...] = ()

    def __post_init__(self) -> None:
        self.valid = np.empty(self.room, dtype=np.uint8)
        self.values = np.empty(self.room, dtype=_VALUES[self.kept])
        if self.kept is Kept.DICTIONARY:
            slots = max(_FIRST_SLOTS, 1 << (2 * self.room - 1).bit_length())
            self.dictionary = np.empty(self.room, dtype=_TEXT), np.empty(slots, dtype=np.uint64)

    def structure(self) -> _Column:
        arrays = (self.valid, self.values, *self.dictionary)
        return _Column(self.kept, self.required, *self.limits, *(array.ctypes.data for array in arrays))


def read(
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
    schema = row_schema(table)
    library = compiled.library()
    room = int(np.count_nonzero(wanted))
    columns = _columns(places, table, room)
    if library is None or columns is None or not room or len(lines.data) > _MOST_BYTES:
        return schema.empty_table(), np.empty(0, dtype=np.int64)
    structures = (_Column * len(columns))(*(column.structure() for column in columns))
    form = _Form(delimiter[0], quote[0], may_be_empty, len(places), None, _SEED)
    fields = _fields(places, structures)
    form.field = ctypes.addressof(fields)
    at, ends = np.empty(room, dtype=np.int64), np.ascontiguousarray(lines.ends, dtype=np.int64)
    mask = np.ascontiguousarray(wanted, dtype=np.bool_)
    rows = library.eastwest_read(
        lines.data, ends.ctypes.data, mask.ctypes.data, len(lines), ctypes.byref(form), len(columns), structures,
        at.ctypes.data,
    )  # fmt: skip
    arrays = {
        column.name: _array(column, structure.count, rows, schema.field(column.name).type, lines.data, library)
        for column, structure in zip(columns, structures, strict=True)
        if column.name
    }
    filled = [arrays[f.name] if f.name in arrays else pa.nulls(rows, f.type) for f in schema]
    return pa.table(filled, schema=schema), at[:rows]


def _columns(places: Sequence[Place], table: Table, room: int) -> list[_Kept] | None:
    """The memory of all columns that the places fill, in their order; None where the form cannot be read."""
    columns = []
    for place in places:
        if place.field is None:
            columns.append(_Kept("", Kept.NOTHING, (0, 0), False, 1))
            continue
        declared = place.field.kind.compiled
        if declared is None:
            return None
        for name, (kept, least, most) in zip(place.field.columns, declared.columns, strict=True):
            held = Kept.DICTIONARY if kept is Kept.TEXT and table.column(name).repeats else kept
            columns.append(_Kept(name, held, (least, most), name == table.time, room))
    return columns if any(column.required for column in columns) else None


_NOTHING = Compiled(((Kept.NOTHING, 0, 0),))


def _fields(places: Sequence[Place], columns: Any) -> Any:
    """The places as the reader wants them; they point into the places' texts and the columns."""
    fields, at = (_Field * len(places))(), 0
    for i, place in enumerate(places):
        declared = place.field.kind.compiled if place.field and place.field.kind.compiled else _NOTHING
        first = ctypes.addressof(columns) + at * ctypes.sizeof(_Column)
        fields[i] = _Field(
            place.shape, declared.parts, place.before, place.after, len(place.before), len(place.after), first
        )
        at += len(declared.columns)
    return fields


def _array(column: _Kept, entries: int, rows: int, type_: Any, data: bytes, library: ctypes.CDLL) -> Any:
    """A column's first rows as an Arrow array."""
    valid = None if column.valid[:rows].all() else pa.py_buffer(np.packbits(column.valid[:rows], bitorder="little"))
    if column.kept is Kept.TEXT:
        return _packed(column.values[:rows], valid, data, library)
    values = pa.py_buffer(column.values)
    if column.kept is not Kept.DICTIONARY:
        return pa.Array.from_buffers(type_, rows, [valid, values])
    indices = pa.Array.from_buffers(pa.int32(), rows, [valid, values])
    texts = _packed(column.dictionary[0][:entries], None, data, library)
    return pa.DictionaryArray.from_arrays(indices, texts, safe=False)


def _packed(texts: npt.NDArray[Any], valid: Any, data: bytes, library: ctypes.CDLL) -> Any:
    """Pieces of the data as an Arrow array of texts."""
    offsets = np.empty(len(texts) + 1, dtype=np.int32)
    packed = np.empty(int(texts["length"].sum()), dtype=np.uint8)
    library.eastwest_pack(data, texts.ctypes.data, len(texts), offsets.ctypes.data, packed.ctypes.data)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(packed), valid)
