"""What old versions have added to the rollups: read once for all of these, and again when it may have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingest.lake import rebuilding
from ingest.lake.declarations import CALL_MINUTES, ENDPOINT_HOURS, LATTICE_ACCESS, OBJECTS
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.pipeline import replacement
from tests import lakes
from tests.ingest import small_logs


def counted(rollup: Table, rows: pa.Table) -> int:
    return pc.sum(rows.column(rollup.measures[0])).as_py() or 0


def test_old_rows_are_read_once_and_again_when_one_of_their_objects_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slot in range(3):
        small_logs.lattice(tmp_path / "logs", slot)
    lake = lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    first, second, third = sorted(row["log_object"] for row in lakes.rows(lake, OBJECTS.name))
    handle = lake.open(LATTICE_ACCESS)
    assert handle is not None
    line = handle.to_pyarrow_table().select(LATTICE_ACCESS.names).cast(LATTICE_ACCESS.arrow)
    line = line.filter(pc.equal(line.column("log_object"), first)).slice(0, 1)
    read: list[Any] = []

    def contributed(*given: Any) -> dict[str, pa.Table]:
        read.append(given)
        return rebuilding.contributed(*given)

    monkeypatch.setattr(replacement, "contributed", contributed)
    old = replacement._OldRows(lake)
    asked: dict[Unit, int | None] = {Unit(first, "new"): None, Unit(second, "new"): None}
    # Three requests an object, each of which saw the target once.
    for rollup in (CALL_MINUTES, ENDPOINT_HOURS, CALL_MINUTES):
        assert counted(rollup, old.counted_by(rollup, asked)) == 6
    assert len(read) == 1
    lake.replace(LATTICE_ACCESS, lake.claim({Unit(third, "other")}), lambda _: LATTICE_ACCESS.empty())
    assert counted(CALL_MINUTES, old.counted_by(CALL_MINUTES, asked)) == 6
    assert len(read) == 1
    # Another process was faster with a version of one line.
    other = Lake(lake.uri)
    other.replace(LATTICE_ACCESS, other.claim({Unit(first, "other")}), lambda _: line)
    assert counted(CALL_MINUTES, old.counted_by(CALL_MINUTES, asked)) == 4
    assert len(read) == 2
    assert counted(CALL_MINUTES, old.counted_by(CALL_MINUTES, {Unit(second, "new"): None})) == 3
