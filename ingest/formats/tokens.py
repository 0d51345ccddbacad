r"""Load-balancer lines: fields with one space between them, some in double quotes, nothing escaped.

A quoted field ends at the first quote that a space or the line's end follows; backslashes mean nothing (AWS writes a
quote within a field as the four characters `\x22`). Arrow's CSV reader cuts lines the same way as long as every quote
stands at a field's edge; `Lines` whose quotes do not are cut by `tokens`, one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.formats.block import Block, Indices, Parsed, Reason, Rejected
from ingest.formats.fields import Field, Texts, in_order, row_schema, typed
from ingest.formats.kinds import NULLS
from ingest.formats.lines import Lines, Mask
from ingest.formats.scan import Bytes, positions
from ingest.formats.split import split
from ingest.formats.unsupported import unsupported
from ingest.lake.schema import Table

FEW = 64
"""Fewer lines than this are cut one by one."""


def tokens(line: str) -> list[str]:
    """The fields of a line, without their quotes; ValueError when a quote is never closed."""
    found, at = [], 0
    while True:
        if line.startswith('"', at):
            end = line.find('" ', at + 1)
            if end < 0:
                if not (line.endswith('"') and len(line) > at + 1):
                    raise ValueError(f"the quote at {at} is never closed")
                return [*found, line[at + 1 : -1]]
            found.append(line[at + 1 : end])
            at = end + 2
        else:
            end = line.find(" ", at)
            if end < 0:
                return [*found, line[at:]]
            found.append(line[at:end])
            at = end + 1


def count_tokens(line: bytes) -> str:
    """How many fields a line has, as a block's layout; empty when that cannot be told."""
    try:
        return str(len(tokens(line.decode("utf-8", "replace").rstrip("\r\n"))))
    except ValueError:
        return ""


def parse_tokens(block: Block, fields: Sequence[Field], least: int, table: Table, *, careful: bool = False) -> Parsed:
    """Rows, rejects and skipped lines of a block whose lines are tokens, at least so many of them.

    Tokens beyond the fields are named field_35 and so on. `careful` cuts and reads every line by itself.
    """
    lines = Lines(block)
    rows, at, rejects = row_schema(table).empty_table(), np.empty(0, dtype=np.int64), list[Rejected]()
    left = ~lines.blank
    if not careful:
        plain = left & ~lines.odd & ~_loose_quotes(lines)
        size = int(block.layout) if block.layout.isdecimal() else _size_of_first(lines, plain)
        while size is not None and size >= least and np.count_nonzero(plain) >= FEW:
            texts, plain, size = _cut(lines, plain, size, fields)
            left[texts.at] = False
            more, more_at, more_rejects = typed(texts, fields, table)
            rows, at, rejects = in_order(rows, at, more, more_at, rejects + more_rejects)
    texts, refused, skipped = _cut_one_by_one(lines, np.flatnonzero(left), fields, least)
    more, more_at, more_rejects = typed(texts, fields, table, careful=careful)
    rows, at, rejects = in_order(rows, at, more, more_at, rejects + refused + more_rejects)
    rejects = [_reason(lines, rejected) for rejected in sorted(rejects, key=lambda rejected: rejected.at)]
    nothing = np.concatenate([np.flatnonzero(lines.blank), skipped])
    return Parsed(rows, at, rejects, nothing).check(len(block))


def _size_of_first(lines: Lines, plain: Mask) -> int | None:
    count = count_tokens(lines.block.line(int(plain.argmax()))) if plain.any() else ""
    return int(count) if count else None


def _names(fields: Sequence[Field], count: int) -> list[str]:
    return [field.name for field in fields[:count]] + [f"field_{i + 1}" for i in range(len(fields), count)]


def _loose_quotes(lines: Lines) -> Mask:
    """The lines with a quote that is not at a field's edge, or without its partner."""
    bytes_ = lines.bytes
    quotes = positions(bytes_, ord('"'))
    before_ends = np.searchsorted(quotes, lines.ends)
    none = np.zeros(len(lines), dtype=np.bool_)
    # The block's last byte is a newline: so every quote has a next byte, and at offset 0 the one before is that newline.
    if not (before_ends % 2).any() and (_edge(bytes_[quotes[0::2] - 1]) & _edge(bytes_[quotes[1::2] + 1])).all():
        return none
    counts = np.diff(before_ends, prepend=0)
    nth = np.arange(len(quotes)) - np.repeat(before_ends - counts, counts)
    good = np.where(nth % 2 == 0, _edge(bytes_[quotes - 1]), _edge(bytes_[quotes + 1]))
    return (counts % 2 == 1) | lines.mask(quotes[~good])


def _edge(bytes_: Bytes) -> Mask:
    return (bytes_ == ord(" ")) | (bytes_ == 10)


def _cut(lines: Lines, plain: Mask, size: int, fields: Sequence[Field]) -> tuple[Texts, Mask, int | None]:
    """The plain lines with so many fields; the plain lines that have not, and how many most of those have."""
    found = split(lines.only(plain), _names(fields, size), quoted=True)
    at = np.flatnonzero(plain)
    rest = np.zeros_like(plain)
    rest[at[found.others]] = True
    return Texts(at[found.ours], found.columns), rest, found.commonest


def _cut_one_by_one(
    lines: Lines, chosen: Indices, fields: Sequence[Field], least: int
) -> tuple[Texts, list[Rejected], Indices]:
    rejects: list[Rejected] = []
    at: list[int] = []
    skipped: list[int] = []
    cut: list[list[str]] = []
    for line in chosen.tolist():
        text = lines.text(line)
        if isinstance(text, Rejected):
            rejects.append(text)
        elif not text.strip():
            skipped.append(line)
        else:
            try:
                found = tokens(text)
            except ValueError as error:
                rejects.append(Rejected(line, Reason.MALFORMED_LINE, str(error)))
                continue
            if len(found) < least:
                why = f"{len(found)} fields, and it should have {least} at least"
                rejects.append(Rejected(line, Reason.MALFORMED_LINE, why))
                continue
            at.append(line)
            cut.append(found)
    size = max(map(len, cut), default=0)
    names = _names(fields, max(size, len(fields)))
    columns = {name: pa.array([_value(found, i) for found in cut], pa.string()) for i, name in enumerate(names[:size])}
    return Texts(np.array(at, dtype=np.int64), columns), rejects, np.array(skipped, dtype=np.int64)


def _value(found: Sequence[str], at: int) -> str | None:
    return None if at >= len(found) or found[at] in NULLS else found[at]


def _reason(lines: Lines, rejected: Rejected) -> Rejected:
    """The reject as it is, or as `unsupported_format` where the line is known to be another log's."""
    other = unsupported(lines.block.line(rejected.at))
    return Rejected(rejected.at, Reason.UNSUPPORTED_FORMAT, other) if other else rejected


def fill_from_key(parsed: Parsed, block: Block) -> Parsed:
    """The rows with the load balancer and node address of their object's key, where their line had none."""
    rows = parsed.rows
    objects = pa.array(block.object_of[parsed.at])
    for name, known in (
        ("elb", [key.resource for key in block.keys]),
        ("ip_address", [key.node_ip for key in block.keys]),
    ):
        at = rows.schema.get_field_index(name)
        if rows.column(at).null_count:
            filled = pc.coalesce(rows.column(at), pa.array(known, pa.string()).take(objects))
            rows = rows.set_column(at, rows.schema.field(at), filled)
    return replace(parsed, rows=rows)
