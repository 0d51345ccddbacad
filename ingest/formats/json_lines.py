"""Lattice logs: one JSON object a line.

polars reads whole blocks into columns of text, and drops every key it was not told of. So the keys in each line's bytes
are counted and compared with the values that came out: a line with a key more (AWS's next field, a key twice) is read
by itself, and its unknown keys are kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from ingest.formats import json_form
from ingest.formats.arrow import pa
from ingest.formats.block import Block, Indices, Parsed, Reason, Rejected
from ingest.formats.fields import Field, Texts, in_order, no_rows, repeating, typed
from ingest.formats.kinds import ADDRESS_PORT, NULLS, nullify
from ingest.formats.lines import Lines, Mask
from ingest.formats.scan import Bytes, count_keys, count_pairs, find, pairs
from ingest.lake.schema import Table

if TYPE_CHECKING:
    import polars as pl

FEW = 64
"""Fewer lines than this are read one by one."""

NEW_KEYS = 16
"""Keys without a column that are read together with the known ones in one more pass; others are read line by line."""

MANY_KEYS = 64
"""More keys than AWS will ever add: beyond them a block is somebody's joke, and read line by line."""

LONE = (b"\\ud", b"\\uD")
"""How an escaped surrogate begins; polars turns a lone one into a NUL."""


def endpoints(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields, with those that fill an address and a port column (`sourceIpPort` and its like) as one each."""
    columns: dict[str, list[str]] = {}
    for field in fields:
        columns.setdefault(field.name, []).extend(field.columns)
    kinds = {field.name: field.kind for field in fields}
    return tuple(
        Field(name, tuple(names), ADDRESS_PORT if len(names) == 2 else kinds[name]) for name, names in columns.items()
    )


def is_object(line: bytes) -> bool:
    """Whether a line begins a JSON object."""
    return line.startswith(b"{") or line.lstrip().startswith(b"{")


def has_keys(line: bytes, *keys: str) -> bool:
    """Whether a line begins a JSON object that has those keys; it need not be whole."""
    return is_object(line) and all(written in line or spaced.search(line) for written, spaced in map(_key, keys))


@cache
def _key(name: str) -> tuple[bytes, re.Pattern[bytes]]:
    """A key as AWS writes it, which is found faster, and with space after it."""
    # A text cannot look like it: the quotes in one are escaped.
    return b'"%b":' % name.encode(), re.compile(rb'"%b"\s*:' % name.encode())


def parse_json(block: Block, fields: Sequence[Field], table: Table, *, careful: bool = False) -> Parsed:
    """Rows, rejects and skipped lines of a block of JSON lines; `careful` reads every line by itself."""
    lines = Lines(block)
    rows, at, rejects = no_rows(table), np.empty(0, dtype=np.int64), list[Rejected]()
    left = ~lines.blank
    plain = left & ~lines.odd
    for more, more_at in () if careful else json_form.read(lines, plain, fields, table):
        left[more_at] = False
        rows, at, rejects = in_order(rows, at, more, more_at, rejects)
    if left.any() and not careful:
        plain &= left & json_form.with_braces(lines)
        for texts in json_form.cut(lines, plain, repeating(fields, table)):
            left[texts.at] = False
            more, more_at, more_rejects = typed(texts, fields, table)
            rows, at, rejects = in_order(rows, at, more, more_at, rejects + more_rejects)
        plain &= left & ~_with_surrogates(lines)
        keys = {field.name for field in fields}
        while keys:
            for texts in _read(lines, plain & left, sorted(keys)):
                left[texts.at] = False
                more, more_at, more_rejects = typed(texts, fields, table)
                rows, at, rejects = in_order(rows, at, more, more_at, rejects + more_rejects)
            keys = _more_keys(lines, plain & left, keys)
    texts, refused, skipped = _read_one_by_one(lines, np.flatnonzero(left))
    more, more_at, more_rejects = typed(texts, fields, table, careful=careful)
    rows, at, rejects = in_order(rows, at, more, more_at, rejects + refused + more_rejects)
    rejects.sort(key=lambda rejected: rejected.at)
    nothing = np.concatenate([np.flatnonzero(lines.blank), skipped])
    return Parsed(rows, at, rejects, nothing).check(len(block))


def _with_surrogates(lines: Lines) -> Mask:
    found = np.zeros(len(lines), dtype=np.bool_)
    for mark in LONE if lines.has_backslash else ():
        found |= lines.mask(find(lines.data, mark))
    return found


def _more_keys(lines: Lines, left: Mask, keys: set[str]) -> set[str]:
    """The keys and those that a sample of the lines left over has besides; nothing when that is not worth reading."""
    rest = np.flatnonzero(left)
    if len(rest) < FEW or len(keys) > MANY_KEYS:
        return set()
    found: Counter[str] = Counter()
    for at in rest[:: len(rest) // FEW].tolist():
        try:
            found.update(read_record(lines.data[lines.starts[at] : lines.ends[at]].decode()).keys() - keys)
        except ValueError:
            continue
    new = {key for key, _ in found.most_common(NEW_KEYS)}
    return keys | new if new else set()


def _read(lines: Lines, plain: Mask, keys: Sequence[str]) -> Iterable[Texts]:
    """The plain lines as columns, in parts that polars reads; lines it stumbles over are left out, with few others."""
    chosen = np.flatnonzero(plain)
    if len(chosen) < FEW:
        return
    import polars as pl  # a sixth of the start of every command, and few blocks need it

    parts = [chosen]
    while parts:
        part = parts.pop()
        mask = np.zeros(len(lines), dtype=np.bool_)
        mask[part] = True
        data = lines.only(mask)
        try:
            frame = pl.read_ndjson(data, schema=dict.fromkeys(keys, pl.String))
        except pl.exceptions.PolarsError:
            frame = None
        if frame is not None and frame.height == len(part):
            if not _is_complete(frame, np.frombuffer(data, dtype=np.uint8)):
                whole = _key_counts(lines)[part] == _value_counts(frame)
                part, frame = part[whole], frame.filter(pl.Series(whole))
            yield Texts(part, {name: nullify(_texts(frame, name)) for name in keys})
        elif len(part) >= 2 * FEW:
            half = len(part) // 2
            parts += [part[:half], part[half:]]


def _is_complete(frame: pl.DataFrame, data: Bytes) -> bool:
    """Whether the columns hold the values of all keys in the lines."""
    values = sum(column.len() - column.null_count() for column in frame)
    # A key's colon follows a quote or a space (a line with other blanks is not read here), so there are at least as
    # many of these as keys; where there are more, texts or nulls may be what is counted too.
    return count_pairs(data, b'":', ignoring=b"\x02\0") == values or count_keys(data) == (values, 0)


def _key_counts(lines: Lines) -> npt.NDArray[np.int64]:
    """How many keys with a value each line has at most; -1 where spaces make that uncertain."""
    keys = pairs(lines.bytes, b'"', b":")
    # In valid JSON only a null begins with n. AWS puts no space around the colon; elsewhere the count would be wrong.
    value = lines.bytes[keys + 2]
    keys, spaced = keys[value != ord("n")], keys[value == ord(" ")]
    counts = np.diff(np.searchsorted(keys, lines.ends), prepend=0)
    for offsets in (spaced, pairs(lines.bytes, b" ", b":")):
        counts[lines.at(offsets)] = -1
    return counts


def _value_counts(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    import polars as pl

    counts = frame.select(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int64)))
    return counts.to_series().to_numpy()


def _texts(frame: pl.DataFrame, name: str) -> Any:
    return frame.get_column(name).rechunk().to_arrow().cast(pa.string())


def _read_one_by_one(lines: Lines, chosen: Indices) -> tuple[Texts, list[Rejected], Indices]:
    rejects: list[Rejected] = []
    records: list[dict[str, str | None]] = []
    at: list[int] = []
    skipped: list[int] = []
    names: dict[str, None] = {}
    for line in chosen.tolist():
        text = lines.text(line)
        if isinstance(text, Rejected):
            rejects.append(text)
        elif not text.strip():
            skipped.append(line)
        else:
            try:
                record = read_record(text)
            except ValueError as error:
                rejects.append(Rejected(line, Reason.MALFORMED_LINE, str(error)))
                continue
            at.append(line)
            records.append(record)
            if not record.keys() <= names.keys():
                names.update(dict.fromkeys(record))
    columns = {name: pa.array([record.get(name) for record in records], pa.string()) for name in names}
    return Texts(np.array(at, dtype=np.int64), columns), rejects, np.array(skipped, dtype=np.int64)


def read_record(text: str) -> dict[str, str | None]:
    """A JSON object's values as text; ValueError when it is none."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        record = _repaired(text)
        if record is None:
            raise ValueError(f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return {
        name: _text(value) if type(value) is not str else None if value in NULLS else value
        for name, value in record.items()
    }


TAGS = re.compile(r'(?<="callerPrincipalTags")(\s*:\s*)"(\{.*?\})"(?=\s*[,}])', re.DOTALL)


def _repaired(text: str) -> object:
    """The line with AWS's tags in it (JSON in a JSON text without escapes) as an object; None when that is no help."""
    repaired = TAGS.sub(lambda found: found[1] + orjson.dumps(found[2]).decode(), text, count=1)
    if repaired == text:
        return None
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError:
        return None


def _text(value: object) -> str | None:
    """A JSON value that is no text, as text: as polars writes it."""
    if value is None:
        return None
    if type(value) is int:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
