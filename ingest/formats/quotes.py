"""Where a block's double quotes stand: what proves that a fast reader cut its lines at the right places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.formats.arrow import pa
from ingest.formats.block import Indices
from ingest.formats.lines import Lines, Mask
from ingest.formats.scan import Bytes, positions
from ingest.formats.text_columns import offsets_of


class Quotes:
    """The offsets of all quotes in a block's lines, and for each line where its first is and how many it has."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.offsets = positions(lines.bytes, ord('"'))
        before_ends = np.searchsorted(self.offsets, lines.ends)
        self.counts = np.diff(before_ends, prepend=0)
        self.firsts = before_ends - self.counts

    def loose(self) -> Mask:
        """The lines with a quote that is not at a field's edge, or without its partner."""
        bytes_, offsets = self.lines.bytes, self.offsets
        odd: Mask = self.counts % 2 == 1
        # The block's last byte is a newline: every quote has a next byte, and one at offset 0 that newline before it.
        if not odd.any() and (_edge(bytes_[offsets[0::2] - 1]) & _edge(bytes_[offsets[1::2] + 1])).all():
            return odd
        nth = np.arange(len(offsets)) - np.repeat(self.firsts, self.counts)
        good = np.where(nth % 2 == 0, _edge(bytes_[offsets - 1]), _edge(bytes_[offsets + 1]))
        return odd | self.lines.mask(offsets[~good])

    def around(self, at: Indices, columns: Sequence[Any], quoted: frozenset[int]) -> Mask:
        """Of the lines that were cut into the columns, those whose quotes stand around the quoted ones and no others.

        The length of each field says where the next begins; what was NULL is taken for the one character `-`, so a line
        that is right but has another NULL is not among them.
        """
        good: Mask = self.counts[at] >= 2 * sum(i < len(columns) for i in quoted)
        # Two more behind the last quote, so that the one after a line's last can be asked for.
        quotes = np.append(self.offsets, [len(self.lines.data)] * 2)
        offset, nth = self.lines.starts[at], np.where(good, self.firsts[at], 0)
        for i, column in enumerate(columns):
            length = _lengths(column)
            if i in quoted:
                length += 2
                good &= (quotes[nth] == offset) & (quotes[nth + 1] == offset + length - 1)
                nth = np.where(good, nth + 2, 0)
            offset = offset + length + 1
        return np.asarray(good & (quotes[nth] >= offset))


def _lengths(column: Any) -> Indices:
    """Bytes of each text of a column, dictionary or not; 1 where there is none."""
    if pa.types.is_dictionary(column.type):
        lengths = np.append(np.diff(offsets_of(column.dictionary)), 1).astype(np.int64)
        of_each: Indices = lengths[column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False)]
        return of_each
    lengths = np.diff(offsets_of(column)).astype(np.int64)
    if column.null_count:
        lengths[column.is_null().to_numpy(zero_copy_only=False)] = 1
    return lengths


def _edge(bytes_: Bytes) -> Mask:
    edge: Mask = (bytes_ == ord(" ")) | (bytes_ == 10)
    return edge
