"""The SQL files of a session, and the order in which they build on each other.

A relation is a file: `identity/*.sql` become tables, computed once when the session opens and from rollups and the
ledger only (never from raw rows); `views/*.sql` become views. Macros that read views come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

from ingest.lake import vocabulary
from ingest.lake.schema import Table
from queries.header import split_header

MACROS = ("names", "addresses", "quantiles", "more_than_usual", "remembered", "time", "delivery_names", "guide")
MACROS_ON_VIEWS = (
    "called_vpcs",
    "deliveries",
    "direct_connections",
    "edge_latencies",
    "nat_paths",
    "traffic_shares",
    "window_calls",
)
IDENTITY = (
    "called_hosts",
    "relayed_hosts",
    "called_services",
    "daily_endpoints",
    "corrections",
    "corrected_minutes",
    "uncertain_hours",
    "corrected_hours",
    "alb_nodes",
    "alb_target_groups",
    "alb_targets",
    # Reads most columns of flow_hours: in a lake on S3 the next one finds what it needs of them at hand.
    "interface_addresses",
    "alb_interface_hours",
    "alb_interfaces",
    "known_vpcs",
    "alb_peers",
    "alb_target_vpcs",
    "address_vpcs",
    "siblings",
    "alb_own_hosts",
    "lattice_hosts",
    "seen_through",
    "overrides",
    "address_overrides",
    "services",
    "targets",
    "sources",
    "sightings",
    "principals",
    "nodes",
    "service_names",
    "principal_names",
    "address_nodes",
    "address_doubts",
    "address_names",
    "own_subscriptions",
    "hourly_callers",
    "accepted_pairs",
    "caller_names",
    "moving_callers",
    "callee_names",
)
VIEWS = (
    "delivered_objects",
    "client_certificates",
    "named_requests",
    "requests",
    "edge_requests",
    "resource_connections",
    "flows",
    "call_counts",
    "latency_counts",
    "hour_counts",
    "octave_counts",
    "minute_calls",
    "failed_minutes",
    "hourly_calls",
    "recent_calls",
    "accepted_flows",
    "calls",
    "timed_requests",
    "latencies",
    "denials",
)
EDGES = (("macros", "edge_calls"), ("views", "earlier_calls"), ("views", "present_calls"), ("macros", "edges"))
"""Folder and name of what counts by edge: macros on views, and views on macros."""
UNTOUCHED = {
    "call_counts": ("call_minutes", ("corrections", "own_subscriptions")),
    "latency_counts": ("call_hours", ("own_subscriptions",)),
    "hour_counts": ("edge_hours", ("uncertain_hours", "own_subscriptions")),
    "octave_counts": ("edge_latency_hours", ("own_subscriptions",)),
}
"""Views that are a rollup but for what some tables of identity name, and nearly always these are empty."""
EMPTY_WITH = {"corrected_minutes": "corrections", "corrected_hours": "uncertain_hours"}
"""Tables that are empty when another is, as nearly always: then nothing is read to find that out."""
PUBLIC_VIEWS = ("requests", "flows", "calls", "denials")


def view_header(name: str) -> dict[str, Any]:
    """What a public view is, and its columns: the header of its file."""
    return split_header(text("views", name), f"queries/views/{name}.sql")[0]


def text(folder: str, name: str) -> str:
    """Text of `queries/<folder>/<name>.sql`."""
    return (files("queries") / folder / f"{name}.sql").read_text(encoding="utf-8").rstrip()


def macros() -> Iterator[str]:
    """Statements that make the macros of the vocabulary and of the queries."""
    yield vocabulary.sql(vocabulary.MACROS)
    for name in MACROS:
        yield text("macros", name)


def view(name: str) -> str:
    """The statement that makes the view of `queries/views/<name>.sql`."""
    return f"create or replace temp view {name} as\n{text('views', name)}"


def stand_in(rollup: Table) -> str:
    """The statement that makes the view of a rollup that the lake lacks, from the rollup that it adds up.

    An older release wrote the lake; its next ingest makes the table.
    """
    return f"create or replace temp view {rollup.name} as\n{vocabulary.added_up(rollup.name)}"


def relations(is_empty: Callable[[str], bool], make: Callable[[str, str], Iterator[str]]) -> Iterator[str]:
    """Statements that make identity tables and views, on top of the lake's tables.

    To be executed one by one: `is_empty` is asked about tables that statements before made. `make` has the statements
    that make a table of identity, by its name and SQL.
    """
    for name in vocabulary.SELECTS:
        yield f"create or replace temp view {name} as\n{vocabulary.sql(name)}"
    for name in IDENTITY:
        rows = text("identity", name)
        if name in EMPTY_WITH and is_empty(EMPTY_WITH[name]):
            rows = f"from (\n{rows}\n)\nlimit 0"
        yield from make(name, rows)
    for name in VIEWS:
        rollup, exceptions = UNTOUCHED.get(name, ("", ()))
        if rollup and all(is_empty(table) for table in exceptions):
            # Planning joins with nothing takes as long as planning the scan, and most questions do it several times.
            yield f"create or replace temp view {name} as\nfrom {rollup}"
        else:
            yield view(name)
    yield from make("daily_calls", text("identity", "daily_calls"))
    for folder, name in EDGES:
        yield view(name) if folder == "views" else text(folder, name)
    for name in MACROS_ON_VIEWS:
        yield text("macros", name)
