"""Searching a block's bytes in windows: what is found is what Python finds byte by byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats import scan

JOINED = re.compile(rb"\}[ \t]?\{")
TEXT = st.binary(max_size=60) | st.lists(st.sampled_from([b"}", b"{", b" ", b"\t", b"\n", b"a", b"\\", b"\x80"])).map(
    b"".join
)


@settings(deadline=None)
@given(TEXT, st.integers(1, 20))
def test_marks_are_what_python_finds(data: bytes, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "WINDOW", window)
        found = scan.marks(data)
    controls = [byte for byte in data if byte < 32]
    assert found.controls.tolist() == [at for at, byte in enumerate(data) if byte < 32]
    assert found.is_ascii == data.isascii()
    assert found.are_newlines == (set(controls) <= {ord("\n")})
    assert found.is_joined == (JOINED.search(data) is not None)
    assert found.has_backslash == (b"\\" in data)


def test_more_controls_than_there_is_room_for_are_found() -> None:
    data = b"\n" * 1000 + b"\0}\t{"
    found = scan.marks(data)
    assert (len(found.controls), found.is_ascii, found.are_newlines, found.is_joined) == (1002, True, False, True)


@pytest.mark.parametrize("text", [b"}{", b"} {", b"}\t{", b"}  {", b"\n\0", b"\x80", b"\\", b"["])
def test_marks_are_found_wherever_they_lie(text: bytes) -> None:
    """The compiled scan looks at 64 bytes together; what it finds may lie across two such looks."""
    for before in range(130):
        found = scan.marks(b"a" * before + text + b"a" * 70)
        assert found.controls.tolist() == [before + at for at, byte in enumerate(text) if byte < 32]
        assert found.is_ascii == text.isascii()
        assert found.are_newlines == ({byte for byte in text if byte < 32} <= {ord("\n")})
        assert found.is_joined == (JOINED.search(text) is not None)
        assert found.has_backslash == (b"\\" in text)
