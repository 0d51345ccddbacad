"""Cutting lines at a delimiter, a space as a rule, into columns of text with Arrow's CSV reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.formats.arrow import csv, pa
from ingest.formats.block import Indices
from ingest.formats.kinds import NULLS
from ingest.formats.scan import count_pairs

_WINDOW = 1 << 18
"""Arrow cuts so many bytes at a time: what stays in the cache is cut twice as fast as a whole block."""

_WINDOW_OF_DICTIONARIES = 1 << 20
"""Each window begins its dictionaries anew."""


@dataclass(frozen=True)
class Split:
    """The columns of the lines that have as many fields as there are names, in order.

    `ours` are the numbers (from 0) of those lines, `others` of the rest; most of the rest have `commonest` fields.
    """

    columns: Mapping[str, Any]
    ours: Indices
    others: Indices
    commonest: int | None


def has_hex(data: bytes) -> bool:
    """Whether there may be a number that begins with 0x, which Arrow reads and AWS never writes."""
    if b"x" not in data and b"X" not in data:
        return False
    return count_pairs(np.frombuffer(data, dtype=np.uint8), b"0x", ignoring=b"\0\x20") > 0


def split(
    data: bytes,
    names: Sequence[str],
    *,
    longest: int,
    quoted: bool,
    numbers: Collection[str] = (),
    repeating: Collection[str] = (),
    delimiter: str = " ",
    nulls: Sequence[str] = NULLS,
) -> Split:
    """Columns of text, NULL where a field is one of the `nulls`; lines with another number of fields are left out.

    `longest` is the length of the longest line: Arrow refuses one that is longer than what it cuts at a time.

    Quotes are taken off when `quoted`, else they are characters like any other. The data is valid UTF-8 without control
    characters, and every quote stands at a field's edge: that is the caller's to know. The columns `numbers` come as
    64-bit integers; ArrowInvalidError when one of them holds anything else (hexadecimal numbers pass: ask `has_hex`).
    Those that are `repeating` come as dictionaries.
    """
    others: list[int] = []
    sizes: Counter[int] = Counter()

    def other(row: Any) -> str:
        others.append(row.number - 1)
        sizes[row.actual_columns] += 1
        return "skip"

    text = pa.string()
    types = dict.fromkeys(names, text)
    types |= dict.fromkeys(types.keys() & set(repeating), pa.dictionary(pa.int32(), text))
    types |= dict.fromkeys(types.keys() & set(numbers), pa.int64())
    window = max(_WINDOW_OF_DICTIONARIES if repeating else _WINDOW, longest + 1)
    found = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(column_names=list(names), use_threads=False, block_size=window),
        parse_options=csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            double_quote=False,
            escape_char=False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=other,
        ),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=list(nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,
        ),
    )
    ours = np.ones(found.num_rows + len(others), dtype=np.bool_)
    ours[others] = False
    columns = {name: found.column(i).combine_chunks() for i, name in enumerate(names)}
    commonest = sizes.most_common(1)[0][0] if sizes else None
    return Split(columns, np.flatnonzero(ours), np.flatnonzero(~ours), commonest)
