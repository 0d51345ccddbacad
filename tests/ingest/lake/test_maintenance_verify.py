"""`lake verify` names every way in which a lake can differ from its ledger; `rebuild-rollup` mends a rollup."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import write_deltalake

from ingest.errors import LakeError
from ingest.lake import rebuilding, retention, verification
from ingest.lake.declarations import ALB_ACCESS, CALL_MINUTES, ENDPOINT_HOURS, LATTICE_ACCESS, OBJECTS, TABLES
from ingest.lake.rollups import roll_up
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from tests import lakes
from tests.ingest import small_logs

DAY = date(2026, 3, 10)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of three objects of three requests each."""
    folder = tmp_path_factory.mktemp("sound")
    for slot in range(3):
        small_logs.lattice(folder / "logs", slot)
    lakes.ingested(folder / "logs", folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(sound: Path, tmp_path: Path) -> Lake:
    """A copy of it, to do harm to."""
    return Lake(str(shutil.copytree(sound, tmp_path / "lake")))


def kinds(lake: Lake) -> set[tuple[str, str]]:
    return {(difference.kind, difference.table) for difference in verification.verify(lake)}


def uris(lake: Lake) -> list[str]:
    return sorted(row["log_object"] for row in lakes.rows(lake, "objects"))


def delete(lake: Lake, table: str, where: str) -> None:
    handle = lake.open(TABLES[table])
    assert handle is not None
    handle.delete(where)


def rows_of(lake: Lake, uri: str) -> pa.Table:
    handle = lake.open(LATTICE_ACCESS)
    assert handle is not None
    return handle.to_pyarrow_dataset().to_table(filter=ds.field("log_object") == uri).cast(LATTICE_ACCESS.arrow)


ROLLED = {"call_minutes", "call_hours", "edge_hours", "edge_latency_hours", "endpoint_hours"}
"""The rollups that Lattice's requests are counted in."""


def test_a_sound_lake_and_an_empty_one_have_no_differences(lake: Lake, empty_lake: Lake) -> None:
    assert list(verification.verify(lake)) == []
    assert list(verification.verify(empty_lake)) == []


def test_rows_that_are_lost_are_named_with_their_object_and_their_rollups(lake: Lake) -> None:
    uri = uris(lake)[1]
    delete(lake, "lattice_access", f"log_object = '{uri}' and log_line = 2")
    found = {(d.kind, d.table): d for d in verification.verify(lake)}
    assert found.keys() == {
        ("rows", "lattice_access"),
        *(("rollup", table) for table in ROLLED),
    }
    lost = found["rows", "lattice_access"]
    assert (lost.log_object, lost.expected, lost.found) == (uri, 3, 2)
    minutes = found["rollup", "call_minutes"]
    assert minutes.day == DAY
    assert "rebuild-rollup call_minutes --day 2026-03-10" in minutes.detail


def test_lines_that_are_there_twice_are_named(lake: Lake) -> None:
    uri = uris(lake)[0]
    twice = rows_of(lake, uri)
    lake.append(LATTICE_ACCESS, {Unit("another", "e")}, lambda _: twice)
    found = [d for d in verification.verify(lake) if d.kind == "repeated_lines"]
    assert [(d.log_object, d.found) for d in found] == [(uri, 3)]
    assert ("rows", "lattice_access") in kinds(lake)


def test_an_object_that_a_crash_left_half_done_is_unfinished(lake: Lake) -> None:
    uri = uris(lake)[2]
    delete(lake, "objects", f"log_object = '{uri}'")
    found = list(verification.verify(lake))
    assert {(d.kind, d.log_object, d.found) for d in found} == {("unfinished", uri, 3)}


def test_an_object_whose_replacement_a_crash_cut_off_is_unfinished(lake: Lake) -> None:
    uri = uris(lake)[2]
    lake.claim({Unit(uri, "newer")})
    found = list(verification.verify(lake))
    assert {(d.kind, d.log_object) for d in found} == {("unfinished", uri)}


def test_rows_of_an_object_nobody_knows_are_named(lake: Lake) -> None:
    stranger = rows_of(lake, uris(lake)[0])
    at = stranger.column_names.index("log_object")
    stranger = stranger.set_column(at, "log_object", pa.array(["s3://elsewhere/object"] * 3))
    handle = lake.open(LATTICE_ACCESS)
    assert handle is not None
    write_deltalake(handle, stranger, mode="append")
    found = [d for d in verification.verify(lake) if d.kind != "rollup"]
    assert [(d.kind, d.log_object, d.found) for d in found] == [("not_in_ledger", "s3://elsewhere/object", 3)]


def test_a_ledger_row_that_does_not_add_up_or_repeats_is_named(lake: Lake) -> None:
    handle = lake.open(OBJECTS)
    assert handle is not None
    one = handle.to_pyarrow_table().slice(0, 1).cast(OBJECTS.arrow)
    at = one.column_names.index("records")
    write_deltalake(handle, one.set_column(at, "records", pa.array([7], pa.int64())), mode="append")
    assert ("ledger_repeats", "objects") in kinds(lake)
    delete(lake, "objects", "records = 3")
    assert ("ledger_sum", "objects") in kinds(lake)


def test_files_that_are_gone_or_cut_are_named_before_anything_is_read(lake: Lake) -> None:
    (file,) = lake.snapshot(LATTICE_ACCESS).files
    body = Path(file.uri).read_bytes()
    Path(file.uri).write_bytes(body[:-1])
    cut = next(verification.verify(lake))
    assert (cut.kind, cut.table, cut.expected, cut.found) == ("file_size", "lattice_access", len(body), len(body) - 1)
    os.remove(file.uri)
    assert next(verification.verify(lake)).kind == "file_missing"


def test_the_command_prints_differences_and_exits_4(lake: Lake) -> None:
    clean = lakes.run("lake", "verify", "--lake", lake.uri, "--format", "json")
    assert (clean.returncode, json.loads(clean.stdout)) == (0, [])
    delete(lake, "lattice_access", "log_line = 3")
    broken = lakes.run("lake", "verify", "--lake", lake.uri, "--format", "json")
    assert broken.returncode == 4
    assert {row["kind"] for row in json.loads(broken.stdout)} == {"rows", "rollup"}
    assert "differences" in broken.stderr


def test_a_rollup_is_made_anew_from_the_rows(lake: Lake) -> None:
    before = sorted(map(str, lakes.rows(lake, "call_minutes")))
    delete(lake, "call_minutes", "minute < '2026-03-10T09:06:00Z'")
    assert ("rollup", "call_minutes") in kinds(lake)
    done = lakes.run("lake", "rebuild-rollup", "all", "--lake", lake.uri, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert {row["table"] for row in json.loads(done.stdout)} == ROLLED
    assert sorted(map(str, lakes.rows(lake, "call_minutes"))) == before
    assert list(verification.verify(lake)) == []


def test_an_object_between_two_commits_is_counted_once_whenever_the_rollup_is_rebuilt(
    lake: Lake, tmp_path: Path
) -> None:
    """Its rows are in the source table, its counts are not yet: its own writer adds them."""
    rows = rows_of(lake, uris(lake)[0])
    at = rows.column_names.index("log_object")
    unit = Unit("s3://bucket/late", "e")
    late = rows.set_column(at, "log_object", pa.array([unit.uri] * 3)).cast(LATTICE_ACCESS.arrow)
    lake.append(LATTICE_ACCESS, {unit}, lambda _: late)
    rebuilding.rebuild(lake, CALL_MINUTES, DAY)
    assert lakes.counts(lake)["call_minutes"] == 9
    lake.append(CALL_MINUTES, {unit}, lambda _: roll_up({"lattice_access": late})["call_minutes"])
    assert lakes.counts(lake)["call_minutes"] == 12
    # Counted and guarded, though the ledger does not know it yet.
    rebuilding.rebuild(lake, CALL_MINUTES, DAY)
    assert lakes.counts(lake)["call_minutes"] == 12


def test_a_day_is_rebuilt_where_one_of_its_sources_has_no_rows(lake: Lake) -> None:
    lake.create(ALB_ACCESS)  # as an ingest has it for a moment before its first commit
    rebuilding.rebuild(lake, CALL_MINUTES, DAY)
    assert lakes.counts(lake)["call_minutes"] == 9


def test_an_object_that_is_being_replaced_is_counted_by_its_own_writer_alone(lake: Lake) -> None:
    rows = rows_of(lake, uris(lake)[0])
    claim = lake.claim({Unit(uris(lake)[0], "newer")})
    # Three requests an object: nine, less this one's three, and three again.
    lake.take_back(CALL_MINUTES, claim, claim.units, lambda _: roll_up({"lattice_access": rows})["call_minutes"])
    for _ in range(2):
        assert lakes.counts(lake)["call_minutes"] == 6
        rebuilding.rebuild(lake, CALL_MINUTES, DAY)
    lake.count(CALL_MINUTES, claim, lambda _: roll_up({"lattice_access": rows})["call_minutes"])
    assert lakes.counts(lake)["call_minutes"] == 9


def test_a_day_with_rows_of_two_versions_of_an_object_is_refused(lake: Lake) -> None:
    rows = rows_of(lake, uris(lake)[0])
    lake.replace(LATTICE_ACCESS, lake.claim({Unit(uris(lake)[0], "newer")}), lambda _: rows)
    with pytest.raises(LakeError, match="is being replaced"):
        rebuilding.rebuild(lake, CALL_MINUTES, DAY)
    assert lakes.counts(lake)["call_minutes"] == 9


def test_a_rollup_outlives_its_sources_and_is_not_rebuilt_from_nothing(lake: Lake) -> None:
    retention.expire(lake, LATTICE_ACCESS, date(2026, 3, 11))
    assert rebuilding.rebuildable(lake, ENDPOINT_HOURS) == []
    with pytest.raises(LakeError, match="has expired"):
        rebuilding.rebuild(lake, ENDPOINT_HOURS, DAY)
    assert lakes.counts(lake)["call_minutes"] == 9
    assert list(verification.verify(lake)) == []
