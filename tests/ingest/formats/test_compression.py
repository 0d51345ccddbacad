"""Bodies whole, in several members, and damaged in every way seen."""

from __future__ import annotations

import gzip
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.compression import GZIP_MEMBER, _has_members, decompress

TEXT = b"".join(b"line %d %d\n" % (i, random.Random(i).getrandbits(64)) for i in range(20_000))
GZIPPED = gzip.compress(TEXT, mtime=0)
MIDDLE = len(GZIPPED) // 2


def test_plain_text_and_parquet_pass() -> None:
    assert decompress(TEXT).data is TEXT
    assert decompress(b"PAR1...").data == b"PAR1..."
    assert decompress(b"") == decompress(gzip.compress(b""))


def test_gzip() -> None:
    found = decompress(GZIPPED)
    assert found.data == TEXT
    assert found.damage is None


@pytest.mark.parametrize("count", [2, 5])
def test_every_member_is_read(count: int) -> None:
    found = decompress(GZIPPED * count)
    assert found.data == TEXT * count
    assert found.damage is None


MAGIC = [b"\x1f", b"\x8b", b"\x08", b"\0", b"\x1f\x8b\x08\x00", b"\x02", b"\x04", b"\x20", b"12345", b"a"]


@given(st.lists(st.sampled_from(MAGIC), max_size=30).map(b"".join))
def test_the_beginning_of_a_member_is_found_where_the_pattern_finds_it(body: bytes) -> None:
    assert _has_members(body) == (GZIP_MEMBER.search(body, 3) is not None)


@pytest.mark.parametrize("flags", [0, 4])
def test_a_member_that_ends_the_body_is_looked_at_to_its_last_byte(flags: int) -> None:
    begin = b"\x1f\x8b\x08" + bytes([flags]) + b"\x1f\x1f\x8b\x08"
    assert [_has_members(b"abc" + begin + last) for last in (b"\x00", b"\x02", b"\x04", b"\x01", b"")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_padding_after_the_last_member_is_no_damage() -> None:
    assert decompress(GZIPPED + bytes(512)).damage is None


def test_zstd() -> None:
    found = decompress(pa.compress(TEXT, codec="zstd", asbytes=True))
    assert found.data == TEXT
    assert found.damage is None


@pytest.mark.parametrize(
    ("body", "says", "least"),
    [
        (GZIPPED[:MIDDLE], "ends in the middle", 0.45),
        (GZIPPED[:-4], "ends in the middle", 1.0),
        (GZIPPED[:-8] + bytes(4) + GZIPPED[-4:], "corrupt", 0.99),
        (GZIPPED[:-4] + bytes(4), "corrupt", 0.99),
        (GZIPPED[:MIDDLE] + b"\xff" * 64 + GZIPPED[MIDDLE + 64 :], "corrupt", 0.45),
        (GZIPPED + b"not gzip", "8 bytes after gzip member 1 are not gzip", 1.0),
        (GZIPPED + GZIPPED[:100], "member 2", 1.0),
        (GZIPPED[:5], "ends in the middle", 0.0),
        (b"\x1f\x8b", "ends in the middle", 0.0),
        (pa.compress(TEXT, codec="zstd", asbytes=True)[:-1000], "zstd", 0.0),
    ],
)
def test_what_comes_before_the_damage_is_kept(body: bytes, says: str, least: float) -> None:
    found = decompress(body)
    assert found.damage is not None
    assert says in found.damage
    assert len(found.data) >= least * len(TEXT)
    intact = found.data[: int(least * len(TEXT))]
    assert TEXT.startswith(intact)


def test_a_bomb_is_cut_at_the_limit() -> None:
    for body in (gzip.compress(bytes(1_000_000)), pa.compress(bytes(1_000_000), codec="zstd", asbytes=True)):
        found = decompress(body, limit=10_000)
        assert len(found.data) == 10_000
        assert "limit" in (found.damage or "")


@given(
    body=st.binary(max_size=200), magic=st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"])
)
def test_any_body_gives_bytes(body: bytes, magic: bytes) -> None:
    assert isinstance(decompress(magic + body).data, bytes)
