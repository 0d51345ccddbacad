"""JSON lines of one form: the same keys in the same order, texts where there are texts, whole numbers where numbers.

A service writes its lines in one form, or in a few. Cut at every comma, all lines of a form give as many cells, each
with its key and punctuation before its value. To cut and compare them takes half the time of a JSON parser with its
checks. A line whose cells have the form's text around their values, byte for byte, and whose values hold no quote and
no backslash is that JSON object and no other. Every other line (a comma in a value, a null) is left to the next form,
and in the end to a JSON parser.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.formats import cutter
from ingest.formats.arrow import pa, pc
from ingest.formats.block import Indices
from ingest.formats.cutter import Place, Shape, is_compiled
from ingest.formats.fields import Field, Texts
from ingest.formats.kinds import NULLS, nullify
from ingest.formats.lines import Lines, Mask
from ingest.formats.scan import positions
from ingest.formats.split import split
from ingest.formats.text_columns import characters, mask_of, offsets_of
from ingest.lake.schema import Table

FEW = 64
"""Fewer lines than this are not worth a form."""

FORMS = 4
"""Forms that one block's lines are cut by; lines of yet another are parsed as JSON."""

_MOST_CELLS = 100
"""More keys than AWS will ever write in a line."""

_TO_THE_END = 1 << 30
"""Arrow computes a wrong size where a slice has no end."""

_CELL = re.compile(rb'( *\{)? *"([^"\\]+)" *: *(?:"([^"\\]*)"|(0|[1-9][0-9]{0,17}))( *\} *)?')
_WHOLE = r"^(0|[1-9][0-9]{0,17})$"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True)
class Cell:
    """What stands between two commas: `before` and `after` are the text around the value, a number or a text."""

    key: str
    before: str
    after: str
    is_number: bool

    def allows(self, value: str) -> bool:
        """Whether that can be the value."""
        return bool(_NUMBER.fullmatch(value)) if self.is_number else '"' not in value

    def place(self, field: Field | None) -> Place:
        """The same for the compiled reader, whose texts may hold commas; the field is the key's."""
        shape = Shape.NUMBER if self.is_number else Shape.ENCLOSED
        return Place(self.key, field, shape, self.before.encode(), self.after.encode())


def form_of(line: bytes) -> tuple[Cell, ...] | None:
    """The cells of a line that is an object of plain texts and whole numbers without commas; None for another line."""
    texts = line.split(b",")
    if len(texts) > _MOST_CELLS:
        return None
    cells = []
    for i, text in enumerate(texts):
        found = _CELL.fullmatch(text)
        if not found or bool(found[1]) != (i == 0) or bool(found[5]) != (i == len(texts) - 1):
            return None
        is_number = found[3] is None
        start, end = found.span(4 if is_number else 3)
        cells.append(Cell(found[2].decode(), text[:start].decode(), text[end:].decode(), is_number))
    return tuple(cells) if len({cell.key for cell in cells}) == len(cells) else None


def read(lines: Lines, plain: Mask, fields: Sequence[Field], table: Table) -> Iterator[tuple[Any, Indices]]:
    """The plain lines of the block's first forms as rows, with their lines, where there is a compiled reader.

    Plain lines are valid UTF-8 without control characters.
    """
    if not is_compiled():
        return
    named = {field.name: field for field in fields}
    for form, left in _forms(lines, plain):
        rows, at = cutter.read_rows(
            lines, left, [cell.place(named.get(cell.key)) for cell in form], table, delimiter=b","
        )
        left[at] = False
        yield rows, at


def cut(lines: Lines, plain: Mask, repeating: Collection[str]) -> Iterator[Texts]:
    """The plain lines of the block's first forms as columns of text, NULL where AWS wrote that there is nothing.

    Plain lines are valid UTF-8 without control characters. The columns of the `repeating` keys are dictionaries.
    """
    for form, left in _forms(lines, plain):
        chosen, names = np.flatnonzero(left), [cell.key for cell in form]
        found = split(
            lines.only(left),
            names,
            longest=lines.longest,
            quoted=False,
            repeating=repeating,
            delimiter=",",
            nulls=(),
        )
        texts = _texts(form, chosen[found.ours], found.columns, repeating)
        left[texts.at] = False
        yield texts


def _forms(lines: Lines, plain: Mask) -> Iterator[tuple[tuple[Cell, ...], Mask]]:
    """The forms of the plain lines that are left, and these: whoever reads a line marks it there as left no more."""
    left = plain.copy()
    if lines.has_backslash:
        left[lines.at(positions(lines.bytes, ord("\\")))] = False
    for _ in range(FORMS):
        if np.count_nonzero(left) < FEW:
            return
        first = int(left.argmax())
        if not _is_braced(lines.block.line(first)):
            # Lines that are cut off are no form, however many come first.
            left &= with_braces(lines)
            if np.count_nonzero(left) < FEW:
                return
            first = int(left.argmax())
        form = form_of(lines.block.line(first))
        if form is not None:
            yield form, left
        left[first] = False


def with_braces(lines: Lines) -> Mask:
    """The lines that begin and end as an object does: most of what is no JSON is cut off somewhere."""
    braces: Mask = (lines.bytes[lines.starts] == ord("{")) & (lines.bytes[lines.ends - 2] == ord("}"))
    return braces


def _is_braced(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")


def _texts(form: Sequence[Cell], at: Indices, cut: Mapping[str, Any], repeating: Collection[str]) -> Texts:
    """The values of the lines whose cells all are the form's."""
    good = np.ones(len(at), dtype=np.bool_)
    columns = {}
    for cell in form:
        if cell.key in repeating:
            columns[cell.key], strange = _repeating_values(cell, cut[cell.key])
        else:
            columns[cell.key], strange = _values(cell, cut[cell.key])
        if strange is not None:
            good &= ~strange
    if not good.all():
        at, columns = at[good], {key: column.filter(pa.array(good)) for key, column in columns.items()}
    texts = {cell.key for cell in form if not cell.is_number} - set(repeating)
    return Texts(at, {key: nullify(column) if key in texts else column for key, column in columns.items()})


def _repeating_values(cell: Cell, column: Any) -> tuple[Any, Mask | None]:
    """What the texts of a dictionary have for a value, NULL where there is nothing, and the mask of `_values`."""
    numbers: list[int | None] = []
    values, strange = dict[str, int](), set[int]()
    around = len(cell.before), len(cell.before) + len(cell.after)
    for i, text in enumerate(column.dictionary.to_pylist()):
        value = text[around[0] : len(text) - around[1] + around[0]]
        if text != cell.before + value + cell.after or not cell.allows(value):
            strange.add(i)
        nothing = value in NULLS or i in strange
        numbers.append(None if nothing else values.setdefault(value, len(values)))
    indices = pa.array(numbers, pa.int32()).take(column.indices)
    mask = np.isin(column.indices.to_numpy(), list(strange)) if strange else None
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string())), mask


def _values(cell: Cell, texts: Any) -> tuple[Any, Mask | None]:
    """What the texts have for a value, and a mask of those that are not written like the cell; None: all are."""
    around = len(cell.before.encode()), len(cell.after.encode())
    like = pc.and_(pc.starts_with(texts, cell.before), pc.greater_equal(pc.binary_length(texts), sum(around)))
    if cell.after:
        like = pc.and_(like, pc.ends_with(texts, cell.after))
    bare = pc.binary_slice(texts.view(pa.binary()), around[0], -around[1] or _TO_THE_END).view(pa.string())
    if cell.is_number:
        if not _all_whole(bare):
            like = pc.and_(like, pc.match_substring_regex(bare, _WHOLE))
    elif (characters(bare) == ord('"')).any():
        like = pc.and_not(like, pc.match_substring(bare, '"'))
    strange = ~mask_of(like)
    return bare, strange if strange.any() else None


def _all_whole(texts: Any) -> bool:
    """Whether all are whole numbers, as JSON writes them, of at most 18 digits."""
    digits, edges = characters(texts), offsets_of(texts)
    lengths = np.diff(edges)
    if not len(lengths) or lengths.min() < 1 or lengths.max() > 18 or (digits - np.uint8(ord("0")) > 9).any():
        return False
    return not ((digits[edges[:-1] - edges[0]] == ord("0")) & (lengths > 1)).any()
