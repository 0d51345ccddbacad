"""Kept handles: a lake that rested while others wrote follows them, and commits nothing twice."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

import pytest

from ingest.lake import handles
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from tests.ingest.lake.test_tables import ids_in, ledger_rows, units


@pytest.mark.parametrize("fresh_seconds", [0, 600])
def test_a_kept_handle_passes_a_checkpoint_whose_commits_are_gone(
    fresh_seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "_FRESH_SECONDS", fresh_seconds)
    kept, other = Lake(str(tmp_path)), Lake(str(tmp_path))
    kept.append(OBJECTS, units("first#1"), ledger_rows)
    # A checkpoint is written with every 50th version: here 49.
    for n in range(55):
        other.append(OBJECTS, units(f"{n}#1"), ledger_rows)
    for commit in (tmp_path / "objects" / "_delta_log").glob("*.json"):
        if re.fullmatch(r"\d{20}", commit.stem) and int(commit.stem) < 49:
            commit.unlink()
    assert kept.append(OBJECTS, units("3#1", "54#1", "last#1"), ledger_rows).committed == units("last#1")
    with kept.newest(OBJECTS) as handle:
        assert handle is not None
        assert handle.version() == 57  # 0 makes the table; 57 commits
    assert ids_in(kept) == dict.fromkeys(["first#1", "last#1", *(f"{n}#1" for n in range(55))], 1)


def test_a_table_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for n in range(3):
        lake.append(OBJECTS, units(f"{n}#1"), ledger_rows)
    shutil.rmtree(tmp_path / "objects")
    assert lake.append(OBJECTS, units("0#1", "9#1"), ledger_rows).committed == units("0#1", "9#1")
    assert ids_in(Lake(str(tmp_path))) == {"0#1": 1, "9#1": 1}


def test_threads_of_one_lake_that_append_the_same_objects_commit_each_once(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    ids = [f"{n}#1" for n in range(40)]

    def append_all(order: list[str]) -> None:
        for at in range(0, len(order), 4):
            lake.append(OBJECTS, units(*order[at : at + 4]), ledger_rows)

    orders = (ids, list(reversed(ids)), ids[20:] + ids[:20])
    threads = [threading.Thread(target=append_all, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ids_in(lake) == dict.fromkeys(ids, 1)


def test_a_handle_is_not_kept_after_a_failure(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.append(OBJECTS, units("a#1"), ledger_rows)
    with lake.newest(OBJECTS) as first:
        pass
    with lake.newest(OBJECTS) as second, lake.newest(OBJECTS) as third:
        assert second is first
        assert third is not first
    with pytest.raises(ValueError, match="broken"), lake.newest(OBJECTS) as broken:
        raise ValueError("broken")
    with lake.newest(OBJECTS) as again:
        assert again is not broken
