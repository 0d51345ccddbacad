"""Columns of text by their bytes: Arrow keeps all texts back to back, and an offset for each.

What NumPy finds in those bytes at once need not be asked text by text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.formats.arrow import pa, pc
from ingest.formats.scan import WINDOW

Mask = npt.NDArray[np.bool_]
Arrays = list[Any]


def characters(texts: Any) -> npt.NDArray[np.uint8]:
    """All bytes of a text array, back to back."""
    if not len(texts) or texts.buffers()[2] is None:
        return np.empty(0, dtype=np.uint8)
    offsets = offsets_of(texts)
    return np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]


def consists_of(texts: Any, *ranges: bytes) -> bool:
    """Whether the texts have no bytes but those of the ranges, each of which is its least and its greatest byte."""
    bytes_ = characters(texts)
    return all(_within(bytes_[at : at + WINDOW], ranges) for at in range(0, len(bytes_), WINDOW))


def _within(bytes_: npt.NDArray[np.uint8], ranges: Sequence[bytes]) -> bool:
    found = np.zeros(len(bytes_), dtype=np.bool_)
    for least, greatest in ranges:
        # What is less wraps around and is greater.
        found |= bytes_ - np.uint8(least) <= greatest - least
    return bool(found.all())


def offsets_of(texts: Any) -> npt.NDArray[np.int32]:
    """Where each text begins in the array's bytes, and where the last one ends."""
    return np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]


def mask_of(booleans: Any) -> Mask:
    """A NumPy mask of a boolean array; NULL is False."""
    mask: Mask = pc.fill_null(booleans, False).to_numpy(zero_copy_only=False)
    return mask


def halves(pieces: Any) -> Arrays:
    """First and last of each list of texts; NULL where the list is."""
    starts = np.frombuffer(pieces.buffers()[1], dtype=np.int32)[pieces.offset : pieces.offset + len(pieces) + 1]
    absent = mask_of(pieces.is_null())
    texts = pieces.values
    return [texts.take(pa.array(starts[:-1], mask=absent)), texts.take(pa.array(starts[1:] - 1, mask=absent))]


def cut_at(texts: Any, mark: str, count: int) -> Arrays | None:
    """The `count` + 1 pieces of texts that each hold the ASCII mark so often; None when one does not.

    NULL gives NULL.
    """
    if texts.null_count == len(texts):
        return [texts] * (count + 1)
    edges = offsets_of(texts)
    begins, ends = edges[:-1], edges[1:]
    absent = texts.is_null().to_numpy(zero_copy_only=False) if texts.null_count else None
    if absent is not None and (begins[absent] != ends[absent]).any():
        return cut_at(texts.drop_null().take(_places(~absent)), mark, count)
    found = np.flatnonzero(characters(texts) == ord(mark)).astype(np.int32) + edges[0]
    if len(found) != (len(texts) - texts.null_count) * count:
        return None
    if absent is None:
        marks, after = found.reshape(-1, count), 1
    else:
        # Where there is no text, every piece begins and ends where it would.
        marks = np.repeat(begins, count).reshape(-1, count)
        marks[~absent], after = found.reshape(-1, count), ~absent
    if (marks[:, 0] < begins).any() or (marks[:, -1] + after > ends).any():
        return None
    # An array over the same bytes, of pieces and the marks between them: every other one of a text is a piece.
    each = 2 * count + 1
    cuts = np.empty(len(texts) * each + 1, dtype=np.int32)
    cuts[:-1:each], cuts[-1] = begins, edges[-1]
    for i in range(count):
        cuts[2 * i + 1 :: each], cuts[2 * i + 2 :: each] = marks[:, i], marks[:, i] + after
    both = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), texts.buffers()[2])
    at = np.arange(len(texts), dtype=np.int64) * each
    return [both.take(pa.array(at + 2 * i, mask=absent)) for i in range(count + 1)]


def _places(present: Mask) -> Any:
    """For each row its place among those that are present, NULL for one that is not."""
    return pa.array(np.cumsum(present) - 1, mask=~present)
