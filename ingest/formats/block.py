"""What every text format parses: a block of whole lines, and what comes back: rows, rejects and skipped lines.

Many small objects of one format and layout are put back to back into one block, so that the cost of a call is paid once
a block and not once an object. Every line ends as one of row, reject or skipped: `Parsed` refuses anything else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.formats.object_key import ObjectKey
from ingest.formats.scan import Marks, filled, marks

Indices = npt.NDArray[np.int64]


class Reason(StrEnum):
    """Why a record could not be read; the closed list that `rejects.reason` holds."""

    UNSUPPORTED_FORMAT = "unsupported_format"
    MALFORMED_LINE = "malformed_line"
    BAD_VALUE = "bad_value"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    INVALID_UTF8 = "invalid_utf8"
    MISSING_HEADER = "missing_header"
    DAMAGED_OBJECT = "damaged_object"


@dataclass(frozen=True)
class Rejected:
    """A line that could not be read: its index in the block, why, and what exactly."""

    at: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Block:
    r"""Whole lines of one or more objects of one layout.

    `text` holds the lines, each ended by `\n`, in one part or in several of whole lines; `keys[i]` is the key of the
    i-th object and `line_counts[i]` how many of the lines are its own. `layout` is what the format's `layout` function
    said of them all. Of an object that is read in pieces, `first_lines[i]` and `first_offsets[i]` say where the piece
    begins: the number of its first line, and its first byte; without them every object begins at line 1 and byte 0.
    `found_marks` are `marks`, where they are known already.
    """

    text: bytes | Sequence[bytes]
    keys: Sequence[ObjectKey]
    line_counts: Sequence[int]
    layout: str
    first_lines: Sequence[int] = ()
    first_offsets: Sequence[int] = ()
    found_marks: Marks | None = None

    @cached_property
    def parts(self) -> Sequence[bytes]:
        """The text as it came."""
        return (self.text,) if isinstance(self.text, bytes) else self.text

    @cached_property
    def data(self) -> bytes:
        """The text in one piece: a copy, of which most blocks have no need."""
        return self.text if isinstance(self.text, bytes) else b"".join(self.text)

    @cached_property
    def part_ends(self) -> Indices:
        """Offset just after each part."""
        return np.cumsum([len(part) for part in self.parts], dtype=np.int64)

    @cached_property
    def _ends_of_parts(self) -> list[int]:
        # Of single lines many are asked for, and an array's own search takes ten times as long.
        ends: list[int] = self.part_ends.tolist()
        return ends

    @cached_property
    def marks(self) -> Marks:
        """Where its control characters are, and what else decides how it is read."""
        return self.found_marks or marks(self.data)

    @cached_property
    def ends(self) -> Indices:
        """Offset just after each line's newline."""
        controls = self.marks.controls
        if not self.marks.are_newlines:
            controls = controls[np.frombuffer(self.data, dtype=np.uint8)[controls] == ord("\n")]
        found: Indices = controls + 1
        if len(found) != len(self):
            raise ValueError(f"block says {len(self)} lines and holds {len(found)}")
        return found

    @cached_property
    def filled(self) -> Indices:
        """The lines that hold more than white space."""
        return filled(np.frombuffer(self.data, dtype=np.uint8), self.ends)

    @cached_property
    def object_of(self) -> npt.NDArray[np.int32]:
        """For each line, the index of its object."""
        return np.repeat(np.arange(len(self.keys), dtype=np.int32), self.line_counts)

    @cached_property
    def line_of(self) -> npt.NDArray[np.int32]:
        """For each line, its number in its object, from 1."""
        counts = np.asarray(self.line_counts, dtype=np.int64)
        number = np.asarray(self.first_lines or [1] * len(self.keys), dtype=np.int64)
        firsts = np.repeat(self._first_at - number, counts)
        return (np.arange(len(firsts)) - firsts).astype(np.int32)

    @cached_property
    def _first_at(self) -> Indices:
        """For each object, the block's line that is its first."""
        counts = np.asarray(self.line_counts, dtype=np.int64)
        return np.cumsum(counts) - counts

    def start(self, at: int) -> int:
        """Offset of a line in `data`."""
        return 0 if at == 0 else int(self.ends[at - 1])

    def line(self, at: int) -> bytes:
        r"""A line's bytes, without its end (`\n` or `\r\n`)."""
        start, end = self.start(at), int(self.ends[at])
        if isinstance(self.text, bytes):
            return self.text[start:end].rstrip(b"\r\n")
        part = bisect_right(self._ends_of_parts, start)
        begin = self._ends_of_parts[part - 1] if part else 0
        return self.text[part][start - begin : end - begin].rstrip(b"\r\n")

    def offsets(self, at: Indices) -> Indices:
        """Offsets of lines within their own (decompressed) objects."""
        of = self.object_of[at]
        starts = np.concatenate([np.zeros(1, dtype=np.int64), self.ends])
        found: Indices = starts[at] - starts[self._first_at[of]]
        return found + np.asarray(self.first_offsets, dtype=np.int64)[of] if self.first_offsets else found

    def __len__(self) -> int:
        return int(sum(self.line_counts))


@dataclass(frozen=True)
class Parsed:
    """What became of a block: rows (the format's own columns and `extra`), rejects, and skipped lines.

    `at[i]` is the block's line that row i came from.
    """

    rows: pa.Table
    at: Indices
    rejects: Sequence[Rejected] = field(default_factory=list)
    skipped: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def check(self, lines: int) -> Parsed:
        """Itself, once every line is accounted for exactly once; ValueError otherwise (a bug in the format)."""
        if self.rows.num_rows != len(self.at) or len(self.at) + len(self.rejects) + len(self.skipped) != lines:
            raise ValueError(
                f"{lines} lines: {self.rows.num_rows} rows, {len(self.rejects)} rejects, {len(self.skipped)} skipped"
            )
        return self
