"""Large objects and large batches: their rows are written as they come, and committed together or not at all."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.scan import marks
from ingest.lake import staging
from ingest.lake.declarations import LATTICE_ACCESS
from ingest.lake.rejected import objects_with_rejects
from ingest.lake.tables import Lake
from ingest.lake.verification import verify
from ingest.pipeline import assembly, pieces
from ingest.pipeline.pieces import Damage, Piece, counted
from ingest.pipeline.replay import replay
from ingest.pipeline.rules import NO_RULES
from ingest.pipeline.run import Limits
from ingest.settings import Settings
from ingest.sources import open_source, source
from tests import lakes
from tests.ingest.pipeline.test_exactly_once import cut_off, rewrite

HUGE = {"*VpcLatticeAccessLogs*T091*.gz": 2, "*app.internal-edge*T0910*.gz": 1, "*fl-b8afe86ee64f31ab8*T091*.gz": 1}


def some_logs(folder: Path) -> Path:
    """Four objects, each with a line that cannot be read at its end."""
    for pattern, count in HUGE.items():
        for path in sorted((lakes.SAMPLE / "AWSLogs").rglob(pattern))[:count]:
            target = folder / path.relative_to(lakes.SAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"{cut\n"))
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return some_logs(tmp_path / "logs")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What the lake holds when nothing is staged."""
    folder = tmp_path_factory.mktemp("whole")
    return lakes.counts(lakes.ingested(some_logs(folder / "logs"), folder / "lake"))


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch, expected: dict[str, int]) -> dict[str, int]:
    """From now on, whatever comes after the first kilobytes of an object is staged, in several files."""
    for module, name, value in (
        (source, "LARGE", 1_000),
        (source, "PART", 3_000),
        (pieces, "PIECE", 1_000),
        (pieces, "LONGEST_LINE", 4_000),
        (assembly, "STAGED_FROM", 5_000),
        (staging, "FILE_BYTES", 10_000),
    ):
        monkeypatch.setattr(module, name, value)
    return expected


def files(lake: Lake) -> int:
    return len(lake.snapshot(LATTICE_ACCESS).files)


def test_a_lake_of_staged_objects_is_the_same(logs: Path, tmp_path: Path, staged: dict[str, int]) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == staged
    lakes.check_exact(lake)
    assert list(verify(lake)) == []
    # In one commit, as many files as were staged and one of what was kept.
    assert files(lake) > 2
    handle = lake.open(LATTICE_ACCESS)
    assert handle is not None
    assert handle.version() == 1


def test_staged_objects_are_rewritten_and_replayed(logs: Path, tmp_path: Path, staged: dict[str, int]) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    known = objects_with_rejects(lake, None, None, "256MiB")
    replayed = replay(lake, known, lambda _: open_source(str(logs), Settings()), Limits(10, 1 << 20, 1), NO_RULES)
    assert (replayed.objects, replayed.failed) == (4, [])
    assert lakes.counts(lake) == staged
    assert list(verify(lake)) == []

    rewrite(logs)
    lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == lakes.counts(lakes.ingested(logs, tmp_path / "fresh"))
    lakes.check_exact(lake)
    assert list(verify(lake)) == []


@pytest.mark.parametrize("allowed", [0, 1, 2, 4, 6])
def test_staged_objects_cut_off_between_two_tables_are_finished(
    allowed: int, logs: Path, tmp_path: Path, staged: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        cut_off(patch, allowed)
        lakes.ingested(logs, tmp_path / "lake")
    orphans = len(list((tmp_path / "lake").rglob("*.parquet")))
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert orphans
    assert lakes.counts(lake) == staged
    lakes.check_exact(lake)
    assert list(verify(lake)) == []


def test_a_batch_that_memory_cannot_hold_becomes_several(
    logs: Path, tmp_path: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "FULL", 1_000)
    gone = logs / "AWSLogs" / "zzz-damaged.json.gz"
    gone.write_bytes(b"")
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == {**expected, "objects": expected["objects"] + 1}
    handle = lake.open(LATTICE_ACCESS)
    assert handle is not None
    assert handle.version() == 2
    lakes.check_exact(lake)


@settings(max_examples=100)
@given(lengths=st.lists(st.integers(0, 5), max_size=60), most=st.integers(1, 7), offset=st.integers(0, 100))
def test_pieces_of_many_lines_are_cut_at_their_ends(lengths: list[int], most: int, offset: int) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "MOST_LINES", most)
        found = list(counted([Piece(text, offset, marks(text)), Damage("torn", 7)]))
    assert found.pop() == (Damage("torn", 7), 0)
    at = offset
    for piece, count in found:
        assert isinstance(piece, Piece)
        assert piece.offset == at
        assert count == piece.data.count(b"\n") <= most
        at += len(piece.data)
    assert b"".join(piece.data for piece, _ in found if isinstance(piece, Piece)) == text
