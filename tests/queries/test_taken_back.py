"""Rollup rows that were taken back: an object was replaced, its old rows are still there beside their negatives.

They add up to nothing until compaction leaves both out, and say nothing of anything until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deltalake import write_deltalake

from ingest.lake.declarations import TABLES
from ingest.lake.rollups import roll_up
from ingest.lake.tables import Lake
from queries import catalog
from queries.session import Session, open_session
from tests.queries.lake_of import Row, alb, at, flow, lake_of, lattice, table_of

WINDOW = {"since": at(0), "until": at(60)}


def take_back(lake: Lake, **given: Sequence[Row]) -> None:
    """Append what the rows added to the rollups, and its negative; of the rows themselves nothing."""
    for name, rows in roll_up({name: table_of(TABLES[name], rows) for name, rows in given.items()}).items():
        for part in (rows, TABLES[name].negated(rows)):
            if part.num_rows:
                uri = lake.table_uri(TABLES[name])
                write_deltalake(uri, part.cast(TABLES[name].arrow), mode="append", partition_by=["day"])


def session_on(folder: Path, kept: dict[str, list[Row]], gone: dict[str, list[Row]]) -> Session:
    lake = lake_of(folder, kept)
    take_back(lake, **gone)
    return open_session(lake)


def rows(session: Session, report: str, folder: str = "reports") -> list[dict[str, Any]]:
    return catalog.load(folder)[report].run(session, WINDOW).to_pylist()


def to_target(src: str = "10.0.0.5", **columns: Any) -> Row:
    given = {"vpc": "vpc-a", "direction": "ingress", "start_time": at(5), "end_time": at(6), **columns}
    return flow(src, "10.0.0.9", 8080, **given)


def test_a_connection_counts_at_the_server_when_the_clients_end_is_gone(tmp_path: Path) -> None:
    kept, gone = {"vpc_flow": [to_target(vpc="vpc-b")]}, {"vpc_flow": [to_target(direction="egress")]}
    with session_on(tmp_path, kept, gone) as session:
        assert session.query("from flows").num_rows == 1
        assert rows(session, "overlaps") == []


def test_an_address_is_in_the_vpc_that_still_shows_it(tmp_path: Path) -> None:
    kept = {"vpc_flow": [to_target(vpc="vpc-b")]}
    gone = {
        "vpc_flow": [to_target(vpc="vpc-a")],
        "lattice_access": [
            lattice("a", "x", ip="10.0.0.1", vpc="vpc-z", target="10.0.0.9", destination_vpc_id="vpc-z")
        ],
    }
    with session_on(tmp_path, kept, gone) as session:
        known = {row["ip"]: row["vpc"] for row in session.query("from known_vpcs").to_pylist()}
        seen = session.query("select distinct vpc from interface_addresses").column("vpc").to_pylist()
    assert known == {"10.0.0.9": "vpc-b"}
    assert seen == ["vpc-b"]


def test_an_interface_passes_on_what_still_went_both_ways(tmp_path: Path) -> None:
    """Its client's packet out of eni-1, which would make it a router, was of an object that was replaced."""
    kept = {
        "vpc_flow": [
            to_target(interface_id="eni-1"),
            to_target("10.0.0.6", interface_id="eni-1", pkt_dstaddr="10.0.0.8"),
        ]
    }
    gone = {"vpc_flow": [to_target(interface_id="eni-1", direction="egress")]}
    with session_on(tmp_path, kept, gone) as session:
        passing = session.query("select distinct passes_on from interface_addresses").column("passes_on").to_pylist()
    assert passing == [False]


def test_nobody_answers_where_no_request_went(tmp_path: Path) -> None:
    """The only request that x answered in vpc-z is gone: what connects to that address there goes past nothing."""
    arrivals = [to_target(src, vpc="vpc-z", repeat=3) for src in ("169.254.171.3", "10.0.0.77")]
    kept = {"lattice_access": [lattice("a", "x", ip="10.0.0.1", target="10.0.0.2")], "vpc_flow": arrivals}
    answered = lattice("a", "x", ip="10.0.0.1", vpc="vpc-z", target="10.0.0.9", destination_vpc_id="vpc-z")
    with session_on(tmp_path, kept, {"lattice_access": [answered]}) as session:
        named = session.query("select distinct ip from address_names").column("ip").to_pylist()
        assert rows(session, "bypass") == []
        assert [row["past_front_door"] for row in rows(session, "identity_layers", "guide")] == [0]
    assert set(named) == {"10.0.0.1", "10.0.0.2"}


def test_a_target_is_unseen_when_its_flow_record_is_gone(tmp_path: Path) -> None:
    kept = {"lattice_access": [lattice("a", "x", ip="10.0.0.1", target="10.0.0.9")]}
    with session_on(tmp_path, kept, {"vpc_flow": [to_target()]}) as session:
        (unseen,) = rows(session, "unseen_targets")
    assert (unseen["target_ip"], unseen["reason"]) == ("10.0.0.9", "no flow records of the VPC")


def test_a_load_balancers_clients_and_targets_are_where_records_still_show_them(tmp_path: Path) -> None:
    """The node is 10.0.0.40, in vpc-b as its client and its target are; what vpc-a showed of both is gone."""
    asked = alb("app/edge/1", "x.example.com", ip="10.0.0.5", target="10.0.0.9", group="x", ip_address="10.0.0.40")

    def legs(vpc: str) -> list[Row]:
        return [
            flow("10.0.0.5", "10.0.0.40", 443, vpc=vpc, direction="egress"),
            flow("10.0.0.40", "10.0.0.9", 8080, vpc=vpc, direction="ingress"),
        ]

    nodes = [
        flow("10.0.0.5", "10.0.0.40", 443, vpc="vpc-b", direction="ingress", interface_id="eni-40"),
        flow("10.0.0.40", "10.0.0.9", 8080, vpc="vpc-b", direction="egress", interface_id="eni-40"),
    ]
    with session_on(
        tmp_path, {"alb_access": [asked], "vpc_flow": [*legs("vpc-b"), *nodes]}, {"vpc_flow": legs("vpc-a")}
    ) as session:
        found = [
            (row["ip"], row["vpc"])
            for table in ("alb_peers", "alb_target_vpcs")
            for row in session.query(f"from {table}").to_pylist()
        ]
    assert found == [("10.0.0.5", "vpc-b"), ("10.0.0.9", "vpc-b")]
