"""Lines of one form are cut at their commas; whatever is not of the form is left for a JSON parser."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from ingest.formats.block import Block
from ingest.formats.json_form import FORMS, cut, form_of
from ingest.formats.lines import Lines
from ingest.formats.object_key import parse_key

LINE = b'{"host":"orders.example.com","code":200,"agent":"-","path":"/a"}'


def read(*lines: bytes, repeating: Collection[str] = ()) -> dict[int, dict[str, str | None]]:
    """What was cut: for each line that was, its values."""
    data = b"".join(line + b"\n" for line in lines)
    block = Lines(Block(data, [parse_key("s3://logs/a.json.gz")], [len(lines)], ""))
    found: dict[int, dict[str, str | None]] = {}
    for texts in cut(block, np.ones(len(lines), dtype=np.bool_), repeating):
        columns = {name: column.to_pylist() for name, column in texts.columns.items()}
        for i, at in enumerate(texts.at.tolist()):
            assert at not in found
            found[at] = {name: values[i] for name, values in columns.items()}
    return found


@pytest.mark.parametrize("repeating", [set(), {"host", "agent"}, {"host", "code", "agent", "path"}])
def test_values_are_those_between_the_forms_texts(repeating: set[str]) -> None:
    other = b'{"host":"null","code":503,"agent":"","path":"/\xc3\xa9: {x}"}'
    found = read(*[LINE] * 70, other, repeating=repeating)
    assert len(found) == 71
    assert found[0] == {"host": "orders.example.com", "code": "200", "agent": None, "path": "/a"}
    assert found[70] == {"host": None, "code": "503", "agent": None, "path": "/é: {x}"}


@pytest.mark.parametrize("repeating", [set(), {"host", "code", "agent", "path"}])
@pytest.mark.parametrize(
    "line",
    [
        b'{"host":"a,b","code":200,"agent":"-","path":"/a"}',
        b'{"host":"a","code":200,"agent":"-"}',
        b'{"host":"a","code":"200","agent":"-","path":"/a"}',
        b'{"host":"a","code":null,"agent":"-","path":"/a"}',
        b'{"host":"a","code":2.5,"agent":"-","path":"/a"}',
        b'{"host":"a","code":007,"agent":"-","path":"/a"}',
        b'{"host":"a","code":,"agent":"-","path":"/a"}',
        b'{"host":"a","code":1234567890123456789,"agent":"-","path":"/a"}',
        b'{"host":"a","code":200,"path":"/a","agent":"-"}',
        b'{"host":"a","code":200,-,"path":"/a"}',
        b'{"host":"a","code":200,,"path":"/a"}',
        b'{"host":"a","code":200,"agent":","path":"/a"}',
        b'{"host":"a"x","code":200,"agent":"-","path":"/a"}',
        b'{"host":"a\\u0062","code":200,"agent":"-","path":"/a"}',
        b'{"host":"a","code":200,"agent":"-","path":"/a"}}',
        b'{"host":"a","code":200,"agent":"-","path":"/a',
        b'{"host": "a","code":200,"agent":"-","path":"/a"}',
        b'{"host":{"a":1},"code":200,"agent":"-","path":"/a"}',
    ],
)
def test_a_line_that_is_not_of_the_form_is_left(line: bytes, repeating: set[str]) -> None:
    found = read(*[LINE] * 40, line, *[LINE] * 40, repeating=repeating)
    assert found.keys() == set(range(81)) - {40}


def test_several_forms_are_cut_one_after_the_other() -> None:
    other = b'{"host":"a","code":"-"}'
    found = read(*[LINE, other] * 70)
    assert len(found) == 140
    assert found[1] == {"host": "a", "code": None}
    many = [b'{"host":"a","key%d":"x"}' % i for i in range(FORMS + 1) for _ in range(70)]
    assert read(*many).keys() == set(range(FORMS * 70))


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":"x","a":"y"}',
        b'{"a":"x"',
        b'{"a":[1]}',
        b'{"a":true}',
        b"{}",
        b"",
        b'{"a":"x"},{"b":"y"}',
        b"{" + b",".join(b'"k%d":"x"' % i for i in range(200)) + b"}",
    ],
)
def test_some_lines_have_no_form(line: bytes) -> None:
    assert form_of(line) is None


def test_a_form_with_spaces_is_a_form() -> None:
    form = form_of(b'{ "a": "x", "b" : 12 }')
    assert form is not None
    assert [(cell.key, cell.before, cell.after, cell.is_number) for cell in form] == [
        ("a", '{ "a": "', '"', False),
        ("b", ' "b" : ', " }", True),
    ]
