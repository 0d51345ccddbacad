"""Groups of numbers: what is counted by place is what a dictionary of lists would hold, whatever the numbers."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.lake import groups
from ingest.lake.groups import Groups

NEAR = st.integers(-40, 40)
FAR = st.one_of(NEAR, st.integers(-(2**62), 2**62 - 1))
"""Of these there are more combinations than places, and more than 64 bits."""
AMOUNT = st.integers(-(2**40), 2**40)


def rows_of(of: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int, int, int]]]:
    return st.lists(st.tuples(of, of, of, AMOUNT), max_size=40)


@settings(deadline=None)
@given(st.one_of(rows_of(NEAR), rows_of(FAR)), st.sampled_from([0, 1 << 21]))
def test_groups_are_those_of_a_dictionary(rows: list[tuple[int, int, int, int]], places: int) -> None:
    a, b, c, amounts = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(4))
    expected: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row in rows:
        expected[row[:3]].append(row[3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_PLACES", places)  # 0: every packing is made dense by a hash table first
        found = Groups({"a": a, "b": b, "c": c})
    keys = list(zip(*(found.keys()[name].tolist() for name in "abc"), strict=True))
    assert len(keys) == len(set(keys)) == found.count
    assert dict(zip(keys, found.rows.tolist(), strict=True)) == {key: len(of) for key, of in expected.items()}
    for give, take in ((found.sum, sum), (found.least, min), (found.greatest, max)):
        assert dict(zip(keys, give(amounts).tolist(), strict=True)) == {key: take(of) for key, of in expected.items()}
    assert [keys[number] for number in found.numbers().tolist()] == [row[:3] for row in rows]


@pytest.mark.parametrize(
    "values",
    [
        [2**53, 1],  # 2^53 + 1 is no float
        [2**62, 2**61 + 1],
        [2**63 - 1],
        [2**63 - 1, -5],
        [-(2**63), 2**62, -1, 2**62],
        [-(2**63)],
        [2**62 + 2**61, -(2**62), 2**61],
    ],
)
def test_sums_are_exact_where_floats_are_not(values: list[int]) -> None:
    found = Groups({"a": np.array([0] * len(values) + [1])})
    assert found.sum(np.array([*values, 3])).tolist() == [sum(values), 3]


@pytest.mark.parametrize("values", [[2**62, 2**62], [2**63 - 1024] + [1] * 2000, [-(2**63), -1]])
def test_a_sum_that_does_not_fit_is_an_error(values: list[int]) -> None:
    """Also where small values are added to what is so large that a float would not change."""
    with pytest.raises(OverflowError):
        Groups({"a": np.zeros(len(values), dtype=np.int64)}).sum(np.array(values))


def test_large_numbers_of_several_groups_fit() -> None:
    found = Groups({"a": np.array([0, 1])})
    assert found.sum(np.array([2**62, 2**62])).tolist() == [2**62, 2**62]
