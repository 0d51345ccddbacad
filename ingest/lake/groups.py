"""Groups of rows that are alike in a few integers, and what is counted and summed over each.

Promises: exact 64-bit sums. A group's number is where it is counted, in an array with a place for each number there
could be: where these are not many more than the rows, that takes a tenth of the time of an engine's hash table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[Any]
_LIMIT = 1 << 62
_FAR = 1 << 31
"""Values that lie farther apart are numbered one by one, those nearer by their distance from the least."""
_CERTAIN = 2.0**62
"""All sums of values whose sizes add up to less than it fit 64 bits, however a float was rounded."""
_PLACES = 1 << 21
"""At most so many: 16 MB of counts."""


class Groups:
    """The groups of rows that are the same in every one of these columns (by name, integers, one a row).

    `count`: how many groups there are; `rows`: how many rows each of them has.
    """

    def __init__(self, columns: Mapping[str, Codes]) -> None:
        """Count the rows."""
        self._columns = dict(columns)
        length = len(next(iter(columns.values())))
        places, bound = pack(length, map(_from_zero, columns.values()))
        self._places, self._bound = (places, bound) if bound <= _PLACES else codes(pa.array(places))
        rows = np.bincount(self._places, minlength=self._bound)
        self._taken = np.flatnonzero(rows)
        self.rows: Codes = rows[self._taken]
        self.count = len(self._taken)

    def keys(self) -> dict[str, Codes]:
        """The columns' values for each group."""
        example = np.zeros(self._bound, dtype=np.int64)
        example[self._places] = np.arange(len(self._places))
        examples = example[self._taken]
        return {name: values[examples] for name, values in self._columns.items()}

    def numbers(self) -> Codes:
        """The number of its group, from 0, for each row."""
        numbers = np.zeros(self._bound, dtype=np.int64)
        numbers[self._taken] = np.arange(self.count)
        return numbers[self._places]

    def sum(self, values: Codes) -> Codes:
        """The sum of the values of each group's rows. Raises OverflowError where one does not fit 64 bits."""
        if np.abs(values, dtype=np.float64).sum() < _CERTAIN:
            return self._sum(values)
        # Halves, of which no sum is too large, put together as Python's integers.
        halves = zip(self._sum(values >> 32).tolist(), self._sum(values & 0xFFFF_FFFF).tolist(), strict=True)
        return np.array([(high << 32) + low for high, low in halves], dtype=np.int64)

    def _sum(self, values: Codes) -> Codes:
        sums = np.zeros(self._bound, dtype=np.int64)
        np.add.at(sums, self._places, values)
        return sums[self._taken]

    def least(self, values: Codes) -> Codes:
        """The least value of each."""
        found = np.full(self._bound, np.iinfo(np.int64).max)
        np.minimum.at(found, self._places, values)
        return found[self._taken]

    def greatest(self, values: Codes) -> Codes:
        """The greatest value of each."""
        found = np.full(self._bound, np.iinfo(np.int64).min)
        np.maximum.at(found, self._places, values)
        return found[self._taken]


def pack(length: int, columns: Iterable[tuple[Codes, int]]) -> tuple[Codes, int]:
    """A number for each of so many rows, the same for rows that are alike, and its bound.

    Of columns of integers from 0 on, each with its bound.
    """
    packed, bound = np.zeros(length, dtype=np.int64), 1
    for values, size in columns:
        if size < 2:
            continue
        if bound * size >= _LIMIT:
            packed, bound = codes(pa.array(packed))
            packed = packed.astype(np.int64)
        packed *= size
        packed += values
        bound *= size
    return packed, bound


def codes(values: Any) -> tuple[Codes, int]:
    """A number for each value of an Arrow array, from 0 in order of appearance, that of NULL last; and how many."""
    encoded: Any = values.dictionary_encode()
    size = len(encoded.dictionary)
    if not encoded.null_count:
        return encoded.indices.to_numpy(), size
    return pc.fill_null(encoded.indices, size).to_numpy(zero_copy_only=False), size + 1


def _from_zero(values: Codes) -> tuple[Codes, int]:
    """Numbers from 0 on for the values, and their bound: their distances from the least, where these are not large."""
    if not len(values):
        return values, 0
    least, greatest = int(values.min()), int(values.max())
    return (values - least, greatest - least + 1) if greatest - least < _FAR else codes(pa.array(values))
