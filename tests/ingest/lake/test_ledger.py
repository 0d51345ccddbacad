"""The ledger's own look-up: which file holds which object in which version, and what a replacement leaves alone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from ingest.errors import LakeError
from ingest.lake import compaction, ledger, remote_columns, tables
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.sources.s3_access import storage_options
from tests import lakes
from tests.servers import S3Server

FIRST = datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=UTC)
FILES, ROWS = 12, 50
"""Twelve files of fifty objects, each a day and 123.456 ms after the one before."""


def ingested_at(file: int) -> datetime:
    return FIRST + file * timedelta(days=1, microseconds=123_456)


def units(file: int, etag: str = "old") -> set[Unit]:
    """A file's objects; those of other files lie between them in the order of names."""
    return {Unit(f"{row:02}/{file:02}", f"{etag} {row} {file}") for row in range(ROWS)}


def rows(wanted: set[Unit], when: datetime) -> pa.Table:
    found = [{"log_object": unit.uri, "etag": unit.etag, "ingested_at": when} for unit in sorted(wanted)]
    return pa.Table.from_pylist(found, schema=OBJECTS.arrow)


def filled(made: Lake) -> Lake:
    """The lake, with a ledger of those files."""
    for file in range(FILES):
        made.append(OBJECTS, units(file), lambda wanted, file=file: rows(wanted, ingested_at(file)))  # type: ignore[misc]
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Such a lake, on this machine."""
    return filled(Lake(str(tmp_path)))


def unknown(lake: Lake, listed: list[Unit]) -> dict[int, bool]:
    return ledger.unknown(lake, [unit.uri for unit in listed], [unit.etag for unit in listed])


def test_every_object_is_known_in_its_own_version_alone(lake: Lake) -> None:
    listed = sorted(unit for file in range(FILES) for unit in units(file))
    assert unknown(lake, listed) == {}
    others = [Unit(unit.uri, listed[at - 1].etag) for at, unit in enumerate(listed)]
    assert unknown(lake, others) == dict.fromkeys(range(FILES * ROWS), True)
    assert unknown(lake, [Unit("new", "e"), listed[7], others[8]]) == {0: False, 2: True}


@pytest.mark.parametrize("whole", [1 << 20, 0], ids=["small files", "large ones"])
def test_a_ledger_on_s3_knows_the_same(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    for module in (ledger, remote_columns):
        monkeypatch.setattr(module, "WHOLE", whole)
    # Few at a time, whatever their size.
    monkeypatch.setattr(remote_columns, "_BYTES_AT_ONCE", 20_000)
    uri = f"{moto_s3.bucket('lake').uri}lake"
    lake = filled(Lake(uri, storage_options(uri, moto_s3.settings())))
    listed = sorted(unit for file in range(FILES) for unit in units(file))
    assert unknown(lake, [*listed, Unit("new", "e"), Unit("03/05", "other")]) == {600: False, 601: True}
    compaction.compact(lake, OBJECTS, ingested_at(5).date())
    lake.append(OBJECTS, {Unit("later", "e")}, lambda wanted: rows(wanted, FIRST))
    assert unknown(lake, [*listed, Unit("later", "e"), Unit("03/05", "other")]) == {601: True}


def test_a_file_that_cannot_be_read_is_named(lake: Lake) -> None:
    [file, *_] = sorted((Path(lake.uri) / OBJECTS.name).glob("*.parquet"))
    file.write_bytes(b"PAR1" + bytes(file.stat().st_size - 8) + b"PAR1")
    with pytest.raises(LakeError, match=f"table objects cannot be read: .*{file.name}"):
        unknown(lake, [Unit("03/05", "e")])


def test_a_file_of_other_rows_than_its_log_says_is_no_ledger(lake: Lake) -> None:
    [file, other, *_] = sorted((Path(lake.uri) / OBJECTS.name).glob("*.parquet"))
    pq.write_table(pq.read_table(other).slice(1), file)
    with pytest.raises(LakeError, match="hold 599 rows and its log says 600; eastwest lake verify"):
        unknown(lake, [Unit("03/05", "e")])


@pytest.mark.parametrize("compacted", [False, True], ids=["as appended", "compacted"])
def test_a_replacement_rewrites_the_files_that_hold_an_old_row_and_no_other(lake: Lake, compacted: bool) -> None:
    if compacted:
        # What delta-rs writes has its times cut to milliseconds in Delta's statistics.
        for file in range(FILES):
            compaction.compact(lake, OBJECTS, ingested_at(file).date())
    before = {file.uri for file in lake.snapshot(OBJECTS).files}
    assert len(before) == FILES
    changed = [Unit("03/05", "new"), Unit("04/05", "new"), Unit("03/08", "new")]
    ledger.replace(lake, lake.claim(changed), lambda wanted: rows(wanted, FIRST + timedelta(days=300)))
    after = {file.uri for file in lake.snapshot(OBJECTS).files}
    # Files 5 and 8 are rewritten, and 6 and 7 lie between them in time.
    assert len(before & after) >= FILES - 4
    expected = {unit.uri: unit.etag for file in range(FILES) for unit in units(file)} | {u.uri: u.etag for u in changed}
    found = [(row["log_object"], row["etag"]) for row in lakes.rows(lake, "objects")]
    assert Counter(found) == Counter(expected.items())


def test_a_replacement_finds_rows_that_its_process_does_not_know_of(lake: Lake) -> None:
    assert unknown(lake, [Unit("03/05", "new")]) == {0: True}
    other = Lake(lake.uri)
    second = other.claim([Unit("03/05", "second")])
    ledger.replace(other, second, lambda wanted: rows(wanted, FIRST + timedelta(days=40)))
    # The first lake's handle and its hashes are of before; the new row lies in a file that it has not seen.
    ledger.replace(lake, lake.claim([Unit("03/05", "third"), Unit("x", "1")]), lambda wanted: rows(wanted, FIRST))
    found = {row["log_object"]: row["etag"] for row in lakes.rows(lake, "objects")}
    assert (len(lakes.rows(lake, "objects")), found["03/05"], found["x"]) == (FILES * ROWS + 1, "third", "1")


def test_an_object_put_back_as_it_was_is_new_again(lake: Lake) -> None:
    [old] = [unit for unit in units(5) if unit.uri == "03/05"]
    assert unknown(lake, [old]) == {}
    ledger.replace(lake, lake.claim([Unit("03/05", "new")]), lambda wanted: rows(wanted, FIRST + timedelta(days=40)))
    others = sorted(unit for file in range(FILES) for unit in units(file) if unit != old)
    assert unknown(lake, [old, Unit("03/05", "new"), *others]) == {0: True}


def test_the_ledger_is_known_again_however_often_it_is_rewritten(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_FEW", 0)
    for turn in range(4):
        ledger.replace(lake, lake.claim(units(2, f"turn {turn}")), lambda wanted: rows(wanted, FIRST))
        listed = sorted(units(2, f"turn {turn}") | units(1))
        assert unknown(lake, [*listed, Unit("02/02", "old 2 2")]) == {2 * ROWS: True}


def test_an_object_that_somebody_began_to_replace_is_not_finished_in_any_version(lake: Lake) -> None:
    listed = sorted(units(5))
    lake.claim([Unit("03/05", "new")])
    # A crash here, and the object put back as it was: the ledger's ETag is the listed one.
    assert unknown(lake, listed) == {3: True}
    claim = lake.claim([listed[3]])
    assert claim.units == {listed[3]}
    assert ledger.replace(lake, claim, lambda wanted: rows(wanted, FIRST)) == {listed[3]}
    assert unknown(lake, listed) == {}


def test_a_replacement_whose_answer_broke_off_is_nobody_elses(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [OSError("Generic S3 error: HTTP error: request or response body error")]

    def write(*arguments: Any, **more: Any) -> None:
        write_deltalake(*arguments, **more)
        if answers:
            raise answers.pop()

    monkeypatch.setattr(tables, "write_deltalake", write)
    changed = {Unit("03/05", "new"), Unit("04/05", "new")}
    assert ledger.replace(lake, lake.claim(changed), lambda wanted: rows(wanted, FIRST)) == changed
    assert answers == []
    found = Counter(row["log_object"] for row in lakes.rows(lake, "objects"))
    assert (len(found), set(found.values())) == (FILES * ROWS, {1})
