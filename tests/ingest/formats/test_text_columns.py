"""Columns of text cut by their bytes: as Python cuts each text, or not at all."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats import text_columns
from ingest.formats.text_columns import consists_of, cut_at

TEXTS = st.lists(st.one_of(st.none(), st.text(st.sampled_from(":aä"), max_size=6)), max_size=8)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 3), st.integers(0, 3))
def test_texts_are_cut_as_python_cuts_them(texts: list[str | None], count: int, skipped: int) -> None:
    # A slice: its bytes begin somewhere within its buffers.
    column, texts = pa.array(texts, pa.string()).slice(skipped), texts[skipped:]
    pieces = cut_at(column, ":", count)
    if any(text is not None and text.count(":") != count for text in texts):
        assert pieces is None
        return
    assert pieces is not None
    expected = [[None] * (count + 1) if text is None else text.split(":") for text in texts]
    assert [piece.to_pylist() for piece in pieces] == [[row[i] for row in expected] for i in range(count + 1)]


def test_what_lies_below_a_null_is_not_cut() -> None:
    _, offsets, texts = pa.array(["a:b", "c:d", "::::"]).buffers()
    assert offsets is not None
    assert texts is not None
    hidden = pa.StringArray.from_buffers(3, offsets, texts, pa.py_buffer(b"\x03"))
    pieces = cut_at(hidden, ":", 1)
    assert pieces is not None
    assert [piece.to_pylist() for piece in pieces] == [["a", "c", None], ["b", "d", None]]


def test_marks_that_only_add_up_are_not_cut() -> None:
    assert cut_at(pa.array(["a:b:c", "d"]), ":", 1) is None
    assert cut_at(pa.array(["d", "a:b:c"]), ":", 1) is None


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(st.sampled_from("09.-/:af`gä\x00"), max_size=6)), max_size=8))
def test_texts_consist_of_ranges_when_each_of_their_bytes_is_in_one(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    expected = set("".join(text or "" for text in texts)) <= set("0123456789.abcdef")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_columns, "WINDOW", 3)
        assert consists_of(column, b"09", b"..", b"af") is expected
