"""Rows of reports as a reader sees them: columns in reading order, times short, names made visible.

Everything that comes from a log passes `visible` here; what is returned goes only to widgets that show text as text
(`st.dataframe`, `st.code`, `st.text`) and to the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dashboard.data import Row
from dashboard.graph import Edge
from dashboard.palette import MEANING
from dashboard.text import clock, milliseconds, percent, short, visible

Columns = dict[str, list[Any]]

PAUSE = timedelta(minutes=15)
"""What ends a run of `edge_health`: one that begins within it of the window's start may have begun before."""

DENIED_WIDTHS = {
    "caller": 172,
    "callee": 100,
    "layer": 96,
    "count": 48,
    "first": 64,
    "worked until": 84,
    "last": 64,
    "reason": 150,
}
EDGE_WIDTHS = {
    "caller": 244,
    "callee": 224,
    "state": 116,
    "from": 88,
    "last": 76,
    "refused by": 112,
    "requests": 80,
    "denied": 68,
    "REJECT": 68,
    "5xx": 60,
    "no reply": 72,
    "4xx": 60,
    "p50 ms": 68,
    "p99 ms": 68,
}


def layer(name: str | None) -> str:
    """`service_policy` as a reader says it."""
    return visible(name).replace("_", " ")


def label(row: Row) -> str:
    """What is wrong with an edge in few words, empty where nothing is: `61 % denied`, `82 rejected`."""
    state = row["state"]
    if state == "ok":
        return ""
    if state == "reject" or row["share"] is None:
        return f"{row['wrong']:,} rejected"
    word = "denied" if state == "denied" else "failing"
    if state == "degraded" and row["wrong"] == row["client_errors"]:
        word = "4xx"
    return f"{percent(row['share'])} {word}"


def graph_edges(rows: Sequence[Row]) -> list[Edge]:
    """The rows of `edge_health` as edges to draw, in their order."""
    return [Edge(row["caller"], row["callee"], row["state"], label(row), float(row["requests"])) for row in rows]


def kinds(rows: Sequence[Row]) -> dict[str, str]:
    """What each node is."""
    return {row[end]: row[f"{end}_kind"] for row in rows for end in ("caller", "callee")}


def unseen(looked_back: float | None) -> str:
    """What stands for a success that was not found in these hours; None: as far as the report looks."""
    return "never" if looked_back is None else f"not in {looked_back:.0f} h"


def denied_table(rows: Sequence[Row], until: datetime, looked_back: float | None = None) -> Columns:
    """Columns of `denied_callers`; 'worked until' is the last success before the first refusal, or none known."""
    return {
        "caller": [short(visible(row["caller"])) for row in rows],
        "callee": [short(visible(row["callee"])) for row in rows],
        "layer": [layer(row["layer"]) for row in rows],
        "count": [row["count"] for row in rows],
        "first": [clock(row["first_seen"], until) for row in rows],
        "worked until": [clock(row["last_success_before"], until) or unseen(looked_back) for row in rows],
        "last": [clock(row["last_seen"], until) for row in rows],
        "reason": [visible(row["reason"]) for row in rows],
    }


def edge_table(rows: Sequence[Row], since: datetime, until: datetime) -> Columns:
    """Columns of `edge_health`, in the order in which the graph draws."""
    return {
        "caller": [visible(row["caller"]) for row in rows],
        "callee": [visible(row["callee"]) for row in rows],
        "state": [label(row) or MEANING["ok"] for row in rows],
        "from": [began(row, since, until) for row in rows],
        "last": [clock(row["ended"], until) for row in rows],
        "refused by": [layer(row["layer"]) for row in rows],
        "requests": [row["requests"] for row in rows],
        # Nothing stands for 0, so that what is there is seen.
        "denied": [row["denied"] or None for row in rows],
        "REJECT": [row["rejected"] or None for row in rows],
        "5xx": [row["server_errors"] or None for row in rows],
        "no reply": [row["no_response"] or None for row in rows],
        "4xx": [row["client_errors"] or None for row in rows],
        "p50 ms": [row["p50_ms"] for row in rows],
        "p99 ms": [row["p99_ms"] for row in rows],
    }


def began(row: Row, since: datetime, until: datetime) -> str:
    """When what is wrong with an edge began; `≤ 11:45:00` where the same run may have begun before the window."""
    text = clock(row["began"], until)
    return f"≤ {text}" if text and row["began"] < since + PAUSE else text


def headlines(rows: Sequence[Row], since: datetime, until: datetime, most: int = 3) -> str:
    """The worst edges, a line each: who, how much, since when, by which layer. For a widget that shows plain text."""
    wrong = [row for row in rows if row["state"] != "ok"][:most]
    cells = [
        (
            visible(row["caller"], 34),
            f"→ {visible(row['callee'], 30)}",
            label(row),
            f"{began(row, since, until)}, last {clock(row['ended'], until)}",
            f"by {layer(row['layer'])}" if row["state"] in {"denied", "reject"} else "",
        )
        for row in wrong
    ]
    widths = [max((len(cell[k]) for cell in cells), default=0) for k in range(5)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True)) for cell in cells)


def details(
    row: Row, denials: Sequence[Row], since: datetime, until: datetime, looked_back: float | None = None
) -> str:
    """All numbers of one edge as lines of plain text; `denials` are its rows of `denied_callers`."""
    lines = [("state", label(row) or MEANING["ok"])]
    if row["began"] is not None:
        or_before = " or before the window" if row["began"] < since + PAUSE else ""
        lines.append(("since", f"{clock(row['began'], until)}{or_before}, last {clock(row['ended'], until)}"))
    for denial in denials:
        worked = denial["last_success_before"]
        lines += [
            ("refused", f"{denial['count']:,} by {layer(denial['layer'])}: {visible(denial['reason'], 60)}"),
            ("", f"{clock(denial['first_seen'], until)} to {clock(denial['last_seen'], until)}"),
            ("worked", f"until {clock(worked, until)}" if worked else f"{unseen(looked_back)} before"),
        ]
    lines += [
        ("requests", f"{row['requests']:,}, last {clock(row['last_call'], until) or 'none'}"),
        ("failed", f"5xx {row['server_errors']:,}  no reply {row['no_response']:,}  4xx {row['client_errors']:,}"),
    ]
    if row["p50_ms"] is not None:
        lines.append(("latency", f"p50 {milliseconds(row['p50_ms'])}  p99 {milliseconds(row['p99_ms'])}"))
    return "\n".join(f"{name:<9} {text}" for name, text in lines)
