"""The compiled reader: what it takes is what the careful one makes of it, and it touches nothing but its own memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_build import compile_library
from ingest.formats import compiled, cutter, lattice_access
from ingest.formats.alb_access import FIELDS, REQUEST
from ingest.formats.block import Block
from ingest.formats.cutter import MOST_PLACES, Place, Shape, read_rows
from ingest.formats.fields import Field
from ingest.formats.kinds import (
    ADDRESS_PORT,
    EPOCH,
    NULLS,
    PORT,
    REAL,
    SECONDS,
    TEXT,
    TIME_KIND,
    BadValueError,
    Kind,
    integer,
)
from ingest.formats.lines import Lines
from ingest.formats.object_key import ObjectKey
from ingest.lake.declarations import ALB_ACCESS
from ingest.lake.schema import Type

NOW = "2026-07-02T22:23:00.186641Z"
TIME = next(field for field in FIELDS if ALB_ACCESS.time in field.columns)
KINDS = {
    "text": (TEXT, ("request_url",)),
    "dictionary": (TEXT, ("type",)),
    "int": (integer(Type.INT), ("elb_status_code",)),
    "long": (integer(Type.LONG), ("received_bytes",)),
    "port": (PORT, ("client_port",)),
    "real": (REAL, ("request_processing_time",)),
    "seconds": (SECONDS, ("request_processing_time",)),
    "time": (TIME_KIND, ("request_creation_time",)),
    "epoch": (EPOCH, ("request_creation_time",)),
    "address": (ADDRESS_PORT, ("client_ip", "client_port")),
    "request": (REQUEST, ("request_verb", "request_url", "request_proto")),
}
DIGITS = st.text("0123456789", min_size=1, max_size=20)
VALUES = st.one_of(
    st.sampled_from(
        [*NULLS, "-1", "-0", "0", "1.", ".5", "-.5", "1.5.", "007", "65535", "65536", "2147483648", "9" * 18]
    ),
    st.sampled_from(["::1:80", "[::1]:80", "10.0.0.1:", ":80", "10.0.0.1:000080", "g:1", "GET / HTTP/1.1", "- - -"]),
    st.sampled_from(["GET /a b HTTP/1.1", "GET  HTTP/1.1", " / x", "GET / ", "100000000000", "100000000001"]),
    st.sampled_from(["2024-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T24:00:00Z"]),
    DIGITS,
    st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), DIGITS, DIGITS),
    st.builds("{}.{}.{}.{}:{}".format, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.text("0123456789-+.:TZeaf_[]xnul G/", max_size=24),
)


CLEAN = {
    "text": ["/", "a b", "ü", "-", "", "null", "nulls", "--"],
    "dictionary": ["http", "h2", "http", "-"],
    "int": ["0", "-1", "007", "2147483647", "-2147483648", "-"],
    "long": ["0", "9" * 18, "-" + "9" * 18, "null"],
    "port": ["0", "65535", "-"],
    "real": ["0.001", "-0", "-1.5", "123456789.123456", "1", "-"],
    "seconds": ["0.001", "-1", "-1.0", "-"],
    "time": [
        "2024-02-29T23:59:59Z",
        "2000-02-29T00:00:00.1Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
    ],
    "epoch": ["0", "1418530010", "100000000000", "100000000001", "1785000000123", "100000000000000"],
    "address": ["10.0.0.1:80", "fd00::5:44076", "::1:65535", "-", "FD00:::1"],
    "request": ["GET http://a:80/ HTTP/1.1", "- http://a:80- -", "- - -", " / x", "-"],
}


@pytest.fixture
def reader() -> None:
    """Instead of the folder's: these tests are of the compiled reader alone."""
    assert compiled.library() is not None, "there was no C compiler when eastwest was installed"


def lines_of(*texts: str) -> Lines:
    return Lines(Block("".join(f"{text}\n" for text in texts).encode(), [ObjectKey("x")], [len(texts)], ""))


def taken(kind: Kind, columns: tuple[str, ...], values: list[str]) -> dict[int, tuple[object, ...]]:
    """What the compiled reader makes of the values that it takes, by their place."""
    lines = lines_of(*(f"{NOW}|{value}" for value in values))
    places = [Place("time", TIME, Shape.BARE), Place("it", Field("it", columns, kind), Shape.BARE)]
    rows, at = read_rows(
        lines, np.ones(len(lines), dtype=np.bool_), places, ALB_ACCESS, delimiter=b"|", may_be_empty=True
    )
    rows.validate(full=True)
    found = [tuple(map(_in_utc, row.values())) for row in rows.select(columns).to_pylist()]
    return dict(zip(at.tolist(), found, strict=True))


def _in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def careful(kind: Kind, columns: tuple[str, ...], value: str) -> tuple[object, ...] | None:
    try:
        return (None,) * len(columns) if value in NULLS else kind.one(value)
    except BadValueError:
        return None


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=20))
def test_what_is_taken_is_what_the_careful_reader_makes_of_it(name: str, values: list[str]) -> None:
    kind, columns = KINDS[name]

    found = taken(kind, columns, values)

    # Their texts, because 0.0 equals -0.0.
    assert repr(found) == repr({at: careful(kind, columns, values[at]) for at in found})


@pytest.mark.parametrize("name", KINDS)
def test_clean_values_are_taken(name: str) -> None:
    kind, columns = KINDS[name]

    assert taken(kind, columns, CLEAN[name]) == {
        at: careful(kind, columns, value) for at, value in enumerate(CLEAN[name])
    }


def test_clean_values_are_of_every_kind() -> None:
    assert CLEAN.keys() == KINDS.keys()


def test_a_dictionary_grows() -> None:
    kind, columns = KINDS["dictionary"]
    values = [f"{i * i % 5003}" * (1 + i % 7) for i in range(5000)]

    assert taken(kind, columns, values) == {at: (value,) for at, value in enumerate(values)}


def test_a_line_that_is_left_leaves_nothing_in_the_next_ones_row() -> None:
    kind, columns = KINDS["address"]

    assert taken(kind, columns, ["10.0.0.9:1", "10.0.0.1:99999", "-", "10.0.0.2:2"]) == {
        0: ("10.0.0.9", 1),
        2: (None, None),
        3: ("10.0.0.2", 2),
    }


@pytest.mark.parametrize(
    ("line", "is_taken"),
    [
        (f'{NOW} "a b" x', True),
        (f'{NOW} "a b" "x y"', True),
        (f'{NOW} "a b"', False),
        (f'{NOW} "a b" x y', False),
        (f'{NOW} "a"b" x', False),
        (f'{NOW} "a b"x y', False),
        (f'{NOW} "a b', False),
        (f'{NOW} a "x"', False),
        (f'{NOW} "a b" x"', False),
        (f'{NOW} "a b" "x', False),
        ('- "a b" x', False),
        ("", False),
    ],
)
def test_every_byte_of_a_line_is_accounted_for(line: str, is_taken: bool) -> None:
    text = Field("one", ("request_url",), TEXT)
    other = Field("two", ("type",), TEXT)
    places = [Place("time", TIME, Shape.BARE), Place("one", text, Shape.ENCLOSED, b'"', b'"')]
    places.append(Place("two", other, Shape.EITHER))

    rows, at = read_rows(
        lines_of(line), np.array([True]), places, ALB_ACCESS, delimiter=b" ", quote=b'"', may_be_empty=True
    )

    assert at.tolist() == [0] * is_taken
    assert rows.column("request_url").to_pylist() == ["a b"] * is_taken


def test_a_field_that_is_none_of_the_tables_is_extra() -> None:
    # Be it called like a column.
    places = [Place("time", TIME, Shape.BARE), Place("elb", None, Shape.BARE), Place("a", None, Shape.BARE)]
    lines = lines_of(f"{NOW} x y", f"{NOW} - -", f'{NOW} - "')

    rows, at = read_rows(lines, np.array([True, True, True]), places, ALB_ACCESS, delimiter=b" ")

    assert at.tolist() == [0, 1, 2]
    assert rows.column("extra").to_pylist() == ['{"a":"y","elb":"x"}', None, r'{"a":"\""}']
    assert rows.column("elb").null_count == 3


def test_more_places_than_any_log_has_are_not_read() -> None:
    many = [Place(f"field_{i}", None, Shape.BARE) for i in range(MOST_PLACES)]

    rows, _ = read_rows(
        lines_of(NOW + " -" * MOST_PLACES),
        np.array([True]),
        [Place("time", TIME, Shape.BARE), *many],
        ALB_ACCESS,
        delimiter=b" ",
    )

    assert rows.num_rows == 0


def test_a_kind_that_does_not_fit_its_column_is_refused() -> None:
    places = [Place("time", TIME, Shape.BARE), Place("it", Field("it", ("received_bytes",), PORT), Shape.BARE)]

    with pytest.raises(TypeError, match="INT32"):
        read_rows(lines_of(f"{NOW} 1"), np.array([True]), places, ALB_ACCESS, delimiter=b" ")


def test_lines_that_are_not_wanted_are_left() -> None:
    places = [Place("time", TIME, Shape.BARE)]

    rows, at = read_rows(lines_of(NOW, NOW, NOW), np.array([False, True, False]), places, ALB_ACCESS, delimiter=b" ")

    assert (at.tolist(), rows.num_rows) == ([1], 1)


def test_a_library_of_another_source_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "cutter.c"
    other.write_bytes(compiled.SOURCE.read_bytes() + b"\n")
    monkeypatch.setattr(compiled, "SOURCE", other)

    assert compiled.library.__wrapped__() is None

    compile_library(other, tmp_path / "_cutter.so")
    monkeypatch.setattr(compiled, "LIBRARY", tmp_path / "_cutter.so")
    assert compiled.library.__wrapped__() is not None


HOSTILE = """
import random, sys
from pathlib import Path
from ingest.formats import compiled, cutter, lattice_access
compiled.LIBRARY = Path(sys.argv[1])
from tests.ingest.formats.test_properties import FORMATS, block_of, outcome
assert compiled.library() is not None
dice = random.Random(7)
for read, line, layout, table in FORMATS.values():
    for _ in range(25):
        lines = []
        for _ in range(80):
            text = bytearray(line)
            for _ in range(dice.choice((0, 0, 1, 3))):
                at = dice.randrange(len(text))
                text[at : at + dice.choice((0, 1, 40))] = bytes(dice.choices(b'" -:.09,{}n]', k=dice.randrange(4)))
            lines.append(bytes(text[: dice.choice((None, None, dice.randrange(len(text) + 1)))]))
        assert read(block_of(lines, layout)).rows.validate(full=True) is None
print("clean")
"""


def test_no_byte_outside_its_memory_is_read_or_written(tmp_path: Path) -> None:
    """Hostile lines of every format under AddressSanitizer and UndefinedBehaviorSanitizer."""
    library = tmp_path / "_cutter.so"
    compile_library(compiled.SOURCE, library, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
    command = shutil.which("gcc") or "cc"
    runtime = subprocess.run([command, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    environ = {
        **os.environ,
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        # Each array and text in memory of its own, with guards around it.
        "PYTHONMALLOC": "malloc",
    }

    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(library)],
        cwd=Path(__file__).parents[3],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.strip(), done.returncode) == ("clean", 0), done.stderr[-3000:]


def test_a_form_with_a_key_of_megabytes_is_not_remembered(reader: None) -> None:
    """Some kilobytes of gzip are enough for many such lines, each with a key of its own."""
    cutter._declared.cache_clear()
    for key in ("short", "k" * 100_000):
        line = f'{{"startTime":"{NOW}","{key}":"v"}}'
        block = Block(f"{line}\n".encode() * 80, [ObjectKey("x")], [80], "")
        assert lattice_access.parse(block).rows.num_rows == 80
    assert cutter._declared.cache_info().currsize == 1
