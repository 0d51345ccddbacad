"""How objects are cut into batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import LakeError
from ingest.lake import ledger
from ingest.lake.tables import Lake
from ingest.pipeline import plan
from ingest.pipeline.plan import batches, new_objects
from ingest.sources import SourceObject

WHEN = datetime(2026, 3, 10, tzinfo=UTC)


def objects(sizes: list[int]) -> list[SourceObject]:
    return [SourceObject(f"s3://bucket/{i}", "etag", size, WHEN) for i, size in enumerate(sizes)]


def sizes_of(sizes: list[int], workers: int) -> list[int]:
    """Bytes of each batch of at most 1,000 objects and 100 bytes."""
    return [sum(item.size for item in batch) for batch in batches([objects(sizes)], 1_000, 100, workers)]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 300), max_size=40), max_size=4), st.integers(1, 7), st.integers(1, 4))
def test_every_object_is_in_one_batch_in_order_and_none_is_too_large(
    chunks: list[list[int]], max_objects: int, workers: int
) -> None:
    listed = [objects(sizes) for sizes in chunks]
    found = list(batches(listed, max_objects, 100, workers))
    assert [item for batch in found for item in batch] == [item for chunk in listed for item in chunk]
    assert all(0 < len(batch) <= max_objects for batch in found)
    assert all(len(batch) == 1 or sum(item.size for item in batch) <= 100 for batch in found)


def test_one_worker_gets_full_batches() -> None:
    assert sizes_of([20] * 12, workers=1) == [100, 100, 40]


def test_of_several_workers_each_gets_as_many_batches_of_one_size() -> None:
    # 425 bytes in objects of 5, less than six full batches: all held back. Three each, of 70.8: 70 and half of the next
    # object are more. Of the 145 left for the last two half is 72.5: 70 and half of the next one are not.
    assert sizes_of([5] * 85, workers=2) == [70, 70, 70, 70, 75, 70]
    assert sizes_of([5] * 80, workers=2) == [100, 100, 100, 100]


def test_what_was_given_out_counts_for_how_many_batches_are_left() -> None:
    # 1,030 bytes: five batches are given out before the end is known, and seven of 75.7 make them twelve.
    assert sizes_of([5] * 206, workers=2) == [100] * 5 + [75, 75, 75, 75, 75, 80, 75]


def test_what_is_less_than_two_least_batches_is_not_divided() -> None:
    # Twice three eighths of a batch are 75 bytes.
    assert (sizes_of([5] * 14, workers=2), sizes_of([5] * 16, workers=2)) == ([70], [40, 40])


def test_the_first_batches_come_before_the_listing_ends() -> None:
    asked = []

    def listing() -> object:
        for chunk in range(10):
            asked.append(chunk)
            yield objects([100])

    first = next(batches(listing(), 1_000, 100, workers=2))  # type: ignore[arg-type]
    assert (len(first), len(asked)) == (1, 8)


class Listing:
    """A source that lists one object at a time, the ledger's reader having ended before the one of that number."""

    uri = "s3://bucket"

    def __init__(self, count: int, read_before: int = 0) -> None:
        self.count, self.read_before = count, read_before
        self.read = threading.Event()
        self.reader = threading.Thread(target=self.read.wait, daemon=True)

    def prepare(self, lake: Lake) -> threading.Thread:
        self.reader.start()
        return self.reader

    def list(self, since: datetime | None, until: datetime | None) -> Iterator[list[SourceObject]]:
        for number, item in enumerate(objects([1] * self.count)):
            if number == self.read_before:
                self.read.set()
                self.reader.join()
            yield [item]


@pytest.mark.parametrize(
    ("read_before", "chunks"),
    [
        # Two suffice for a first look, then twice as many, and five at most.
        (0, [2, 4, 5, 2]),
        # Five are listed until there is something to look into; four are waited for then.
        (7, [5, 4, 4]),
        (12, [5, 5, 3]),
    ],
)
def test_the_listing_goes_on_while_the_ledger_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_before: int, chunks: list[int]
) -> None:
    listing = Listing(13, read_before)
    monkeypatch.setattr(plan, "_LISTED_FIRST", 2)
    monkeypatch.setattr(plan, "_LISTED_AT_ONCE", 5)
    monkeypatch.setattr(ledger, "prepare", listing.prepare)
    found = new_objects(listing, Lake(str(tmp_path)), None, None)  # type: ignore[arg-type]
    assert [len(chunk.objects) for chunk in found] == chunks


def test_a_ledger_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    log = tmp_path / "objects" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("no commit")
    listing = Listing(1)
    listing.reader.start()
    with pytest.raises(LakeError, match="objects"):
        list(new_objects(listing, Lake(str(tmp_path)), None, None))  # type: ignore[arg-type]
