r"""Load-balancer lines: fields with one space between them, some in double quotes, nothing escaped.

A quoted field ends at the first quote that a space or the line's end follows; backslashes mean nothing (AWS writes a
quote within a field as the four characters `\x22`). Arrow's CSV reader cuts lines the same way as long as every quote
stands at the edge of a field that AWS quotes; lines whose quotes do not are cut one at a time. Most lines are read
before that, by the compiled reader where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest.formats.arrow import pa, pc
from ingest.formats.block import Block, Indices, Parsed, Reason, Rejected
from ingest.formats.cutter import MOST_PLACES, Place, read_rows
from ingest.formats.cutter import Shape as Ends
from ingest.formats.fields import Field, Texts, in_order, no_rows, repeating, typed
from ingest.formats.kinds import NULLS
from ingest.formats.lines import Lines, Mask
from ingest.formats.quotes import Quotes
from ingest.formats.split import split
from ingest.formats.unsupported import unsupported
from ingest.lake.schema import Table

FEW = 64
"""Fewer lines than this are cut one by one."""


ROUNDS = 8
"""Numbers of fields that one block's lines are cut by together; lines with yet another are cut one by one."""


@dataclass(frozen=True)
class Shape:
    """What lines of a format look like.

    `least` is the smallest number of fields that a line ever had. Of the first `checked` fields exactly the `quoted`
    ones (counted from 0) are in quotes; later ones may be. `mend` cuts a line whose quotes are elsewhere.
    """

    fields: Sequence[Field]
    least: int
    checked: int
    quoted: frozenset[int] = frozenset()
    mend: Callable[[str], list[str] | None] = lambda line: None

    def names(self, count: int) -> list[str]:
        """Names for so many fields; those beyond the known ones are field_35 and so on."""
        known = [field.name for field in self.fields[:count]]
        return known + [f"field_{i + 1}" for i in range(len(self.fields), count)]

    def places(self, count: int) -> list[Place]:
        """Where so many fields stand in a line."""
        known = [*self.fields[:count], *[None] * (count - len(self.fields))]
        return [
            self._place(at, name, field) for at, (name, field) in enumerate(zip(self.names(count), known, strict=True))
        ]

    def _place(self, at: int, name: str, field: Field | None) -> Place:
        if at >= self.checked:
            return Place(name, field, Ends.EITHER)
        return Place(name, field, Ends.ENCLOSED, b'"', b'"') if at in self.quoted else Place(name, field, Ends.BARE)

    def cut(self, line: str) -> list[str]:
        """The fields of a line, without quotes; ValueError when they are not those of the format."""
        try:
            return self._checked(tokens(line))
        except ValueError:
            mended = self.mend(line)
            if mended is None:
                raise
            return self._checked(mended)

    def _checked(self, found: list[str]) -> list[str]:
        if len(found) < self.least:
            raise ValueError(f"{len(found)} fields, and it should have {self.least} at least")
        for i, token in enumerate(found[: self.checked]):
            if token.startswith('"') != (i in self.quoted) or (i not in self.quoted and '"' in token):
                raise ValueError(f"a quote out of place: field {i + 1} is {token[:200]}")
        return [token[1:-1] if token.startswith('"') else token for token in found]


def tokens(line: str) -> list[str]:
    """The fields of a line, quoted ones with their quotes; ValueError when a quote is never closed."""
    found: list[str] = []
    at = 0
    while True:
        if line.startswith('"', at):
            end = line.find('" ', at + 1) + 1
            if end == 0:
                if not (line.endswith('"') and len(line) > at + 1):
                    raise ValueError(f"the quote at {at} is never closed")
                return [*found, line[at:]]
        else:
            end = line.find(" ", at)
            if end < 0:
                return [*found, line[at:]]
        found.append(line[at:end])
        at = end + 1


def count_tokens(line: bytes) -> str:
    """How many fields a line has, as a block's layout; empty when that cannot be told."""
    line = line.rstrip(b"\r\n")
    pieces = line.split(b'"')
    # What is in quotes left out, one quote in its place. Asked of every object: cutting takes twenty times as long.
    outside, quoted = b" %b " % b'"'.join(pieces[::2]), len(pieces) // 2
    if len(pieces) % 2 and outside.count(b' "') == quoted == outside.count(b'" '):
        return str(outside.count(b" ") - 1)
    try:
        return str(len(tokens(line.decode("utf-8", "replace"))))
    except ValueError:
        return ""


def parse_tokens(block: Block, shape: Shape, table: Table, *, careful: bool = False) -> Parsed:
    """Rows, rejects and skipped lines of a block of such lines; `careful` cuts and reads every line by itself."""
    lines = Lines(block)
    rows, at, rejects = no_rows(table), np.empty(0, dtype=np.int64), list[Rejected]()
    left = ~lines.blank
    size = None if careful else _size(lines, left & ~lines.odd)
    if size is not None and shape.least <= size <= MOST_PLACES:
        places = shape.places(size)
        rows, at = read_rows(lines, left & ~lines.odd, places, table, delimiter=b" ", quote=b'"', may_be_empty=True)
        left[at] = False
    for texts in () if careful else _cut_together(lines, left & ~lines.odd, shape, repeating(shape.fields, table)):
        left[texts.at] = False
        more, more_at, more_rejects = typed(texts, shape.fields, table)
        rows, at, rejects = in_order(rows, at, more, more_at, rejects + more_rejects)
    texts, refused, skipped = _cut_one_by_one(lines, np.flatnonzero(left), shape)
    more, more_at, more_rejects = typed(texts, shape.fields, table, careful=careful)
    rows, at, rejects = in_order(rows, at, more, more_at, rejects + refused + more_rejects)
    rejects = [_reason(lines, rejected) for rejected in sorted(rejects, key=lambda rejected: rejected.at)]
    nothing = np.concatenate([np.flatnonzero(lines.blank), skipped])
    return Parsed(rows, at, rejects, nothing).check(len(block))


def _cut_together(lines: Lines, plain: Mask, shape: Shape, held: Collection[str]) -> Iterator[Texts]:
    """The plain lines whose quotes are where they should be, those of one number of fields at a time.

    The fields `held` come as dictionaries.
    """
    if np.count_nonzero(plain) < FEW:
        return
    quotes = Quotes(lines)
    plain &= ~quotes.loose()
    size = _size(lines, plain)
    for _ in range(ROUNDS):
        if size is None or size < shape.least or np.count_nonzero(plain) < FEW:
            return
        names = shape.names(size)
        found = split(lines.only(plain), names, longest=lines.longest, quoted=True, repeating=held)
        numbers = np.flatnonzero(plain)
        at, columns = numbers[found.ours], found.columns
        good = quotes.around(at, list(columns.values())[: shape.checked], shape.quoted)
        if not good.all():
            at, columns = at[good], {name: column.filter(pa.array(good)) for name, column in columns.items()}
        yield Texts(at, columns)
        plain[:] = False
        plain[numbers[found.others]] = True
        size = found.commonest


def _size(lines: Lines, plain: Mask) -> int | None:
    """How many fields the plain lines have, as their objects' first lines or their own first one says."""
    if lines.block.layout.isdecimal():
        return int(lines.block.layout)
    count = count_tokens(lines.block.line(int(plain.argmax()))) if plain.any() else ""
    return int(count) if count else None


def _cut_one_by_one(lines: Lines, chosen: Indices, shape: Shape) -> tuple[Texts, list[Rejected], Indices]:
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
                cut.append(shape.cut(text))
            except ValueError as error:
                rejects.append(Rejected(line, Reason.MALFORMED_LINE, str(error)))
            else:
                at.append(line)
    size = max(map(len, cut), default=0)
    names = shape.names(max(size, len(shape.fields)))
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
