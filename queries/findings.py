"""Findings: what checks found, kept in the lake with a life of its own.

A finding is opened when its key is first found, seen again in later windows, and resolved when a later window that is
complete enough does not show it; seen after that it is a new finding. One row per finding however often a check runs:
the same window again changes nothing but what late data changed.

Somebody may close an open one: what it found is meant to be so. It is not open any more, is not opened anew for as long
as the check shows it, and the check no longer remembers what it was compared with (docs/decisions/0034).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa

from ingest.errors import QueryError
from ingest.lake.declarations import FINDINGS
from ingest.lake.tables import Lake
from queries.catalog import nearest
from queries.completeness import ENOUGH, Window

SEVERITIES = ("page", "ticket", "info")
"""Worst first."""

Row = dict[str, Any]

_ONE_INCIDENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Offence:
    """One row that a check returned: the key that makes it the same finding, and the row."""

    check: str
    severity: str
    key: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Verified:
    """A check that ran over a window: what it found, and the share of the data due that was there (0 to 1)."""

    check: str
    window: Window
    coverage: float
    offences: tuple[Offence, ...]


def offence(check: str, severity: str, key: Sequence[str], row: Mapping[str, Any]) -> Offence:
    """An offence of a check's row; `key` names the columns that make up its key."""
    return Offence(check, severity, "|".join("" if row[name] is None else str(row[name]) for name in key), row)


def record(lake: Lake, verified: Sequence[Verified]) -> list[Row]:
    """Write what checks found to the lake's findings; returns all of them as they are then.

    Nothing is committed when nothing changed. Raises LakeError when the lake cannot be written.
    """
    before = read(lake)
    after = amend(before, verified)
    if after != before:
        lake.rewrite(FINDINGS, lambda rows: _table(amend(_rows(rows), verified)))
        after = read(lake)
    return after


def close(lake: Lake, written: Iterable[str]) -> None:
    """Close the open findings of these ids, or beginnings of them that no other open one has.

    Raises:
        QueryError: no open finding has the id, or several begin like that.
        LakeError: the lake cannot be written.
    """
    known = [str(row["finding_id"]) for row in read(lake) if row["state"] == "open"]
    chosen = {_meant(text, known) for text in written}
    if not chosen:
        return

    def closed(rows: pa.Table) -> pa.Table:
        return _table(
            {**row, "state": "closed"} if row["finding_id"] in chosen and row["state"] == "open" else row
            for row in _rows(rows)
        )

    lake.rewrite(FINDINGS, closed)


def _meant(text: str, known: Sequence[str]) -> str:
    found = [name for name in known if text and name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise QueryError(f"finding {text}: {len(found)} open ones begin like that; write more of the id")
    raise QueryError(f"no open finding {text}{nearest(text, known)}")


def read(lake: Lake) -> list[Row]:
    """All findings of the lake, as they were committed."""
    return _rows(lake.rows(FINDINGS))


def _rows(table: pa.Table) -> list[Row]:
    return [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in table.to_pylist()
    ]


def _table(rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), FINDINGS.arrow)


def amend(current: Sequence[Row], verified: Sequence[Verified]) -> list[Row]:
    """The findings after these checks, from those before them."""
    rows = [dict(row) for row in current]
    opened: list[Row] = []
    for check in verified:
        for found in check.offences:
            latest = max(
                (row for row in rows if (row["check_name"], row["finding_key"]) == (found.check, found.key)),
                key=lambda row: row["last_seen_at"],
                default=None,
            )
            if latest is None or (latest["resolved_at"] is not None and check.window.until > latest["resolved_at"]):
                opened.append(_opened(found, check))
                rows.append(opened[-1])
            else:
                _see_again(latest, found, check)
        _resolve(rows, check)
    _join_incidents(rows, opened)
    return sorted(rows, key=lambda row: (row["opened_at"], row["check_name"], row["finding_key"]))


def _opened(found: Offence, check: Verified) -> Row:
    until = check.window.until
    identity = "\n".join((found.check, found.key, until.isoformat()))
    row: Row = dict.fromkeys(FINDINGS.names)
    row.update(
        finding_id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        check_name=found.check,
        finding_key=found.key,
        state="open",
        opened_at=until,
        occurrences=1,
        worst_value=found.row.get("observed"),
    )
    row.update(_last_seen(found, check))
    return row


def _last_seen(found: Offence, check: Verified) -> Row:
    return {
        "severity": found.severity,
        "last_seen_at": check.window.until,
        "window_start": check.window.since,
        "window_end": check.window.until,
        "expected_value": found.row.get("expected"),
        "caller_principal": found.row.get("caller_principal"),
        "service": found.row.get("service"),
        "target_group": found.row.get("target_group"),
        "layer": found.row.get("layer"),
        "title": found.row.get("title"),
        "evidence": orjson.dumps(found.row, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z).decode(),
        "coverage": check.coverage,
    }


def _see_again(row: Row, found: Offence, check: Verified) -> None:
    """A later window counts; the same one may show what late data changed; an earlier one is history."""
    until = check.window.until
    if until < row["last_seen_at"]:
        return
    if until > row["last_seen_at"]:
        row["occurrences"] += 1
    row.update(_last_seen(found, check))
    # A finding resolved by this very window: late data brought it back.
    row.update(state="closed" if row["state"] == "closed" else "open", resolved_at=None)
    observed = found.row.get("observed")
    row["worst_value"] = max((v for v in (row["worst_value"], observed) if v is not None), default=None)


def _resolve(rows: Iterable[Row], check: Verified) -> None:
    """Close what this window no longer shows, unless too little of the window's data is there to tell."""
    if check.coverage < ENOUGH:
        return
    found = {offence.key for offence in check.offences}
    for row in rows:
        if (
            row["check_name"] == check.check
            and row["resolved_at"] is None
            and row["finding_key"] not in found
            and check.window.until >= row["last_seen_at"]
        ):
            state = "closed" if row["state"] == "closed" else "resolved"
            row.update(state=state, resolved_at=check.window.until)


def _join_incidents(rows: Iterable[Row], opened: Sequence[Row]) -> None:
    """Give each new finding the incident of an open one that shares a caller or a service with it, else its own.

    Only one that opened within ten minutes before, two runs of a schedule. Callers and services are compared by id and
    by display name, so that a failure is one incident all the way up the calls: the callee of one finding is the caller
    of the next.
    """
    waiting = list(opened)
    parties = {id(row): _parties(row) for row in rows if row["state"] == "open"}
    known = [row for row in rows if row["state"] == "open" and row["incident_id"]]
    while waiting:
        joined = next(
            (
                (new, old)
                for new in waiting
                for old in known
                if parties[id(new)] & parties[id(old)] and new["opened_at"] - old["opened_at"] <= _ONE_INCIDENT
            ),
            (waiting[0], None),
        )
        new, old = joined
        new["incident_id"] = old["incident_id"] if old else new["finding_id"]
        waiting.remove(new)
        known.append(new)


def _parties(row: Row) -> set[str]:
    evidence = orjson.loads(row["evidence"] or "{}")
    named = (row["caller_principal"], row["service"], evidence.get("caller"), evidence.get("callee"))
    return {str(name) for name in named if name}
