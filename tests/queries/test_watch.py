"""A finding lasts as long as its fault: for days, on and off, without a past, and until somebody closes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.errors import QueryError
from ingest.lake.tables import Lake
from queries import findings, watch
from queries.completeness import Ledger, Window, coverage_of
from queries.findings import Row
from queries.session import open_session
from tests.queries.lake_of import NINE, alb, delivered, denied, flow, lake_of, lattice

ELB = "app/edge/0000000000000001"
CERTIFICATE = "CN=partner.example.com,O=Example,C=US"
SILENT = "123456789012_VpcLatticeAccessLogs_us-east-1_sn-1"
CALL = lattice("orders", "payments", ip="10.0.0.5", target="10.0.0.9")


def hours(number: float) -> datetime:
    return NINE + timedelta(hours=number)


def every(minutes: float, begin: float, end: float, row: Any) -> list[dict[str, Any]]:
    """The row every so many minutes of the hours [begin, end) after nine."""
    name = next(key for key in ("start_time", "time", "timestamp") if key in row)
    times = [hours(begin) + timedelta(minutes=minutes * n) for n in range(round((end - begin) * 60 / minutes))]
    return [{**row, name: time, **({"end_time": time} if "end_time" in row else {})} for time in times]


def check(lake: Lake, name: str, at: float) -> list[tuple[str, int]]:
    """State and occurrences of the check's findings, after it ran over the window that ends at that hour."""
    (chosen,) = watch.checks([name])
    window = Window(hours(at) - chosen.window, hours(at))
    rows = findings.record(lake, watch.run(lake, [watch.Planned(chosen, window, 1.0)]))
    return states(rows)


def states(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return [(row["state"], row["occurrences"]) for row in rows]


def packets(client: str, action: str) -> dict[str, Any]:
    return dict(flow(client, "10.0.0.9", 8080, vpc="vpc-a", direction="ingress", action=action))


THROUGH_ALB = alb(ELB, "payments.internal.example.com", ip="10.0.0.5", target="10.0.0.9", group="payments")
REFUSED_BY_ALB = alb(
    ELB, "payments.internal.example.com", ip="10.0.0.5", elb_status_code=403, actions_executed="fixed-response"
)
UNSIGNED = denied(None, "payments", "Service", ip="10.0.0.5")
# Signed calls to another service, which name the caller's address; they end at hour 20.
OTHER = lattice("orders", "ledger", ip="10.0.0.5", target="10.0.0.11")
FAULTS: dict[str, tuple[str, dict[str, list[tuple[Any, Any]]]]] = {
    "server errors": ("server_error_surge", {"lattice_access": [(CALL, {**CALL, "response_code": 500})]}),
    "latency": ("edge_latency", {"lattice_access": [(CALL, {**CALL, "duration": 900})]}),
    "a policy": (
        "denied_was_allowed",
        {"lattice_access": [(CALL, denied("orders", "payments", "Service", ip="10.0.0.5"))]},
    ),
    "unsigned": ("denied_was_allowed", {"lattice_access": [(CALL, UNSIGNED)]}),
    "a rule of a load balancer": (
        "denied_was_allowed",
        {"alb_access": [(THROUGH_ALB, REFUSED_BY_ALB)], "lattice_access": [(OTHER, None)]},
    ),
    "packets": (
        "denied_was_allowed",
        {
            "vpc_flow": [(packets("10.0.0.5", "ACCEPT"), packets("10.0.0.5", "REJECT"))],
            "lattice_access": [(OTHER, None)],
        },
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_days_of_a_fault_are_one_finding_that_ends_with_it(fault: str, tmp_path: Path) -> None:
    # Six good hours, forty bad ones, three good ones. The baseline is of 24 hours, all of them bad at the end.
    name, given = FAULTS[fault]
    rows = {
        table: [
            made
            for good, bad in pairs
            for begin, end, row in ((0, 6, good), (6, 46, bad or good), (46, 49, good))
            for made in every(0.5, begin, end if bad or begin < 6 else 20, row)
        ]
        for table, pairs in given.items()
    }
    lake = lake_of(tmp_path, rows)
    assert check(lake, name, 6) == []
    assert check(lake, name, 7) == [("open", 1)]
    assert check(lake, name, 22) == [("open", 2)]
    assert check(lake, name, 46) == [("open", 3)]
    (row,) = findings.read(lake)
    assert row["opened_at"] == hours(7)
    assert check(lake, name, 49) == [("resolved", 3)]


def test_a_surge_says_since_when_it_lasts(tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path, {"lattice_access": [*every(2, 0, 6, CALL), *every(2, 6, 36, {**CALL, "response_code": 500})]}
    )
    titles = []
    for at in (7, 8, 36):
        check(lake, "server_error_surge", at)
        titles += [row["title"] for row in findings.read(lake)]
    counts = "30 of 30 requests (100.0 %) within 60 minutes, usually 0.0 %"
    assert titles == [
        f"payments fails orders since 15:00Z: {counts}",
        f"payments fails orders since 15:00Z: {counts}",
        f"payments fails orders since 2026-03-10 15:00Z: {counts}",
    ]


def test_a_fault_that_comes_and_goes_is_not_its_own_measure(tmp_path: Path) -> None:
    # Of each four hours three are bad: after a day the median hour is bad, and the next time is found all the same.
    bad = {**CALL, "response_code": 500}
    rows = every(2, 0, 6, CALL)
    for begin in range(6, 42, 4):
        rows += [*every(2, begin, begin + 3, bad), *every(2, begin + 3, begin + 4, CALL)]
    lake = lake_of(tmp_path, {"lattice_access": rows})
    for number, begin in enumerate(range(6, 42, 4)):
        ended = [("resolved", 1)] * number
        assert check(lake, "server_error_surge", begin + 2) == [*ended, ("open", 1)]
        assert check(lake, "server_error_surge", begin + 4) == [*ended, ("resolved", 1)]


def test_what_had_nothing_to_be_compared_with_lasts_too(tmp_path: Path) -> None:
    # The lake begins in the middle of an outage.
    lake = lake_of(
        tmp_path, {"lattice_access": [*every(2, 0, 30, {**CALL, "response_code": 500}), *every(2, 30, 33, CALL)]}
    )
    assert check(lake, "server_error_surge", 1) == [("open", 1)]
    assert check(lake, "server_error_surge", 30) == [("open", 2)]
    assert findings.read(lake)[0]["expected_value"] is None
    assert check(lake, "server_error_surge", 33) == [("resolved", 2)]


@pytest.mark.parametrize(("state", "expected"), [("open", [("open", 2)]), ("closed", [("closed", 1)])])
def test_of_refused_handshakes_the_finding_alone_knows_the_better_days(
    state: str, expected: list[tuple[str, int]], tmp_path: Path
) -> None:
    shake = {
        "timestamp": NINE,
        "elb": ELB,
        "client_ip": "10.0.0.5",
        "leaf_client_cert_subject": CERTIFICATE,
        "tls_verify_status": "Failed:ClientCertExpired",
    }
    evidence = {
        "layer": "tls",
        "caller": "partner.example.com",
        "caller_principal": CERTIFICATE,
        "allowed_before": 60,
        "service": ELB,
    }
    found = {
        "finding_id": "f",
        "check_name": "denied_was_allowed",
        "finding_key": f"tls|{CERTIFICATE}|{ELB}",
        "state": state,
        "opened_at": NINE,
        "last_seen_at": NINE,
        "occurrences": 1,
        "evidence": orjson.dumps(evidence).decode(),
    }
    others = {**THROUGH_ALB, "client_ip": "10.0.0.7"}
    lake = lake_of(
        tmp_path,
        {"alb_connection": every(1, 40, 42, shake), "alb_access": every(1, 40, 42, others), "findings": [found]},
    )
    assert check(lake, "denied_was_allowed", 42) == expected


def test_a_pod_that_comes_up_while_packets_are_refused_belongs_to_the_finding(tmp_path: Path) -> None:
    # Signed calls to another service name both addresses.
    new = {**OTHER, "source_ip": "10.0.0.6"}
    rows = {
        "lattice_access": [*every(5, 0, 16, OTHER), *every(5, 8, 40, new)],
        "vpc_flow": [
            *every(1, 0, 6, packets("10.0.0.5", "ACCEPT")),
            *every(2, 6, 16, packets("10.0.0.5", "REJECT")),
            *every(2, 16, 40, packets("10.0.0.6", "REJECT")),
        ],
    }
    lake = lake_of(tmp_path, rows)
    assert check(lake, "denied_was_allowed", 7) == [("open", 1)]
    assert check(lake, "denied_was_allowed", 40) == [("open", 2)]


def test_another_caller_at_the_address_is_another_finding(tmp_path: Path) -> None:
    # Orders stopped signing; a day later web has its address and is refused, too: nobody knows it to be allowed.
    web = denied("web", "payments", "Service", ip="10.0.0.5")
    rows = [*every(1, 0, 6, CALL), *every(2, 6, 30, UNSIGNED), *every(2, 30, 40, web)]
    lake = lake_of(tmp_path, {"lattice_access": rows})
    assert check(lake, "denied_was_allowed", 30) == [("open", 1)]
    assert check(lake, "denied_was_allowed", 40) == [("resolved", 1)]


@pytest.fixture
def silent(tmp_path: Path) -> Lake:
    """Lattice's logs stop at hour 8, come back for hour 60, and stop again. Those of flows go on."""
    other = "123456789012_vpcflowlogs_us-east-1_fl-1"
    made = [
        {**delivered(source, hours(begin) + timedelta(minutes=5 * n)), "format": table}
        for source, table, begin, end in (
            (SILENT, "lattice_access", 0, 8),
            (SILENT, "lattice_access", 60, 61),
            (other, "vpc_flow", 0, 330),
        )
        for n in range(12 * (end - begin))
    ]
    return lake_of(tmp_path, {"objects": made})


def test_a_source_is_silent_until_it_delivers_again(silent: Lake) -> None:
    assert check(silent, "silent_source", 9) == [("open", 1)]
    # Too few of its objects are left in the baseline; then none.
    for number, at in enumerate((31.8, 40, 60), 2):
        assert check(silent, "silent_source", at) == [("open", number)]
    (row,) = findings.read(silent)
    assert row["title"] == f"{SILENT} is silent: nothing for 3120 minutes, since 2026-03-10 17:00Z"
    assert check(silent, "silent_source", 61) == [("resolved", 4)]
    assert check(silent, "silent_source", 62) == [("resolved", 4), ("open", 1)]


def test_an_open_finding_remembers_a_source_for_longer_than_a_week(silent: Lake) -> None:
    late = Window(hours(320), hours(320.25))
    with Ledger(silent) as ledger:
        assert coverage_of(ledger.deliveries(late)) == 1.0
    check(silent, "silent_source", 62)
    with Ledger(silent) as ledger:
        found = ledger.deliveries(late)
    assert [(d.format, d.delivered, d.expected, d.delivered_until) for d in found] == [
        ("lattice_access", 0, 3, hours(61)),
        ("vpc_flow", 3, 3, hours(320.25)),
    ]


def test_a_source_that_is_meant_to_be_silent_is_closed_and_not_due(silent: Lake) -> None:
    check(silent, "silent_source", 9)
    window = Window(hours(9.75), hours(10))
    with Ledger(silent) as ledger:
        assert coverage_of(ledger.deliveries(window)) == 0.5
    findings.close(silent, [findings.read(silent)[0]["finding_id"]])
    assert check(silent, "silent_source", 10) == [("closed", 2)]
    for later in (window, Window(hours(39.75), hours(40))):
        with Ledger(silent) as ledger:
            assert coverage_of(ledger.deliveries(later)) == 1.0
    assert check(silent, "silent_source", 40) == [("closed", 2)]
    # It came back and fell silent again: that is another one.
    assert check(silent, "silent_source", 62) == [("closed", 2), ("open", 1)]
    with Ledger(silent) as ledger:
        assert coverage_of(ledger.deliveries(Window(hours(61.75), hours(62)))) == 0.5


def test_what_is_meant_to_be_is_closed_and_found_again_when_it_gets_worse(tmp_path: Path) -> None:
    # From hour 6 on a twelfth fails, as it is meant to; from hour 40 on all of them do.
    rows = [*every(1, 0, 40, CALL), *every(11, 6, 40, {**CALL, "response_code": 500})]
    lake = lake_of(tmp_path, {"lattice_access": [*rows, *every(1, 40, 42, {**CALL, "response_code": 500})]})
    settings = {"min_errors": 5}
    (chosen,) = watch.checks(["server_error_surge"])

    def run(at: float) -> list[tuple[str, int]]:
        window = Window(hours(at) - chosen.window, hours(at))
        with open_session(lake, window.since, window.until, history_hours=24) as session:
            given = {"since": window.since, "until": window.until, "baseline_since": hours(at - 25), **settings}
            made = chosen.report.run(session, given).to_pylist()
        offences = tuple(findings.offence(chosen.name, chosen.severity, chosen.key, row) for row in made)
        return states(findings.record(lake, [findings.Verified(chosen.name, window, 1.0, offences)]))

    assert run(7) == [("open", 1)]
    assert run(34) == [("open", 2)]
    findings.close(lake, [findings.read(lake)[0]["finding_id"][:6]])
    assert states(findings.read(lake)) == [("closed", 2)]
    # Closed while the good hours are in the baseline it would be shown still, and not be opened; here they are not.
    assert run(35) == [("closed", 2)]
    assert findings.read(lake)[0]["resolved_at"] == hours(35)
    assert run(41) == [("closed", 2), ("open", 1)]


def test_only_an_open_finding_is_closed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    row = {"key": "a>b", "observed": 1.0, "expected": 0.0, "title": "t"}
    found = findings.offence("c", "page", ["key"], row)
    findings.record(lake, [findings.Verified("c", Window(hours(0), hours(1)), 1.0, (found,))])
    for text in ("", "nothing"):
        with pytest.raises(QueryError, match="no open finding"):
            findings.close(lake, [text])
    name = findings.read(lake)[0]["finding_id"]
    findings.close(lake, [name])
    with pytest.raises(QueryError, match="no open finding"):
        findings.close(lake, [name])
    # Seen again it stays closed; gone and back it is a new one.
    later = findings.record(lake, [findings.Verified("c", Window(hours(1), hours(2)), 1.0, (found,))])
    assert states(later) == [("closed", 2)]
    later = findings.record(lake, [findings.Verified("c", Window(hours(2), hours(3)), 1.0, ())])
    assert (states(later), later[0]["resolved_at"]) == ([("closed", 2)], hours(3))
    later = findings.record(lake, [findings.Verified("c", Window(hours(3), hours(4)), 1.0, (found,))])
    assert states(later) == [("closed", 2), ("open", 1)]
