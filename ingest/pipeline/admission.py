"""What parsed rows need before the lake takes them: lineage, their day, and a time near their object's.

A row whose time lies more than 7 days before or 1 day after its object's time becomes a reject here, with its raw text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.formats.block import Block, Parsed, Reason, Rejected
from ingest.formats.object_key import ObjectKey, parse_key
from ingest.lake.declarations import REJECTS
from ingest.lake.schema import Table
from ingest.lake.tables import Days
from ingest.lake.unit import Unit

_BEFORE = timedelta(days=7)
_AFTER = timedelta(days=1)
_DAY = timedelta(days=1) // timedelta(microseconds=1)
_RAW_AT_MOST = 64 * 1024


@dataclass(frozen=True)
class Lines:
    """Where rows came from: for each row, the index of its object in `keys` and its line there."""

    keys: Sequence[ObjectKey]
    object_of: npt.NDArray[np.int32]
    line_of: npt.NDArray[np.int32]


def microseconds(times: pa.ChunkedArray[Any]) -> npt.NDArray[np.int64]:
    """Times without NULL as microseconds since 1970."""
    whole: Any = times.combine_chunks()
    return np.asarray(whole.view(pa.int64()).to_numpy())


def with_lineage(table: Table, rows: pa.Table, lines: Lines) -> pa.Table:
    """The rows in the table's own schema: lineage columns and the day of their time added."""
    objects = pa.array(lines.object_of, pa.int32())
    # Arrow's cast asks the time zone of every row: twenty times as long.
    days = microseconds(rows.column(table.time)) // _DAY
    lineage = {
        "log_object": _spread([key.uri for key in lines.keys], objects),
        "log_line": pa.array(lines.line_of, pa.int32()),
        "log_account": _spread([key.account for key in lines.keys], objects),
        "log_region": _spread([key.region for key in lines.keys], objects),
        "day": pa.array(days.astype(np.int32), pa.date32()),
    }
    columns = [lineage.get(name) if name in lineage else rows.column(name) for name in table.names]
    return pa.table(columns, names=table.names)


def _spread(values: Sequence[str | None], objects: pa.Int32Array) -> pa.DictionaryArray[Any, Any]:
    """One value an object, spread over its rows without repeating the text in memory."""
    known = sorted({value for value in values if value is not None})
    index = {value: i for i, value in enumerate(known)}
    of_object = pa.array([index[value] if value is not None else None for value in values], pa.int32())
    return pa.DictionaryArray.from_arrays(of_object.take(objects), pa.array(known, pa.string()))


def out_of_range(
    times: pa.ChunkedArray[Any], keys: Sequence[ObjectKey], object_of: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """For each row, whether its time is too far from its object's; never where the object's time is unknown."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    micro = timedelta(microseconds=1)
    known = [key.time is not None for key in keys]
    centre = np.array([(key.time - epoch) // micro if key.time else 0 for key in keys], dtype=np.int64)
    values = microseconds(times)
    of_row = centre[object_of]
    far = (values < of_row - _BEFORE // micro) | (values > of_row + _AFTER // micro)
    return np.asarray(far & np.array(known, dtype=bool)[object_of])


def admit(table: Table, parsed: Parsed, block: Block) -> tuple[pa.Table, Lines, list[Rejected]]:
    """Rows ready for the lake, where each came from, and every reject of the block, the late and early included."""
    parsed.check(len(block))
    at, rows, rejects = parsed.at, parsed.rows, list(parsed.rejects)
    far = out_of_range(rows.column(table.time), block.keys, block.object_of[at])
    if far.any():
        times = rows.column(table.time).filter(pa.array(far))
        rejects += [
            Rejected(
                int(i),
                Reason.TIME_OUT_OF_RANGE,
                f"{table.time} {when.as_py()} against the object's {_time_of(block, i)}",
            )
            for i, when in zip(at[far], times, strict=True)
        ]
        rows, at = rows.filter(pa.array(~far)), at[~far]
    lines = Lines(block.keys, block.object_of[at], block.line_of[at])
    return with_lineage(table, rows, lines), lines, rejects


def _time_of(block: Block, at: int) -> datetime | None:
    return block.keys[int(block.object_of[at])].time


def reject_rows(
    block: Block, rejects: Sequence[Rejected], format_name: str | None, now: datetime
) -> list[dict[str, object]]:
    """Rows of `rejects` for lines of a block."""
    at = np.fromiter((reject.at for reject in rejects), dtype=np.int64, count=len(rejects))
    places = zip(block.object_of[at].tolist(), block.line_of[at].tolist(), block.offsets(at).tolist(), strict=True)
    return [
        reject_row(
            block.keys[of],
            line=line,
            offset=offset,
            format_name=format_name,
            reason=reject.reason,
            detail=reject.detail,
            raw=block.line(reject.at),
            now=now,
        )
        for reject, (of, line, offset) in zip(rejects, places, strict=True)
    ]


def reject_row(
    key: ObjectKey,
    *,
    line: int,
    offset: int,
    format_name: str | None,
    reason: Reason,
    detail: str,
    raw: bytes,
    now: datetime,
) -> dict[str, object]:
    """One row of `rejects`; bytes that are not UTF-8 are shown as hexadecimal escapes, and a long line is cut."""
    return {
        "log_object": key.uri,
        "log_line": line,
        "byte_offset": offset,
        "format": format_name,
        "reason": str(reason),
        "detail": detail,
        "raw": raw[:_RAW_AT_MOST].decode("utf-8", "backslashreplace")[:_RAW_AT_MOST],
        "raw_bytes": len(raw),
        "rejected_at": now,
        "day": (key.time or now).date(),
    }


def row_days(units: Iterable[Unit]) -> Days | None:
    """First and last day that rows of these objects can lie in, in any version of them; None where that is unknown."""
    days = reject_days(units)
    return days and (days[0] - _BEFORE, days[1] + _AFTER)


def reject_days(units: Iterable[Unit]) -> Days | None:
    """The same of their rejects, which lie under the day in the object's key."""
    times = [parse_key(unit.uri).time for unit in units]
    known = [time.date() for time in times if time is not None]
    return (min(known), max(known)) if known and len(known) == len(times) else None


def rejects_table(rows: Sequence[dict[str, object]]) -> pa.Table:
    """Those rows as the lake's table."""
    return pa.Table.from_pylist(list(rows), schema=REJECTS.arrow)
