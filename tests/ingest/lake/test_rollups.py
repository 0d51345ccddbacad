"""Rollups: the vocabulary's definitions one by one, and that any split of a batch sums to the whole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.lake import rollups, vocabulary
from ingest.lake.combinations import COLUMNS, NUMBER, Combinations, combine
from ingest.lake.declarations import ALB_ACCESS, ALB_CONNECTION, LATTICE_ACCESS, ROLLUPS, TABLES, VPC_FLOW
from ingest.lake.prepared import Prepared
from ingest.lake.rebuilding import merge
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table, Type
from tests.queries.lake_of import NINE, alb, denied, flow, lattice, role, service, table_of

MEASURES = {name for table in ROLLUPS for name in table.measures}
BOUNDS = {name for table in ROLLUPS for name, _ in table.bounds}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with Prepared() as made:
        yield made.connection


def request(connection: duckdb.DuckDBPyConnection, table: str, row: Any) -> dict[str, Any]:
    """The row in the common vocabulary."""
    for source in (LATTICE_ACCESS, ALB_ACCESS):
        rows = [row] if source.name == table else []
        connection.register(source.name, table_of(source, rows))
    select = vocabulary.sql(table.replace("access", "requests"))
    (found,) = connection.execute(select).to_arrow_table().to_pylist()
    return dict(found)


@pytest.mark.parametrize(
    ("columns", "kind", "outcome", "auth_decision", "denied_by"),
    [
        ({}, "http", "ok", "allowed", None),
        ({"response_code": 301}, "http", "ok", "allowed", None),
        ({"response_code": 404}, "http", "client_error", "allowed", None),
        ({"response_code": 403}, "http", "client_error", "allowed", "application"),
        ({"response_code": 500}, "http", "server_error", "allowed", None),
        ({"response_code": 504, "failure_reason": "TargetDataTimeout"}, "http", "no_response", "allowed", None),
        ({"response_code": 500, "failure_reason": "TargetConnectionError"}, "http", "no_response", "allowed", None),
        ({"response_code": 502, "failure_reason": "TargetProtocolError"}, "http", "server_error", "allowed", None),
        ({"response_code": 400, "failure_reason": "ClientConnectionClosed"}, "http", "no_response", "allowed", None),
        ({"response_code": None, "failure_reason": "ClientConnectionClosed"}, "http", "no_response", "allowed", None),
        ({"response_code": 200, "failure_reason": "ClientConnectionClosed"}, "http", "client_error", "allowed", None),
        ({"response_code": 404, "failure_reason": "ClientConnectionClosed"}, "http", "client_error", "allowed", None),
        ({"response_code": 503, "failure_reason": "ClientConnectionClosed"}, "http", "server_error", "allowed", None),
        (
            {"grpc_response_code": 14, "failure_reason": "ClientConnectionClosed"},
            "grpc",
            "server_error",
            "allowed",
            None,
        ),
        ({"response_code": 101, "failure_reason": "ClientConnectionClosed"}, "websocket", "ok", "allowed", None),
        ({"resolved_user": None}, "http", "ok", "not_evaluated", None),
        ({"resolved_user": "Unknown"}, "http", "ok", "not_evaluated", None),
        ({"resolved_user": "Anonymous", "caller_principal": None}, "http", "ok", "allowed", None),
        ({"grpc_response_code": 0}, "grpc", "ok", "allowed", None),
        ({"grpc_response_code": 5}, "grpc", "client_error", "allowed", None),
        ({"grpc_response_code": 7}, "grpc", "client_error", "allowed", "application"),
        ({"grpc_response_code": 14}, "grpc", "server_error", "allowed", None),
        ({"request_method": None, "response_code": None}, "tls", "ok", "allowed", None),
        (
            {"request_method": None, "response_code": None, "failure_reason": "TargetConnectionError"},
            "tls",
            "no_response",
            "allowed",
            None,
        ),
        (
            {"request_method": None, "response_code": None, "failure_reason": "ConnectionDurationExceeded"},
            "tls",
            "ok",
            "allowed",
            None,
        ),
    ],
)
def test_lattice_outcomes(
    connection: duckdb.DuckDBPyConnection,
    columns: dict[str, Any],
    kind: str,
    outcome: str,
    auth_decision: str,
    denied_by: str | None,
) -> None:
    found = request(connection, "lattice_access", lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", **columns))
    assert (found["kind"], found["outcome"], found["auth_decision"], found["denied_by"]) == (
        kind,
        outcome,
        auth_decision,
        denied_by,
    )


@pytest.mark.parametrize("by", ["Service", "Network", "Identity"])
def test_lattice_refusals_name_the_policy(connection: duckdb.DuckDBPyConnection, by: str) -> None:
    found = request(connection, "lattice_access", denied("a", "b", by, ip="10.0.0.1"))
    assert found["denied_by"] == f"{by.lower()}_policy"
    assert (found["outcome"], found["auth_decision"], found["deny_reason"]) == ("denied", "denied", by)
    # Never reached a target: the log cannot tell where the time went.
    assert (found["front_door_ms"], found["target_ms"], found["response_ms"]) == (None, None, None)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"auth_denied_reason": None}, "ClientAccessDenied"),
        ({"auth_denied_reason": "Quota"}, "Quota"),
        ({"auth_denied_reason": "Quota", "failure_reason": None}, "Quota"),
        ({"auth_denied_reason": None, "response_code": None, "request_method": None}, "ClientAccessDenied"),
    ],
)
def test_lattice_refusals_by_an_unknown_policy(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, Any], reason: str
) -> None:
    found = request(connection, "lattice_access", denied("a", "b", "Service", ip="10.0.0.1", **columns))
    assert (found["outcome"], found["auth_decision"]) == ("denied", "denied")
    assert (found["denied_by"], found["deny_reason"]) == ("unknown_policy", reason)


REFUSED = {"group": None, "target": None}


@pytest.mark.parametrize(
    ("columns", "outcome", "denied_by"),
    [
        ({}, "ok", None),
        ({"elb_status_code": 403, "target_status_code": 403}, "client_error", "application"),
        ({"elb_status_code": 404, "target_status_code": 404}, "client_error", None),
        ({"elb_status_code": 500, "target_status_code": 500}, "server_error", None),
        ({"elb_status_code": 504, "target_status_code": None}, "no_response", None),
        ({"elb_status_code": 460, "target_status_code": None}, "no_response", None),
        ({"elb_status_code": 503, "target_status_code": None, "target_ip": None}, "no_response", None),
        ({"elb_status_code": 503, "target_status_code": 503}, "server_error", None),
        ({"elb_status_code": 502, "target_status_code": None, "error_reason": "LambdaUnhandled"}, "server_error", None),
        ({"elb_status_code": 403, **REFUSED, "actions_executed": "waf"}, "denied", "waf"),
        *(
            ({"elb_status_code": n, **REFUSED, "actions_executed": "waf"}, "denied", "waf")
            for n in (202, 302, 405, 429, 503)
        ),
        ({"elb_status_code": 429, **REFUSED, "actions_executed": "authenticate,waf"}, "denied", "waf"),
        ({"elb_status_code": 460, **REFUSED, "actions_executed": "waf"}, "no_response", None),
        ({"elb_status_code": 500, **REFUSED, "actions_executed": "waf-failed"}, "server_error", None),
        (
            {"elb_status_code": 500, **REFUSED, "actions_executed": "waf", "error_reason": "WAFServiceError"},
            "server_error",
            None,
        ),
        ({"elb_status_code": 503, "target_status_code": 503, "actions_executed": "waf,forward"}, "server_error", None),
        ({"elb_status_code": 503, **REFUSED, "actions_executed": "waf,fixed-response"}, "server_error", None),
        ({"elb_status_code": 403, **REFUSED, "actions_executed": "waf,fixed-response"}, "denied", "alb_rule"),
        ({"elb_status_code": 403, **REFUSED, "actions_executed": "waf-failed,fixed-response"}, "denied", "alb_rule"),
        ({"elb_status_code": 403, **REFUSED, "actions_executed": "fixed-response"}, "denied", "alb_rule"),
        ({"elb_status_code": 404, **REFUSED, "actions_executed": "fixed-response"}, "client_error", None),
        ({"elb_status_code": 401, **REFUSED, "actions_executed": "authenticate"}, "denied", "alb_auth"),
        ({"elb_status_code": 401, **REFUSED, "error_reason": "JWTHeaderNotPresent"}, "denied", "alb_auth"),
        ({"elb_status_code": 302, **REFUSED, "actions_executed": "authenticate"}, "ok", None),
        *(
            ({"elb_status_code": 500, **REFUSED, "error_reason": reason, "actions_executed": "authenticate"}, *said)
            for said, reasons in {
                ("denied", "alb_auth"): ("AuthInvalidGrantError", "AuthInvalidTokenResponse", "JWTClaimValueInvalid"),
                ("server_error", None): (
                    "AuthTokenEpRequestTimeout",
                    "AuthUserinfoEpRequestFailed",
                    "AuthUserinfoResponseSizeExceeded",
                    "AuthUnhandledException",
                    "JWKSRequestTimeout",
                    "JWTValidationInternalError",
                ),
            }.items()
            for reason in reasons
        ),
        ({"elb_status_code": 400, **REFUSED, "error_reason": "AuthMissingHostHeader"}, "client_error", None),
        ({"elb_status_code": 400, **REFUSED}, "client_error", None),
    ],
)
def test_alb_outcomes(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, Any], outcome: str, denied_by: str | None
) -> None:
    forwarded = {"target": "10.0.0.2", "group": "g", **columns}
    found = request(connection, "alb_access", alb("app/e/1", "h.example.com", ip="10.0.0.1", **forwarded))
    assert (found["outcome"], found["denied_by"]) == (outcome, denied_by)


def test_latency_is_milliseconds_in_both(connection: duckdb.DuckDBPyConnection) -> None:
    a = request(connection, "lattice_access", lattice("a", "b", ip="10.0.0.1", target="10.0.0.2"))
    b = request(connection, "alb_access", alb("app/e/1", "h", ip="10.0.0.1", target="10.0.0.2", group="g"))
    for found in (a, b):
        parts = [found[name] for name in ("latency_ms", "front_door_ms", "target_ms", "response_ms")]
        assert parts == pytest.approx([10, 1, 8, 1])


def test_alb_without_processing_times_has_the_time_between_its_stamps(connection: duckdb.DuckDBPyConnection) -> None:
    row = alb("app/e/1", "h", ip="10.0.0.1", group="g", elb_status_code=504, time=NINE + timedelta(seconds=60))
    found = request(connection, "alb_access", row)
    assert (found["latency_ms"], found["target_ms"]) == (60_000, None)


def test_websockets_have_no_latency(connection: duckdb.DuckDBPyConnection) -> None:
    row = alb("app/e/1", "h", ip="10.0.0.1", target="10.0.0.2", group="g", type="wss", elb_status_code=101)
    found = request(connection, "alb_access", row)
    assert (found["kind"], found["latency_ms"], found["outcome"]) == ("websocket", None, "ok")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("role_of('arn:aws:sts::1:assumed-role/R/s')", "arn:aws:iam::1:role/R"),
        ("role_of('arn:aws-cn:sts::1:assumed-role/R/s')", "arn:aws-cn:iam::1:role/R"),
        ("role_of('arn:aws:iam::1:user/u')", "arn:aws:iam::1:user/u"),
        ("role_of('Anonymous')", None),
        ("session_of('arn:aws:sts::1:assumed-role/R/s')", "s"),
        ("session_of('arn:aws:iam::1:user/u')", None),
        ("account_of('arn:aws:iam::1:user/u')", "1"),
        ("host_of('https://API.example.com:443/x?y=1')", "api.example.com"),
        ("host_of('http://[fd00::1]:80/')", "fd00::1"),
        ("host_of('http://host:80-')", "host"),
        ("host_of('-')", None),
        ("path_of('https://h:1/a/b?token=secret')", "/a/b"),
        ("path_of('https://h:1')", "/"),
        ("path_of('/a?token=secret')", "/a"),
        ("is_private('10.1.1.1')", True),
        ("is_private('172.16.0.1')", True),
        ("is_private('172.32.0.1')", False),
        ("is_private('172.2.0.1')", False),
        ("is_private('100.64.0.1')", True),
        ("is_private('100.128.0.1')", False),
        ("is_private('fd8a::1')", True),
        ("is_private('203.0.113.1')", False),
        ("is_lattice_address('169.254.171.40')", True),
        ("is_lattice_address('169.254.169.254')", False),
        ("is_lattice_address('129.224.127.1')", True),
        ("is_lattice_address('129.224.128.1')", False),
        ("is_lattice_address('fd00:ec2:80::a9fe:ab41')", True),
        ("is_own_domain('a.example.com')", True),
        ("is_own_domain('a-1.us-east-1.elb.amazonaws.com')", False),
        ("is_own_domain('x.vpc-lattice-svcs.us-east-1.on.aws')", False),
        ("is_own_domain('10.0.0.1')", False),
        ("is_own_domain('localhost')", False),
        ("caller_key(null, null, 'vpc-a', '10.0.0.1')", "vpc-a/10.0.0.1"),
        ("caller_key(null, null, null, '10.0.0.1')", "/10.0.0.1"),
        ("caller_key(null, null, null, '203.0.113.9')", "internet"),
        ("caller_key(null, null, null, '169.254.171.9')", "lattice"),
        ("caller_key(null, 'CN=a', 'vpc-a', '10.0.0.1')", "CN=a"),
        ("subscription_of('s3://b/svc-p/AccessLogs/r/2026/03/10/sn-1/o')", "network"),
        ("subscription_of('s3://sn-b/svc-p/AccessLogs/r/2026/03/10/svc-1/o')", "service"),
        ("subscription_of('s3://sn-b/svc-p/AccessLogs/r/2026/03/10/rcfg-1/o')", None),
        ("subscription_of('s3://b/svc-1')", None),
        ("subscription_of(null)", None),
        ("latency_bucket(0)", -1),
        ("latency_bucket(100)", math.floor(math.log(100) / math.log(1.1))),
        ("latency_bucket(null)", None),
        ("hour_of(timestamptz '2026-03-10 09:59:59.999999+00')", NINE),
        ("minute_of(timestamptz '2026-03-10 09:00:59.999999+00')", NINE),
    ],
)
def test_macros(connection: duckdb.DuckDBPyConnection, expression: str, value: object) -> None:
    (found,) = connection.execute(f"select {expression} as value").to_arrow_table().to_pylist()
    assert found["value"] == value


def test_urls_that_are_alike_have_one_host(connection: duckdb.DuckDBPyConnection) -> None:
    schemes = ("https://", "http://", "wss://", "://", "//", "")
    authorities = ("", "a", "A", "a:1", "a:", "::1", "[::1]", "[::1]:1", "[::1", "[::1:", "é", "É")
    ends = ("", "/", "://", "/a", ":///[::1]")
    urls = [None, *map("".join, product(schemes, authorities, ends))]
    connection.register("urls", pa.table({"url": urls}))
    found = connection.execute("select host_key(url) as key, host_of(url) as host from urls").to_arrow_table()
    hosts: dict[object, set[object]] = {}
    for row in found.to_pylist():
        hosts.setdefault(row["key"], set()).add(row["host"])
    assert {key: told for key, told in hosts.items() if len(told) > 1} == {}
    assert {told for its in hosts.values() for told in its} >= {None, "a", "::1", "é"}


def only(rows: pa.Table) -> dict[str, Any]:
    (row,) = rows.to_pylist()
    return dict(row)


def test_a_call_is_counted_by_minute_with_raw_ids() -> None:
    row = lattice("orders", "payments", ip="10.0.0.1", target="10.0.0.2", start_time=NINE + timedelta(seconds=61))
    made = roll_up({"lattice_access": table_of(LATTICE_ACCESS, [{**row, "repeat": 3}])})
    found = only(made["call_minutes"])
    assert found["minute"] == NINE + timedelta(minutes=1)
    assert (found["service"], found["caller_key"]) == (service("payments"), role("orders"))
    assert (found["requests"], found["bytes_in"], found["bytes_out"]) == (3, 300, 3000)
    assert (found["host"], found["signed"], found["ip_version"], found["status_class"]) == (
        "payments.svc.example.com",
        True,
        4,
        2,
    )


def test_a_host_that_reached_no_target_is_other() -> None:
    rows = [denied("a", "b", "Service", ip="10.0.0.1", host_header=f"invented-{n}.example.com") for n in range(5)]
    found = only(roll_up({"lattice_access": table_of(LATTICE_ACCESS, rows)})["call_minutes"])
    assert (found["host"], found["requests"]) == ("other", 5)


def test_subscriptions_are_counted_apart_whatever_the_bucket_is_called() -> None:
    row = lattice("a", "b", ip="10.0.0.1")
    objects = ["s3://svc-b/sn-p/AccessLogs/r/2026/03/10/sn-1/o", "s3://svc-b/sn-p/by-hand/o"]
    objects += [f"s3://svc-b/sn-p/AccessLogs/r/2026/03/10/{service('b').split('/')[1]}/o"] * 2
    rows = [{**row, "log_object": name} for name in objects]
    made = roll_up({"lattice_access": table_of(LATTICE_ACCESS, rows)})["call_minutes"].to_pylist()
    assert {row["subscription"]: row["requests"] for row in made} == {"network": 1, "service": 2, None: 1}


def test_parts_of_latency_are_counted_apart() -> None:
    row = lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")
    made = roll_up({"lattice_access": table_of(LATTICE_ACCESS, [row])})["call_hours"].to_pylist()
    # 10 ms, of them 1 + 8 + 1: ln 10 / ln 1.1 = 24.2, ln 1 = 0, ln 8 / ln 1.1 = 21.8
    assert {row["part"]: row["bucket"] for row in made} == {"total": 24, "front_door": 0, "target": 21, "response": 0}


def test_endpoints_are_sources_targets_and_nodes() -> None:
    tables = {
        "lattice_access": table_of(LATTICE_ACCESS, [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")]),
        "alb_access": table_of(
            ALB_ACCESS, [alb("app/e/1", "h", ip="10.0.0.3", target="10.0.0.4", group="g", ip_address="10.0.9.1")]
        ),
        "alb_connection": table_of(
            ALB_CONNECTION,
            [
                {
                    "timestamp": NINE,
                    "client_ip": "10.0.0.3",
                    "leaf_client_cert_subject": "CN=c",
                    "tls_verify_status": status,
                }
                for status in ("Success", "Failed:ClientCertExpired")
            ],
        ),
    }
    found = {(r["side"], r["ip"], r["port"], r["sightings"]) for r in roll_up(tables)["endpoint_hours"].to_pylist()}
    assert found == {
        ("source", "10.0.0.1", None, 1),
        ("source", "10.0.0.3", None, 1),
        ("target", "10.0.0.2", 8080, 1),
        ("target", "10.0.0.4", 8080, 1),
        ("node", "10.0.9.1", None, 1),
    }


@pytest.mark.parametrize(
    ("forward", "back"),
    [
        # SYN opens, SYN-ACK answers, even where the server's port is the higher one.
        ({"tcp_flags": 3, "srcport": 40_000, "dstport": 50_000}, {"tcp_flags": 19}),
        # No flags: the lower port serves.
        ({"tcp_flags": None, "srcport": 40_000, "dstport": 5432}, {"tcp_flags": None}),
        ({"tcp_flags": 0, "srcport": 40_000, "dstport": 8080}, {"tcp_flags": 0}),
        # gRPC's usual port lies among the ephemeral ones.
        ({"tcp_flags": 0, "srcport": 40_000, "dstport": 50_051}, {"tcp_flags": 0}),
    ],
)
def test_replies_are_folded_into_their_connection(forward: dict[str, Any], back: dict[str, Any]) -> None:
    port = forward["dstport"]
    there = flow("10.0.0.1", "10.0.0.2", port, vpc="vpc-a", direction="egress", **forward)
    here = {
        **there,
        "srcaddr": "10.0.0.2",
        "pkt_srcaddr": "10.0.0.2",
        "dstaddr": "10.0.0.1",
        "pkt_dstaddr": "10.0.0.1",
        "srcport": port,
        "dstport": 40_000,
        "flow_direction": "ingress",
        **back,
    }
    found = only(roll_up({"vpc_flow": table_of(VPC_FLOW, [there, here])})["flow_hours"])
    assert (found["src_ip"], found["dst_ip"], found["server_port"]) == ("10.0.0.1", "10.0.0.2", port)
    assert (found["direction"], found["flows"], found["bytes"]) == ("egress", 2, 2000)


def test_packet_addresses_win_over_interface_addresses() -> None:
    row = flow("10.0.0.9", "10.0.0.2", 80, vpc="vpc-a", direction="egress", srcaddr="10.0.0.1")
    assert only(roll_up({"vpc_flow": table_of(VPC_FLOW, [row])})["flow_hours"])["src_ip"] == "10.0.0.9"


def test_a_scan_of_high_ports_is_one_row_and_of_low_ports_one_each() -> None:
    def scan(port: int) -> Any:
        return flow("10.0.0.1", "10.0.0.2", port, vpc="vpc-a", direction="ingress", action="REJECT")

    rows = [scan(port) for port in (22, 80, *range(33_000, 33_100))]
    found = roll_up({"vpc_flow": table_of(VPC_FLOW, rows)})["flow_hours"].to_pylist()
    assert {row["server_port"]: row["flows"] for row in found} == {22: 1, 80: 1, None: 100}


def test_nodata_is_no_flow() -> None:
    row = {**flow("10.0.0.1", "10.0.0.2", 80, vpc="vpc-a", direction="egress"), "log_status": "NODATA"}
    assert roll_up({"vpc_flow": table_of(VPC_FLOW, [row])})["flow_hours"].num_rows == 0


def test_schemas_are_the_declared_ones_even_for_nothing() -> None:
    made = roll_up({})
    assert {name: rows.schema for name, rows in made.items()} == {table.name: table.held for table in ROLLUPS}


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "203.0.113.5", "fd00::1", "169.254.171.3"])
MOMENTS = st.integers(0, 7200).map(lambda s: datetime(2026, 3, 10, 23, tzinfo=UTC) + timedelta(seconds=s))


@st.composite
def lattice_rows(draw: st.DrawFn) -> Any:
    time = draw(MOMENTS)
    return lattice(
        draw(st.sampled_from(["a", "b", None])),
        draw(st.sampled_from(["x", "y"])),
        ip=draw(ADDRESSES),
        target=draw(st.sampled_from(["10.0.1.1", None])),
        start_time=time,
        response_code=draw(st.sampled_from([200, 403, 500, None])),
        duration=draw(st.integers(0, 10_000)),
        day=time.date(),
    )


@st.composite
def flow_rows(draw: st.DrawFn) -> Any:
    time = draw(MOMENTS)
    return flow(
        draw(ADDRESSES),
        draw(ADDRESSES),
        draw(st.sampled_from([80, 5432, 45_000])),
        vpc=draw(st.sampled_from(["vpc-a", "vpc-b"])),
        direction=draw(st.sampled_from(["ingress", "egress"])),
        action=draw(st.sampled_from(["ACCEPT", "REJECT"])),
        start_time=time,
        tcp_flags=draw(st.sampled_from([0, 2, 18, None])),
        bytes=draw(st.one_of(st.none(), st.integers(0, 1000))),
        day=time.date(),
    )


def summed(*batches: dict[str, pa.Table]) -> dict[str, Counter[tuple[Any, ...]]]:
    """By rollup: the sum of each measure by all other columns."""
    sums: dict[str, Counter[tuple[Any, ...]]] = {}
    for batch in batches:
        for name, rows in batch.items():
            for row in rows.to_pylist():
                key = tuple(value for column, value in row.items() if column not in MEASURES | BOUNDS)
                for measure in MEASURES & set(row):
                    sums.setdefault(name, Counter())[(*key, measure)] += row[measure]
    return sums


def rolled(requests: list[dict[str, Any]], flows: list[dict[str, Any]]) -> dict[str, pa.Table]:
    tables = {"lattice_access": table_of(LATTICE_ACCESS, requests), "vpc_flow": table_of(VPC_FLOW, flows)}
    return roll_up(tables)


@settings(max_examples=10, deadline=None)
@given(st.lists(lattice_rows(), max_size=12), st.lists(flow_rows(), max_size=12), st.data())
def test_any_split_sums_to_the_whole(
    requests: list[dict[str, Any]], flows: list[dict[str, Any]], data: st.DataObject
) -> None:
    i, j = data.draw(st.integers(0, len(requests))), data.draw(st.integers(0, len(flows)))
    whole = rolled(requests, flows)
    assert summed(rolled(requests[:i], flows[:j]), rolled(requests[i:], flows[j:])) == summed(whole)
    assert sum(row["requests"] for row in whole["call_minutes"].to_pylist()) == len(requests)
    assert sum(row["flows"] for row in whole["flow_hours"].to_pylist()) == len(flows)


OTHER = {"VARCHAR": "203.0.113.77:1", "INTEGER": 503, "BIGINT": 77, "DOUBLE": 0.5}


def variants(table: Table, row: Any) -> list[dict[str, Any]]:
    """The row, and for each of its columns two more: another value there, and none."""
    names = [c.name for c in table.columns if c.type in (Type.TEXT, Type.INT, Type.LONG, Type.REAL)]
    changed = [
        {**row, name: value} for name in names for value in (OTHER[table.column(name).type.duckdb.upper()], None)
    ]
    return [dict(row), *changed, *({**row, name: row.get(name)} for name in names)]


def each_its_own(table: Table, rows: pa.Table, more: object = (), first: int = 0) -> Combinations:
    numbers = pa.array(range(first, first + rows.num_rows), pa.int32())
    numbered = rows.set_column(rows.column_names.index(NUMBER), NUMBER, numbers)
    return Combinations(numbered, numbered, rows.num_rows)


def test_numbering_combinations_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column varied, one at a time: the same rollups as when each row is taken apart by itself."""
    tables = {
        "lattice_access": table_of(
            LATTICE_ACCESS, variants(LATTICE_ACCESS, lattice("a", "b", ip="10.0.0.1", target="10.0.0.2"))
        ),
        "alb_access": table_of(
            ALB_ACCESS,
            variants(ALB_ACCESS, alb("app/e/1", "h.example.com", ip="10.0.0.1", target="10.0.0.2", group="g")),
        ),
    }
    numbered = summed(roll_up(tables))
    monkeypatch.setattr(rollups, "combine", each_its_own)
    assert numbered == summed(roll_up(tables))


def by_plain_sql(connection: duckdb.DuckDBPyConnection, rollup: str, measures: str, sql: str) -> Counter[str]:
    """What one SELECT over the requests, a row each, says that the rollup holds."""
    names = [name for name in TABLES[rollup].keys if name not in ("minute", "hour", "part", "bucket")]
    requests = "(from lattice_requests union all by name from alb_requests)"
    columns = [f"{TOLD.get(name, name)} as {name}" for name in names]
    answer = connection.execute(
        f"select {', '.join(columns)}, {sql}, {measures} from {requests} {PARTS if rollup == 'call_hours' else ''}"
        " group by all"
    ).to_arrow_table()
    return Counter(str(row) for row in answer.select(TABLES[rollup].names).cast(TABLES[rollup].arrow).to_pylist())


TOLD = {
    "host": "case when target_ip is null and target_status is null then 'other' else coalesce(host, 'other') end",
    "signed": "caller_principal is not null",
    "ip_version": "ip_version(caller_ip)",
    "status_class": "status_class(status)",
}
PARTS = """cross join unnest([
    {'part': 'total', 'ms': latency_ms}, {'part': 'front_door', 'ms': front_door_ms},
    {'part': 'target', 'ms': target_ms}, {'part': 'response', 'ms': response_ms}]) as p(it)
    where kind in ('http', 'grpc') and it.ms is not null"""


@settings(max_examples=20, deadline=None)
@given(st.lists(lattice_rows(), max_size=12), st.lists(st.integers(0, 30_000), max_size=6))
def test_requests_are_counted_as_one_select_counts_them(
    requests: list[dict[str, Any]], microseconds: list[int]
) -> None:
    """Rollups of arrays of numbers hold what a plain aggregation over the requests gives, latency below 1 ms too."""
    balanced = [
        alb(
            "app/e/1",
            "h.example.com",
            ip="10.0.0.1",
            target="10.0.0.2",
            group="g",
            request_processing_time=us / 1e6,
            target_processing_time=0.0,
            response_processing_time=None if us % 2 else us / 2e6,
            request_creation_time=NINE - timedelta(microseconds=us),
        )
        for us in microseconds
    ]
    variety = variants(LATTICE_ACCESS, lattice("a", "b", ip="10.0.0.1", target="10.0.0.2"))
    tables = {
        "lattice_access": table_of(LATTICE_ACCESS, [*requests, *variety]),
        "alb_access": table_of(ALB_ACCESS, balanced),
    }
    made = roll_up(tables)
    summed_bytes = "coalesce(sum(bytes_in), 0)::bigint as bytes_in, coalesce(sum(bytes_out), 0)::bigint as bytes_out"
    with Prepared() as prepared:
        prepared.give({name: rows.cast(TABLES[name].held) for name, rows in tables.items()})
        plain = {
            "call_minutes": by_plain_sql(
                prepared.connection,
                "call_minutes",
                f"count(*) as requests, {summed_bytes}",
                "minute_of(time) as minute",
            ),
            "call_hours": by_plain_sql(
                prepared.connection,
                "call_hours",
                "count(*) as requests",
                "hour_of(time) as hour, it.part as part, latency_bucket(it.ms) as bucket",
            ),
        }
    for rollup, expected in plain.items():
        found = merge(TABLES[rollup], made[rollup].cast(TABLES[rollup].arrow))
        assert Counter(map(str, found.to_pylist())) == expected


@pytest.mark.parametrize(("microseconds", "octave", "place"), [(100, -4, 7), (250, -2, 1), (466, -2, 7), (999, -1, 7)])
def test_latency_below_a_millisecond_is_in_its_octave(microseconds: int, octave: int, place: int) -> None:
    """ln 0.1 / ln 1.1 = -24.2, so bucket -25 = 8 * -4 + 7; 0.25: -14.5, -15; 0.466: -8.01, -9; 0.999: -0.01, -1."""
    row = alb(
        "app/e/1",
        "h",
        ip="10.0.0.1",
        target="10.0.0.2",
        group="g",
        request_processing_time=None,
        request_creation_time=NINE - timedelta(microseconds=microseconds),
        time=NINE,
    )
    found = only(roll_up({"alb_access": table_of(ALB_ACCESS, [row])})["edge_latency_hours"])
    assert {n: found[f"n{n}"] for n in range(8) if found[f"n{n}"]} == {place: 1}
    assert found["octave"] == octave


def test_a_line_that_says_more_than_there_can_be_stops_nothing() -> None:
    """Of 2^63 - 1 bytes 2^50 are counted, so that ten such lines have a sum, and the others are counted beside them."""
    sizes = [2**63 - 1] * 10 + [-(2**63)] * 3 + [5, None]
    calls: list[Any] = [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", bytes_received=size) for size in sizes]
    flows: list[Any] = [
        flow("10.0.0.1", "10.0.0.2", 80, vpc="vpc-a", direction="egress", bytes=size, packets=size) for size in sizes
    ]
    made = rolled(calls, flows)
    assert only(made["call_minutes"])["bytes_in"] == 7 * 2**50 + 5
    assert [only(made["flow_hours"])[name] for name in ("bytes", "packets", "flows")] == [7 * 2**50 + 5] * 2 + [15]


def test_statements_are_asked_of_the_rows_given_last() -> None:
    calls = [alb("app/e/1", f"{n}.example.com", ip="10.0.0.1", target="10.0.0.2", group="g") for n in range(5)]
    rows = table_of(ALB_ACCESS, calls).cast(ALB_ACCESS.held)
    with Prepared() as prepared:
        assert prepared.ask("alb_hosts").num_rows == 0
        for some in (rows.slice(0, 1), rows, rows.slice(3), rows.slice(0, 0), pa.concat_tables([rows, rows])):
            prepared.give({"alb_access": some})
            hosts = [str(url).split("/")[2] for url in some.column("request_url").to_pylist()]
            assert prepared.ask("alb_hosts").column("host").to_pylist() == hosts
        prepared.forget()
        assert prepared.ask("alb_hosts").num_rows == 0


def test_rows_of_other_columns_are_refused() -> None:
    """DuckDB would go on reading what was given before them."""
    with Prepared() as prepared, pytest.raises(ValueError, match="alb_access: other columns"):
        prepared.give({"alb_access": table_of(ALB_ACCESS, [])})


def test_many_valued_columns_do_not_overflow() -> None:
    """19 columns of 300 values each have more combinations than 64 bits; 300 of them occur."""
    columns = COLUMNS[LATTICE_ACCESS]
    rows = []
    for n in range(300):
        values = {c: n if LATTICE_ACCESS.column(c).type is Type.INT else f"value-{n}" for c in columns}
        rows.append({**lattice("a", "b", ip="x"), **values})
    table = table_of(LATTICE_ACCESS, [*rows, *rows])
    made = combine(LATTICE_ACCESS, table, first=7)
    assert made.count == 300
    numbers = made.rows.column(NUMBER).to_pylist()
    assert numbers[:300] == numbers[300:]
    assert {row[NUMBER] for row in made.examples.to_pylist()} == set(numbers) == set(range(7, 307))
    by_number = {row[NUMBER]: row["source_ip"] for row in made.examples.to_pylist()}
    assert all(by_number[row[NUMBER]] == row["source_ip"] for row in made.rows.to_pylist())
