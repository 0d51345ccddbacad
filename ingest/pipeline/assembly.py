"""From objects' bytes to admitted rows: decompress, recognise, put small objects together, parse, apply the rules.

Objects of one format and layout share blocks of some twenty megabytes, so 5,000 small files cost little more than one
large one, and a large one is read in such blocks. What cannot be decompressed or recognised becomes rejects of that
object; it never stops the others.

Memory is bounded, whatever comes: rows of an object that is larger than `STAGED_FROM` are staged from there on, an
assembly says when it `is_full`, and a block holds some 500,000 lines at most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest import formats
from ingest.formats.block import Block, Reason, Rejected
from ingest.formats.object_key import ObjectKey, parse_key
from ingest.formats.scan import Marks, joined
from ingest.lake.declarations import REJECTS, VPC_FLOW
from ingest.lake.groups import Groups
from ingest.lake.schema import Table
from ingest.lake.staging import Staging
from ingest.pipeline.admission import (
    Lines,
    admit,
    microseconds,
    out_of_range,
    reject_row,
    reject_rows,
    rejects_table,
    with_lineage,
)
from ingest.pipeline.outcome import Outcome
from ingest.pipeline.pieces import LONGEST_LINE, MOST_LINES, Damage, Opened, Parquet, Piece
from ingest.pipeline.rules import NO_RULES, Rules
from ingest.pipeline.strays import sort_out
from ingest.sources import SourceObject

_BLOCK_BYTES, _BLOCK_LINES = 12 << 20, 8_000
"""Text and lines parsed at once, at least: fewer lines pay too much for the calls, more text falls out of the cache."""
_LARGEST_BLOCK = 24 << 20
_REJECTS_AT_ONCE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STAGED_FROM = 64 << 20
"""Bytes of an object's text after which its rows are written to files as they come."""
FULL = 192 << 20
"""Bytes of text whose rows are held in memory: what 24 MiB of stored objects hold seldom is more."""
_UNKNOWN = "no log format eastwest reads begins like this"
_Numbers = npt.NDArray[np.int32]


@dataclass
class _Pending:
    """Objects of one format and layout whose lines wait to be parsed together."""

    bodies: list[bytes] = field(default_factory=list)
    keys: list[ObjectKey] = field(default_factory=list)
    line_counts: list[int] = field(default_factory=list)
    first_lines: list[int] = field(default_factory=list)
    first_offsets: list[int] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)
    size: int = 0
    lines: int = 0

    def add(self, key: ObjectKey, piece: Piece, count: int, first_line: int) -> None:
        """One object's piece, after the others."""
        self.bodies.append(piece.data)
        self.keys.append(key)
        self.line_counts.append(count)
        self.first_lines.append(first_line)
        self.first_offsets.append(piece.offset)
        self.marks.append(piece.marks)
        self.size += len(piece.data)
        self.lines += count

    @property
    def is_enough(self) -> bool:
        """Whether they are worth parsing, and no more should be added."""
        enough = self.size >= _BLOCK_BYTES and self.lines >= _BLOCK_LINES
        return enough or self.size >= _LARGEST_BLOCK or self.lines >= MOST_LINES

    def block(self, layout: str) -> Block:
        """All of them, back to back."""
        return Block(
            self.bodies,
            self.keys,
            self.line_counts,
            layout,
            tuple(self.first_lines),
            tuple(self.first_offsets),
            joined(self.marks, [len(body) for body in self.bodies]),
        )


class Assembly:
    """Takes objects one by one; `finish` gives their rows by table, `outcomes` tells what became of each."""

    def __init__(self, rules: Rules = NO_RULES, staging: Staging | None = None) -> None:
        """Nothing is read yet; `touched` counts what each rule found. Without `staging` all rows stay in memory."""
        self.outcomes: dict[str, Outcome] = {}
        self.touched: Counter[str] = Counter()
        self.staging = staging
        self._staged: str | None = None
        self._held_bytes = 0
        self._rejects: list[dict[str, object]] = []
        self._rules = rules
        self._rows: dict[str, list[pa.Table]] = defaultdict(list)
        self._pending: dict[tuple[ModuleType, str], _Pending] = defaultdict(_Pending)
        self._finished: dict[str, pa.Table] | None = None
        self._now = datetime.now(UTC)

    def add(self, source: SourceObject, opened: Opened) -> None:
        """Take one object; SourceError when a large one could not be read to its end, and the assembly is then void."""
        key = parse_key(source.uri)
        outcome = self.outcomes[key.uri] = Outcome(source, key)
        if isinstance(opened, Parquet):
            self._add_parquet(outcome, opened.data)
            return
        read_as: tuple[ModuleType, str] | None = None
        lines = 0
        for piece, count in opened:
            if isinstance(piece, Damage):
                self._reject_object(outcome, lines + 1, piece.text_bytes, Reason.DAMAGED_OBJECT, piece.what, b"")
                continue
            if self.staging and not self._staged and piece.offset >= STAGED_FROM:
                self._stage(key.uri)
            self._held_bytes += 0 if self._staged else len(piece.data)
            if formats.is_test_object(key):
                outcome.skipped += count
            elif piece.line_bytes:
                self._reject_long_line(outcome, lines + 1, piece)
            else:
                read_as = read_as or self._recognise(outcome, piece.data)
                self._add_lines(outcome, piece, count, lines + 1, read_as)
            lines += count
        if self._staged:
            self._stage(None)

    @property
    def is_full(self) -> bool:
        """Whether it holds as much as memory should: `finish` it and begin another."""
        return self._held_bytes >= FULL

    def _stage(self, uri: str | None) -> None:
        """From now on rows and rejects, all of them that object's, are staged; None: kept again."""
        for read_as in list(self._pending):
            self._parse(*read_as)
        self._flush_rejects()
        self._staged = uri

    def _recognise(self, outcome: Outcome, data: bytes) -> tuple[ModuleType, str] | None:
        """The format that an object is read as, and its layout."""
        module = formats.recognise(outcome.key, data)
        if module is None:
            return None
        outcome.read_as = module.TABLE.name
        return module, module.layout(formats.first_line(data))

    def _add_lines(
        self, outcome: Outcome, piece: Piece, count: int, first_line: int, read_as: tuple[ModuleType, str] | None
    ) -> None:
        if read_as is None:
            self._reject_lines(outcome, piece, count, first_line)
            return
        pending = self._pending[read_as]
        pending.add(outcome.key, piece, count, first_line)
        if pending.is_enough:
            self._parse(*read_as)

    def _parse(self, module: ModuleType, layout: str) -> None:
        for other, strays in self._read(module, self._pending.pop((module, layout)).block(layout)).items():
            self._read(other, strays, are_strays=True)

    def _read(self, module: ModuleType, block: Block, *, are_strays: bool = False) -> dict[ModuleType, Block]:
        """Parse a block and keep what came of it; gives the lines that are of another format than their object."""
        table: Table = module.TABLE
        parsed = module.parse(block)
        rows, lines, rejects = admit(table, parsed, block)
        rejects, others = (rejects, {}) if are_strays else sort_out(block, rejects, module)
        self._reject(block, rejects, table.name)
        self._count(lines, [block.object_of[r.at] for r in rejects], [block.object_of[i] for i in parsed.skipped])
        self._keep(table, rows, lines)
        return others

    def _count(self, lines: Lines, rejected: Iterable[int], skipped: Iterable[int]) -> None:
        size = len(lines.keys)
        for name, of_object in (("rejects", rejected), ("skipped", skipped)):
            counts = np.bincount(np.fromiter(of_object, dtype=np.int64), minlength=size)
            for i in np.flatnonzero(counts).tolist():
                outcome = self.outcomes[lines.keys[i].uri]
                setattr(outcome, name, getattr(outcome, name) + int(counts[i]))

    def _keep(self, table: Table, rows: pa.Table, lines: Lines) -> None:
        gone = self._rules.dropped(table, rows, self.touched)
        if gone is not None:
            for i, count in enumerate(np.bincount(lines.object_of[gone], minlength=len(lines.keys)).tolist()):
                self.outcomes[lines.keys[i].uri].dropped += count
            rows = rows.filter(pa.array(~gone))
            lines = Lines(lines.keys, lines.object_of[~gone], lines.line_of[~gone])
        rows = self._rules.redacted(table, rows, self.touched)
        if not rows.num_rows:
            return
        self._put(table, rows)
        groups, times = Groups({"object": lines.object_of}), microseconds(rows.column(table.time))
        # Not Arrow's times, which ask for the zone of each.
        bounds = (
            [_EPOCH + timedelta(microseconds=us) for us in of(times).tolist()] for of in (groups.least, groups.greatest)
        )
        for at, count, first, last in zip(groups.keys()["object"].tolist(), groups.rows.tolist(), *bounds, strict=True):
            outcome = self.outcomes[lines.keys[at].uri]
            outcome.rows_of[table.name] = outcome.rows_of.get(table.name, 0) + count
            outcome.min_time = first if outcome.min_time is None else min(outcome.min_time, first)
            outcome.max_time = last if outcome.max_time is None else max(outcome.max_time, last)

    def _put(self, table: Table, rows: pa.Table) -> None:
        if self.staging and self._staged:
            self.staging.add(table, self._staged, rows)
        else:
            self._rows[table.name].append(rows)

    def _add_parquet(self, outcome: Outcome, data: bytes) -> None:
        """Flow logs delivered as Parquet; `log_line` is the row's number."""
        try:
            rows = formats.vpc_flow.parse_parquet(data, outcome.key)
        except ValueError as error:
            self._reject_object(outcome, 1, 0, Reason.DAMAGED_OBJECT, str(error), b"")
            return
        outcome.read_as = VPC_FLOW.name
        numbers = np.arange(1, rows.num_rows + 1, dtype=np.int32)
        missing = pc.is_null(rows.column(VPC_FLOW.time)).to_numpy()
        rows, numbers = self._reject_parquet(outcome, rows, numbers, missing, Reason.BAD_VALUE)
        far = out_of_range(rows.column(VPC_FLOW.time), [outcome.key], np.zeros(len(numbers), dtype=np.int32))
        rows, numbers = self._reject_parquet(outcome, rows, numbers, far, Reason.TIME_OUT_OF_RANGE)
        lines = Lines([outcome.key], np.zeros(len(numbers), dtype=np.int32), numbers)
        self._keep(VPC_FLOW, with_lineage(VPC_FLOW, rows, lines), lines)

    def _reject_parquet(
        self, outcome: Outcome, rows: pa.Table, numbers: _Numbers, bad: npt.NDArray[np.bool_], reason: Reason
    ) -> tuple[pa.Table, _Numbers]:
        """The rows that are not bad; the bad ones become rejects, their raw text the row's values."""
        for at in np.flatnonzero(bad).tolist():
            values = {name: value for name, value in rows.slice(at, 1).to_pylist()[0].items() if value is not None}
            self._reject_object(outcome, int(numbers[at]), 0, reason, VPC_FLOW.time, str(values).encode())
        return rows.filter(pa.array(~bad)), numbers[~bad]

    def _reject_long_line(self, outcome: Outcome, line: int, piece: Piece) -> None:
        detail = f"a line of {piece.line_bytes:,} bytes; at most {LONGEST_LINE:,} are read"
        raw = piece.data.rstrip(b"\n")
        self._reject_object(outcome, line, piece.offset, Reason.MALFORMED_LINE, detail, raw, piece.line_bytes)

    def _reject_lines(self, outcome: Outcome, piece: Piece, count: int, first_line: int) -> None:
        block = Block(piece.data, [outcome.key], [count], "", (first_line,), (piece.offset,))
        names = {at: formats.unsupported(block.line(at)) for at in block.filled.tolist()}
        found = [Rejected(at, Reason.UNSUPPORTED_FORMAT, name or _UNKNOWN) for at, name in names.items()]
        outcome.skipped += count - len(found)
        # A line that has a name is of no format of ours, so it is not looked at again.
        unnamed, others = sort_out(block, [reject for reject in found if not names[reject.at]], None)
        rejects = sorted([*unnamed, *(reject for reject in found if names[reject.at])], key=lambda reject: reject.at)
        outcome.rejects += len(rejects)
        self._reject(block, rejects, None)
        for module, strays in others.items():
            self._read(module, strays, are_strays=True)

    def _reject(self, block: Block, rejects: Sequence[Rejected], format_name: str | None) -> None:
        for start in range(0, len(rejects), _REJECTS_AT_ONCE):
            some = rejects[start : start + _REJECTS_AT_ONCE]
            self._rejects += reject_rows(block, some, format_name, self._now)
            self._flush_rejects(at_least=_REJECTS_AT_ONCE)

    def _reject_object(
        self,
        outcome: Outcome,
        line: int,
        offset: int,
        reason: Reason,
        detail: str,
        raw: bytes,
        raw_bytes: int | None = None,
    ) -> None:
        outcome.rejects += 1
        row = reject_row(
            outcome.key,
            line=line,
            offset=offset,
            format_name=outcome.read_as,
            reason=reason,
            detail=detail,
            raw=raw,
            now=self._now,
        )
        self._rejects.append({**row, "raw_bytes": len(raw) if raw_bytes is None else raw_bytes})
        self._flush_rejects(at_least=_REJECTS_AT_ONCE)

    def _flush_rejects(self, at_least: int = 1) -> None:
        """Make a table of the rejects that wait: a tenth of their size as objects of Python."""
        if len(self._rejects) >= at_least:
            self._rules.redact_rejects(self._rejects, self.touched)
            rows = rejects_table(self._rejects)
            self._held_bytes += 0 if self._staged else rows.nbytes
            self._put(REJECTS, rows)
            self._rejects = []

    def finish(self) -> dict[str, pa.Table]:
        """Parse what waits; the rows of every table that has any. Nothing can be added afterwards."""
        if self._finished is None:
            self._stage(None)
            if self.staging:
                self.staging.finish()
            # One dictionary a column: Arrow writes those of several blocks at half the speed.
            self._finished = {
                name: pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
                for name, parts in self._rows.items()
            }
        return self._finished
