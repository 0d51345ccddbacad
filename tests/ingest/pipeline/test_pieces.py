"""Objects in pieces: the same lines whatever the size of the parts they come in and of the pieces they are cut into."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import SourceError
from ingest.formats.compression import Decompressed, decompress
from ingest.formats.streams import TextStream
from ingest.lake.tables import Lake
from ingest.pipeline import pieces as pieces_
from ingest.pipeline.pieces import Damage, Parquet, Piece, opened, pieces
from ingest.sources import Body, SourceObject, open_source, source
from tests import lakes
from tests.servers import S3Server

TEXTS = st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b"{", b"")), max_size=30).map(
    b"\n".join
)


def in_parts(stored: bytes, size: int) -> list[bytes]:
    return [stored[start : start + size] for start in range(0, len(stored), size)]


def zstd(text: bytes) -> bytes:
    return pa.Codec("zstd").compress(text, asbytes=True)


def read(body: bytes | Sequence[bytes]) -> tuple[list[Piece], str | None]:
    """The pieces, checked: whole lines, each where the last one ended; and the damage."""
    found: list[Piece] = []
    at = 0
    for piece in pieces(body):
        if isinstance(piece, Damage):
            return found, piece.what
        assert piece.offset == at
        assert piece.data.endswith(b"\n")
        at += piece.line_bytes + 1 if piece.line_bytes else len(piece.data)
        found.append(piece)
    return found, None


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
@settings(max_examples=60)
@given(text=TEXTS, size=st.integers(1, 200), longest=st.integers(50, 300))
def test_parts_and_pieces_of_any_size_hold_the_same_lines(pack: object, text: bytes, size: int, longest: int) -> None:
    text = b"a" + text  # or it might begin like a packed one
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces_, "LONGEST_LINE", longest)
        patch.setattr(pieces_, "HEAD", 1)
        found, damage = read(in_parts(pack(text), size))  # type: ignore[operator]
    assert damage is None
    assert not any(piece.line_bytes for piece in found)
    assert b"".join(piece.data for piece in found) == (text if not text or text.endswith(b"\n") else text + b"\n")


@settings(max_examples=60)
@given(
    lines=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    size=st.integers(1, 70),
    whole=st.booleans(),
)
def test_lines_that_are_too_long_are_pieces_of_their_own(lines: list[int], size: int, whole: bool) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lines)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("LONGEST_LINE", 30), ("KEPT", 8), ("HEAD", 1), ("PIECE", 1 << 20 if whole else 0)):
            patch.setattr(pieces_, name, value)
        found, damage = read(text if whole else in_parts(text, size))
    assert damage is None
    assert [piece.line_bytes for piece in found if piece.line_bytes] == [n for n in lines if n > 30]
    assert all(piece.data == b"x" * 8 + b"\n" for piece in found if piece.line_bytes)
    assert b"".join(piece.data for piece in found if not piece.line_bytes) == b"".join(
        b"x" * n + b"\n" for n in lines if n <= 30
    )


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_damaged_streams_give_what_decodes_and_say_what_is_wrong(size: int) -> None:
    text = b"".join(b"%06d %d\n" % (i, zlib.crc32(b"%d" % i)) for i in range(20_000))
    stored = gzip.compress(text)

    def decoded(body: bytes) -> tuple[bytes, str]:
        stream = TextStream(in_parts(body, size))
        return b"".join(stream), stream.damage or ""

    assert decoded(stored + stored) == (text + text, "")
    assert decoded(stored + b"\0" * 512) == (text, "")
    found, damage = decoded(stored[: len(stored) // 2])
    assert text.startswith(found)
    assert len(found) > len(text) * 0.4
    assert "ends in the middle" in damage
    found, damage = decoded(stored[:-8] + b"\1\2\3\4" + stored[-4:])
    assert found == text
    assert "corrupt" in damage
    found, damage = decoded(stored + b"garbage")
    assert found == text
    assert "not gzip" in damage
    bounded = TextStream(in_parts(stored, size), limit=1000)
    assert b"".join(bounded) == text[:1000]
    assert bounded.damage == "decompresses to more than the limit"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object is a large one, in parts and pieces of a few kilobytes."""
    for module, name, value in (
        (source, "LARGE", 1_000),
        (source, "PART", 3_000),
        (pieces_, "PIECE", 1_000),
        (pieces_, "LONGEST_LINE", 20_000),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small_parts")
def test_a_lake_of_objects_read_in_parts_is_the_same(tmp_path: Path, sample_lake: Lake) -> None:
    lake = lakes.ingested(lakes.SAMPLE, tmp_path / "lake")
    assert lakes.counts(lake) == lakes.counts(sample_lake)
    lakes.check_exact(lake)
    for table, time in (("lattice_access", "start_time"), ("vpc_flow", "start_time"), ("alb_access", "time")):
        columns = ["log_object", "log_line", time]
        assert sorted(map(str, lakes.rows(lake, table, columns))) == sorted(
            map(str, lakes.rows(sample_lake, table, columns))
        )
    columns = ["log_object", "log_line", "byte_offset", "raw"]
    assert sorted(map(str, lakes.rows(lake, "rejects", columns))) == sorted(
        map(str, lakes.rows(sample_lake, "rejects", columns))
    )


@pytest.mark.usefixtures("small_parts")
def test_an_object_rewritten_while_its_parts_are_read_is_not_mixed(moto_s3: S3Server, tmp_path: Path) -> None:
    bucket = moto_s3.bucket()
    uri = bucket.put("a.log", b"x" * 10_000)
    opened = open_source(bucket.uri, moto_s3.settings())
    found = opened.head(uri)
    assert isinstance(found, source.SourceObject)
    ((_, body),) = opened.read([found])
    assert not isinstance(body, bytes | Exception)
    parts = iter(body)
    assert next(parts) == b"x" * 3_000
    bucket.put("a.log", b"y" * 10_000)
    with pytest.raises(source.RewrittenError, match=re.escape(uri)):
        next(parts)


class Reading:
    """Bodies as a source reads them; `count` of them have been asked for."""

    def __init__(self, *bodies: Body | SourceError) -> None:
        self._bodies = bodies
        self.count = 0

    def __iter__(self) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        for body in self._bodies:
            self.count += 1
            yield SourceObject(f"{self.count:03}", "etag", 1, datetime(2026, 1, 1, tzinfo=UTC)), body


def test_objects_are_opened_in_order_whatever_they_are() -> None:
    refused, few = SourceError("refused"), [b"b\n"] * 40
    reading = Reading(b"a\n", b"PAR1...", refused, *few, [b"c\n", b"d\n"], b"e" * 300_000, b"f\n")
    found = [
        (item.uri, each if isinstance(each, Parquet | SourceError) else list(each)) for item, each in opened(reading)
    ]
    assert [uri for uri, _ in found] == [f"{number:03}" for number in range(1, 47)]
    texts = [
        [(piece.data, lines) for piece, lines in each if isinstance(piece, Piece)] if isinstance(each, list) else each
        for _, each in found
    ]
    assert texts == [
        [(b"a\n", 1)],
        Parquet(b"PAR1..."),
        refused,
        *[[(b"b\n", 1)]] * 40,
        [(b"c\nd\n", 2)],
        [(b"e" * 300_000 + b"\n", 1)],
        [(b"f\n", 1)],
    ]


def test_small_objects_are_read_a_few_ahead() -> None:
    reading = Reading(*[b"a\n"] * 100)
    next(opened(reading))
    assert reading.count == 16


def test_small_objects_of_much_text_are_opened_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen of them would be half a gigabyte."""
    bomb = gzip.compress(b"a\n" * (3 << 20))  # 6 MiB of text
    assert len(bomb) < 128 << 10
    decompressed: list[bytes] = []

    def watched(body: bytes, limit: int) -> Decompressed:
        decompressed.append(body)
        return decompress(body, limit)

    monkeypatch.setattr(pieces_, "decompress", watched)
    for number, _ in enumerate(opened(Reading(*[bomb] * 16)), 1):
        assert len(decompressed) == number
    assert len(decompressed) == 16


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_small_object_of_very_much_text_is_cut_as_it_is_asked_for(pack: Callable[[bytes], bytes]) -> None:
    """All pieces of 48 MiB of newlines, with an offset for each, would be nine times as much in memory."""
    bomb = pack(b"\n" * (48 << 20))
    assert len(bomb) < 128 << 10
    cut = 0

    def watched(body: Body) -> Iterator[Piece | Damage]:
        nonlocal cut
        for piece in pieces(body):
            cut += 1
            yield piece

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces_, "pieces", watched)
        (_, found), _ = opened(Reading(bomb, b"a\n"))
        assert not isinstance(found, Parquet | SourceError)
        few = cut
        lines = sum(count for _, count in found)
    assert 0 < few < cut
    assert lines == 48 << 20
