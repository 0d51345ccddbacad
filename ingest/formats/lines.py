"""A block's lines, sorted into those that a fast reader reads exactly and those that need care.

Fast readers take liberties: Arrow's CSV ends a line at a lone carriage return, drops a byte order mark and trims tabs;
one invalid byte stops a whole block. Lines with such bytes are told apart here, at the speed of memory.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from ingest.formats.arrow import ArrowInvalidError, pa
from ingest.formats.block import Block, Indices, Reason, Rejected
from ingest.formats.scan import Bytes, find, positions

Mask = npt.NDArray[np.bool_]
Text = bytes
BOM = b"\xef\xbb\xbf"


class Lines:
    r"""The lines of a block with `\n` as their only end.

    `data`, its `parts`, its `bytes` and `ends` are the block's, but for `\r\n` read as `\n`; `odd` marks the lines that
    a fast reader would misread. Who needs no more than the parts leaves them as they are.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self.ends = block.ends
        self.parts, self.part_ends = block.parts, block.part_ends
        self.odd = np.zeros(len(block), dtype=np.bool_)
        if not block.marks.are_newlines:
            self._mark_controls()
        if not block.marks.is_ascii:
            self._mark_not_utf8()

    @cached_property
    def data(self) -> Text:
        """All lines, in one piece."""
        return self.block.data

    @cached_property
    def bytes(self) -> Bytes:
        """Their bytes as an array."""
        return np.frombuffer(self.data, dtype=np.uint8)

    @cached_property
    def starts(self) -> Indices:
        """Offset of each line in `data`."""
        return np.concatenate([np.zeros(1, dtype=np.int64), self.ends[:-1]]) if len(self.ends) else self.ends

    @cached_property
    def blank(self) -> Mask:
        """The lines with nothing on them."""
        mask: Mask = self.ends - self.starts == 1
        return mask

    @cached_property
    def has_backslash(self) -> bool:
        """Whether there is one anywhere."""
        return self.block.marks.has_backslash

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest line, its end included."""
        return int((self.ends - self.starts).max(initial=0))

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, offsets: Indices) -> Indices:
        """The lines in which the offsets lie."""
        return np.searchsorted(self.ends, offsets, side="right").astype(np.int64)

    def mask(self, offsets: Indices) -> Mask:
        """The lines in which any of the offsets lies."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[self.at(offsets)] = True
        return mask

    def only(self, mask: Mask) -> Text:
        """The bytes of the lines that the mask says."""
        if mask.all():
            return self.data
        edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
        view = memoryview(self.data)
        return b"".join(
            view[self.starts[first] : self.ends[last - 1]]
            for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
        )

    def text(self, at: int) -> str | Rejected:
        """A line without its end and without a byte order mark, or why it is none."""
        line = self.block.line(at).removeprefix(BOM)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            return Rejected(at, Reason.INVALID_UTF8, f"byte {line[error.start]:#04x} at {error.start} of the line")

    def _mark_controls(self) -> None:
        if b"\r\n" in self.data:
            self.data = self.data.replace(b"\r\n", b"\n")
            self.ends = positions(self.bytes, 10) + 1
            self.parts, self.part_ends = (self.data,), self.ends[-1:]
        self.odd |= self.mask(np.flatnonzero((self.bytes < 32) & (self.bytes != 10)))

    def _mark_not_utf8(self) -> None:
        if BOM in self.data:
            self.odd |= self.mask(find(self.data, BOM))
        offsets = pa.py_buffer(np.array([0, len(self.data)], dtype=np.int64).tobytes())
        whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(self.data)])
        try:
            whole.cast(pa.large_string())
        except ArrowInvalidError:
            for at in np.flatnonzero(self.mask(np.flatnonzero(self.bytes > 127))).tolist():
                self.odd[at] |= isinstance(self.text(at), Rejected)
