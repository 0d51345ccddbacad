"""VPC Flow Logs: packets of one 5-tuple at one network interface within one aggregation interval.

```
version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789012 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
```

AWS: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html

What AWS leaves open, and what is assumed here:

* A text object begins with a header that names its fields, in any order, and may repeat it. Without one, lines of
  exactly the default (version 2) shape are read as such, also behind the time that an export from CloudWatch Logs puts
  before each line; others are rejected as `missing_header`: a format cannot be guessed from a number of fields.
* Two spaces in a row (AWS's own sample has them) are one separator; what follows ` #` is a comment.
* Fields beyond the header's are kept in `extra` as `field_15` and so on, names not published by AWS as they are.
* `start` and `end` are seconds; values above 100,000,000,000 are milliseconds.
* NODATA and SKIPDATA records are rows: one SKIPDATA line may stand for many flows that were not recorded.
* Parquet columns have the same names with underscores; `-` is NULL there too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ingest.formats.arrow import ArrowInvalidError, pa, pc
from ingest.formats.block import Block, Indices, Parsed, Reason, Rejected
from ingest.formats.cutter import MOST_PLACES, Place, Shape, read_rows
from ingest.formats.fields import DoubtfulNumbersError, Texts, in_order, no_rows, plain_fields, repeating, typed
from ingest.formats.kinds import EPOCH, NULLS, PORT, either
from ingest.formats.lines import Lines, Mask
from ingest.formats.object_key import ObjectKey
from ingest.formats.parquet import read_parquet
from ingest.formats.scan import positions
from ingest.formats.split import has_hex, split
from ingest.formats.text_columns import mask_of
from ingest.formats.unsupported import unsupported
from ingest.lake.declarations import VPC_FLOW
from ingest.lake.schema import Type

TABLE = VPC_FLOW

S3_LAYOUT = (
    "AWSLogs/{account}/vpcflowlogs/{region}/{yyyy}/{mm}/{dd}/"
    "{account}_vpcflowlogs_{region}_{flow log id}_{yyyymmdd}T{hhmm}Z_{hash}.log.gz"
)

FIELDS = plain_fields(TABLE, srcport=PORT, dstport=PORT, start_time=EPOCH, end_time=EPOCH)
"""The 54 fields of versions 2 to 11."""

NUMBERS = frozenset(
    field.name for field in FIELDS if TABLE.column(field.columns[0]).type in (Type.INT, Type.LONG, Type.TIME)
)
REPEATING = repeating(FIELDS, TABLE)
NULLS_WITHOUT_EMPTY = tuple(text for text in NULLS if text)
BY_NAME = {field.name: field for field in FIELDS}
KNOWN = frozenset(BY_NAME)
DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
EXPORTED = "@timestamp"
"""The name given here to the time that an export puts before each line; it is the record's start, and not kept."""

MARKS = frozenset({"srcaddr", "interface-id", "log-status"})
"""Names of which every header has one."""

MARKS_AS_BYTES = tuple(name.encode() for name in MARKS)
NAME = re.compile(r"[a-z][a-z0-9-]*")
DEFAULT_LINE = re.compile(
    rb"(?P<exported>\d{4}-\d\d-\d\dT[\d:.]+Z +)?"
    rb"2 +(?:\d{12}|unknown|-) +(?:eni-[0-9a-f]+|-) +(?:[0-9a-f.:]+ +[0-9a-f.:]+|- +-) +(?:[\d-]+ +){5}"
    rb"\d+ +\d+ +(?:ACCEPT|REJECT|-) +(?:OK|NODATA|SKIPDATA)(?: .*)?"
)
COMMENT = re.compile(r"(?:^|[ \t]+)#.*", re.DOTALL)
BLANKS = re.compile(r"[ \t]+")

FEW = 64
"""Fewer lines than this are read one by one."""

CONFIGURE = (
    "the object has no header line and its lines are not of the default format: say the flow log's fields in settings"
)


def header(fields: Sequence[str]) -> Sequence[str] | None:
    """The fields, when they are names: a header's; None when they are not."""
    known = sum(field in KNOWN for field in fields)
    if MARKS.isdisjoint(fields) or known * 2 < len(fields) or not all(map(NAME.fullmatch, fields)):
        return None
    return fields


@lru_cache(maxsize=16)  # the objects of a flow log begin alike, and are asked what they are twice
def _first_header(first_line: bytes) -> Sequence[str] | None:
    return header(_fields_in(first_line.decode("utf-8", "replace").rstrip("\r\n")))


def recognise(first_line: bytes) -> bool:
    """Whether a line is a flow log's header, or a record of the default format."""
    if unsupported(first_line):
        return False
    return _first_header(first_line) is not None or DEFAULT_LINE.fullmatch(first_line) is not None


def layout(first_line: bytes) -> str:
    """The names of its fields; empty when that cannot be told."""
    names = _first_header(first_line)
    if names is not None:
        return " ".join(names)
    found = DEFAULT_LINE.fullmatch(first_line)
    if found is None:
        return ""
    return f"{EXPORTED} {DEFAULT}" if found["exported"] else DEFAULT


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return parse_flows(block)


def parse_parquet(body: bytes, key: ObjectKey) -> Any:
    """The rows of a flow log delivered as Parquet; ValueError when the file is damaged or no flow log.

    A value that is none of its column's is NULL there and kept in `extra`.
    """
    return read_parquet(body, FIELDS, TABLE, key.uri)


def parse_flows(block: Block, *, careful: bool = False) -> Parsed:
    """As `parse`; `careful` reads every line by itself."""
    lines = Lines(block)
    names = block.layout.split()
    headers = _lines_that_are(lines, " ".join(names).encode())
    plain = ~(lines.blank | headers | lines.odd) & bool(names and not careful)
    if b"#" in lines.data:
        plain &= ~lines.mask(positions(lines.bytes, ord("#")))
    rows, at, rejects = _read(lines, plain, names)
    read = np.zeros(len(lines), dtype=np.bool_)
    read[at] = True
    others = _below_other_headers(lines, ~(read | lines.blank | headers))
    if others.any():
        # Their own header is one of several there: it says of whom the lines below it are.
        headers &= ~others
        # Lines below another header were read by the wrong names; a header itself is never a row: it has no time.
        rows, at, rejects = _read(lines, plain & ~others, names)
    read[:] = lines.blank | headers
    read[at] = True
    read[[rejected.at for rejected in rejects]] = True
    texts, refused, no_records = _read_one_by_one(lines, np.flatnonzero(~read), names)
    more, more_at, more_rejects = typed(texts, FIELDS, TABLE, careful=careful)
    rows, at, rejects = in_order(rows, at, more, more_at, rejects + refused + more_rejects)
    rejects.sort(key=lambda rejected: rejected.at)
    skipped = np.concatenate([np.flatnonzero(lines.blank | headers), np.array(no_records, dtype=np.int64)])
    return Parsed(rows, at, rejects, skipped).check(len(block))


def _read(lines: Lines, plain: Mask, names: Sequence[str]) -> tuple[Any, Indices, list[Rejected]]:
    """Rows, their lines and the rejects of the plain lines that have as many fields as there are names."""
    rows, rows_at = no_rows(TABLE), np.empty(0, dtype=np.int64)
    if EXPORTED not in names and len(set(names)) == len(names) <= MOST_PLACES:
        places = [Place(name, BY_NAME.get(name), Shape.BARE) for name in names]
        rows, rows_at = read_rows(lines, plain, places, TABLE, delimiter=b" ")
        plain = plain.copy()
        plain[rows_at] = False
    more, more_at, rejects = _cut_together(lines, plain, names)
    return in_order(rows, rows_at, more, more_at, rejects)


def _cut_together(lines: Lines, plain: Mask, names: Sequence[str]) -> tuple[Any, Indices, list[Rejected]]:
    """The same, cut by Arrow."""
    if np.count_nonzero(plain) < FEW:
        return no_rows(TABLE), np.empty(0, dtype=np.int64), []
    data, at = lines.only(plain), np.flatnonzero(plain)
    if not has_hex(data):
        try:
            return typed(_cut(data, at, names, lines.longest, NUMBERS), FIELDS, TABLE)
        except (ArrowInvalidError, DoubtfulNumbersError):
            pass
    return typed(_cut(data, at, names, lines.longest), FIELDS, TABLE)


def _cut(data: bytes, at: Indices, names: Sequence[str], longest: int, numbers: Collection[str] = ()) -> Texts:
    """The lines, of which `at` are the numbers, that have as many fields as there are names and none that is empty.

    An empty field stands between two spaces, or beside one at the line's edge. ArrowInvalidError when one of the
    `numbers` is none, or is empty.
    """
    found = split(
        data, names, longest=longest, quoted=False, numbers=numbers, repeating=REPEATING, nulls=NULLS_WITHOUT_EMPTY
    )
    at, columns = at[found.ours], found.columns
    empty = either(*map(_empty, columns.values()))
    if empty is not None:
        at, columns = at[~empty], {name: column.filter(pa.array(~empty)) for name, column in columns.items()}
    return Texts(at, _kept(columns))


def _empty(column: Any) -> Mask | None:
    """Where a column's texts are empty; None when they are nowhere."""
    if pa.types.is_integer(column.type):
        return None
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not pc.any(pc.equal(pc.binary_length(texts), 0)).as_py():
        return None
    return mask_of(pc.equal(column.cast(pa.string()), ""))


def _kept(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in columns.items() if name != EXPORTED}


def _lines_that_are(lines: Lines, text: bytes) -> Mask:
    """The lines that are that text and nothing else."""
    starts = np.flatnonzero(lines.ends - lines.starts == len(text) + 1)
    mask = np.zeros(len(lines), dtype=np.bool_)
    same = [at for at in starts.tolist() if lines.data.startswith(text, int(lines.starts[at]))] if len(starts) else []
    mask[same] = True
    return mask


def _below_other_headers(lines: Lines, doubtful: Mask) -> Mask:
    """The lines of objects that change their header somewhere, looked for among the doubtful lines."""
    mask = np.zeros(len(lines), dtype=np.bool_)
    for at in np.flatnonzero(doubtful).tolist():
        if not mask[at] and any(name in lines.block.line(at) for name in MARKS_AS_BYTES):
            text = lines.text(at)
            if isinstance(text, str) and header(_fields_in(text)):
                mask |= lines.block.object_of == lines.block.object_of[at]
    return mask


def _fields_in(text: str) -> list[str]:
    return [field for field in BLANKS.split(COMMENT.sub("", text)) if field]


def _read_one_by_one(lines: Lines, chosen: Indices, names: Sequence[str]) -> tuple[Texts, list[Rejected], list[int]]:
    """Lines as text under the names of the header that they stand below, the rejects, and what is no record."""
    rejects: list[Rejected] = []
    records: list[dict[str, str | None]] = []
    at: list[int] = []
    skipped: list[int] = []
    below, of = names, -1
    for line in chosen.tolist():
        if lines.block.object_of[line] != of:
            below, of = names, lines.block.object_of[line]
        text = lines.text(line)
        if isinstance(text, Rejected):
            rejects.append(text)
            continue
        fields = _fields_in(text)
        its_header = header(fields)
        if its_header:
            below = its_header
        if its_header or not fields:
            skipped.append(line)
        elif not below:
            rejects.append(Rejected(line, Reason.MISSING_HEADER, CONFIGURE))
        elif len(fields) < len(below):
            rejects.append(Rejected(line, Reason.MALFORMED_LINE, f"{len(fields)} fields under {len(below)} names"))
        else:
            at.append(line)
            records.append(record_of(fields, below))
    columns = {name: pa.array([r.get(name) for r in records], pa.string()) for name in {n for r in records for n in r}}
    return Texts(np.array(at, dtype=np.int64), _kept(columns)), rejects, skipped


def record_of(fields: Sequence[str], names: Sequence[str]) -> dict[str, str | None]:
    """Fields under their names; those beyond the names are field_15 and so on."""
    more = [f"field_{i + 1}" for i in range(len(names), len(fields))]
    return {name: None if field in NULLS else field for name, field in zip([*names, *more], fields, strict=True)}
