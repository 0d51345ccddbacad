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
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.formats import compiled
from ingest.formats.arrow import pa
from ingest.formats.block import Indices
from ingest.formats.column_memory import COLUMN, Columns, Filled
from ingest.formats.fields import Field, Texts, extra_column, no_rows, row_schema
from ingest.formats.kinds import TEXT, Compiled, Kept
from ingest.formats.lines import Lines, Mask
from ingest.lake.schema import Table

MOST_PLACES = 100
"""More fields than AWS will ever write in a line; each takes memory, whatever is in it."""

_MOST_BYTES = 2**31 - 1
_LARGEST_FORM = 16 << 10
"""Bytes of names and punctuation of a form that is remembered: AWS's longest has a tenth of it."""


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


_FIELD = np.dtype(
    [
        ("shape", np.int32),
        ("parts", np.int32),
        ("before", np.uint64),
        ("after", np.uint64),
        ("before_length", np.int64),
        ("after_length", np.int64),
        ("columns", np.uint64),
    ]
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


@dataclass(frozen=True, eq=False)
class _Declared:
    """A form's fields as the reader wants them, but for where their columns are (an offset instead), and its columns.

    `around` is the memory of the texts that the fields point to.
    """

    fields: npt.NDArray[Any]
    columns: Columns
    around: npt.NDArray[np.uint8]


def is_compiled() -> bool:
    """Whether there is a compiled reader."""
    return compiled.library() is not None


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
        or int(lines.part_ends[-1]) > _MOST_BYTES
        or len(places) > MOST_PLACES
        or any(place.compiled is None for place in places)
        or not any(place.field and table.time in place.columns for place in places)
    ):
        return no_rows(table), np.empty(0, dtype=np.int64)
    size = sum(len(place.name) + len(place.before) + len(place.after) for place in places)
    # A line may have a key of megabytes: what it asks for is not kept.
    declared = (_declared if size <= _LARGEST_FORM else _declared.__wrapped__)(tuple(places), table)
    filled, fields = Filled(declared.columns, room), declared.fields.copy()
    fields["columns"] += np.uint64(filled.address)
    form = _Form(delimiter[0], quote[0], may_be_empty, len(fields), fields.ctypes.data, _SEED)
    at, ends = np.empty(room, dtype=np.int64), np.ascontiguousarray(lines.ends, dtype=np.int64)
    mask = np.ascontiguousarray(wanted, dtype=np.bool_)
    parts, part_ends = (ctypes.c_char_p * len(lines.parts))(*lines.parts), np.ascontiguousarray(lines.part_ends)
    rows = library.eastwest_read(
        parts, part_ends.ctypes.data, ends.ctypes.data, mask.ctypes.data, len(lines), ctypes.byref(form),
        len(filled.told), filled.address, room, at.ctypes.data,
    )  # fmt: skip
    read = iter(filled.arrays(rows, library))
    arrays, unknown = dict[str, Any](), dict[str, Any]()
    for place in places:
        # A key that is no field may be called like a column.
        (unknown if place.field is None else arrays).update((name, next(read)) for name in place.columns)
    arrays["extra"] = extra_column(Texts(at[:rows], unknown), sorted(unknown), rows)
    columns = [arrays[f.name] if f.name in arrays else pa.nulls(rows, f.type) for f in schema]
    return pa.table(columns, schema=schema), at[:rows]


@lru_cache(maxsize=64)  # a source writes its lines in few forms
def _declared(places: tuple[Place, ...], table: Table) -> _Declared:
    """The form that has these places."""
    texts = [text for place in places for text in (place.before, place.after)]
    around = np.frombuffer(b"".join(texts) or b" ", dtype=np.uint8)
    ends = around.ctypes.data + np.cumsum([len(text) for text in texts])
    fields, told, types = np.zeros(len(places), dtype=_FIELD), list[tuple[int, ...]](), list[Any]()
    for i, place in enumerate(places):
        compiled_ = place.compiled
        assert compiled_ is not None
        lengths = len(place.before), len(place.after)
        starts = int(ends[2 * i]) - lengths[0], int(ends[2 * i + 1]) - lengths[1]
        fields[i] = (place.shape, compiled_.parts, *starts, *lengths, len(told) * COLUMN.itemsize)
        for name, (kept, least, most) in zip(place.columns, compiled_.columns, strict=True):
            type_ = table.column(name).held if place.field else pa.string()
            kept = Kept.DICTIONARY if pa.types.is_dictionary(type_) else kept
            told.append((kept, place.field is not None and name == table.time, least, most))
            types.append(type_)
    columns = np.zeros(len(told), dtype=COLUMN)
    for at, named in enumerate(("kind", "required", "least", "most")):
        columns[named] = [column[at] for column in told]
    return _Declared(fields, Columns(columns, types), around)
