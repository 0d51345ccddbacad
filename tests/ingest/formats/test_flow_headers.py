"""Flow logs that change their header in the middle: each line is read by the names of the header above it."""

from __future__ import annotations

import pytest

from ingest.formats import vpc_flow
from ingest.formats.block import Block
from ingest.formats.object_key import ObjectKey

ONE = "srcaddr dstaddr start end bytes packets interface-id log-status"
OTHER = "dstaddr srcaddr start end packets bytes interface-id log-status"
LINE = "10.0.0.1 10.0.0.2 1418530010 1418530070 100 5 eni-1235b8ca OK"


@pytest.mark.parametrize("times", [1, 100])
def test_a_header_that_comes_again_after_another_counts_again(times: int) -> None:
    lines = [ONE, *[LINE] * times, OTHER, *[LINE] * times, ONE, *[LINE] * times]
    block = Block("".join(f"{line}\n" for line in lines).encode(), [ObjectKey("x")], [len(lines)], ONE)

    parsed = vpc_flow.parse(block)

    read = [(row["srcaddr"], row["bytes"]) for row in parsed.rows.to_pylist()]
    assert read == [("10.0.0.1", 100)] * times + [("10.0.0.2", 5)] * times + [("10.0.0.1", 100)] * times
    assert sorted(parsed.skipped.tolist()) == [0, times + 1, 2 * times + 2]
    assert not parsed.rejects
