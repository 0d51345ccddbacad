"""Counting a line's fields is counting what it is cut into."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.formats.tokens import count_tokens, tokens


@given(
    st.text(alphabet='" a', max_size=40) | st.lists(st.sampled_from(['"a b"', '""', "a", "", 'a"', '"'])).map(" ".join)
)
@example('a "b c" "" d ')
@example('"a"b" c"')
def test_a_line_has_as_many_fields_as_it_is_cut_into(line: str) -> None:
    try:
        cut = str(len(tokens(line)))
    except ValueError:
        cut = ""
    assert count_tokens(line.encode()) == cut
