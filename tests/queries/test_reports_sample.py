"""Every incident of the sample's truth is answered by the report made for it, from the logs alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest

from ingest.lake.tables import Lake
from queries import catalog, scorecard
from queries.prices_file import read_prices
from queries.session import Session, open_session
from tests.lakes import SAMPLE
from tests.lakes import truth as truth_of

Row = dict[str, Any]
INCIDENTS: dict[str, Row] = {incident["kind"]: incident for incident in truth_of(SAMPLE)["incidents"]}


@pytest.fixture(scope="module")
def session(sample_lake: Lake) -> Iterator[Session]:
    with open_session(sample_lake) as opened:
        yield opened


def rows(session: Session, report: str, incident: Row | None = None, **given: Any) -> list[Row]:
    """The report's rows, in the incident's window when one is named."""
    window = {"since": incident["start"], "until": incident["end"]} if incident else {}
    return catalog.report(report).run(session, {**window, **given}).to_pylist()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def near(time: datetime, text: str, minutes: float = 5) -> bool:
    return abs(time - moment(text)) <= timedelta(minutes=minutes)


def only(found: list[Row], **wanted: Any) -> Row:
    (row,) = [row for row in found if all(row[key] == value for key, value in wanted.items())]
    return row


@pytest.mark.parametrize(
    "kind",
    ["service_policy_tightened", "network_policy_tightened", "identity_permission_missing", "certificate_expired"],
)
def test_broke_at_brackets_what_used_to_work(session: Session, kind: str) -> None:
    incident = INCIDENTS[kind]
    found = [
        row
        for row in rows(session, "broke_at")
        if row["callee"] == incident["callee"] and row["layer"] == incident["layer"] and row["last_success"]
    ]
    row = max(found, key=lambda row: row["refused"])
    assert row["refused"] == incident["count"]
    assert near(row["first_refused"], incident["start"])
    assert row["last_success"] < row["first_refused"]
    assert row["bracket_seconds"] < 300
    assert row["succeeded_meanwhile"] == 0


def test_broke_at_names_who_never_worked(session: Session) -> None:
    incident = INCIDENTS["unsigned_caller"]
    found = [
        row
        for row in rows(session, "broke_at")
        if row["callee"] == incident["callee"] and row["layer"] == incident["layer"] and not row["last_success"]
    ]
    assert sum(row["refused"] for row in found) == incident["count"]
    assert {row["caller"].split(" ")[0] for row in found} == set(incident["caller_ips"])


def test_denial_layers_counts_every_refusal(session: Session) -> None:
    by_layer: dict[str, int] = {}
    for incident in INCIDENTS.values():
        if incident["denials"]:
            by_layer[incident["layer"]] = by_layer.get(incident["layer"], 0) + incident["denials"]
    found = {row["layer"]: row["refused"] for row in rows(session, "denial_layers")}
    assert {layer: found[layer] for layer in by_layer} == by_layer


def test_denied_then_direct(session: Session) -> None:
    incident = INCIDENTS["denied_then_direct"]
    (row,) = rows(session, "denied_then_direct")
    assert (row["callee"], row["denied"]) == (incident["callee"], incident["denials"])
    assert row["caller_principal"] == incident["caller_principal"]
    assert near(row["direct_from"], incident["direct_from"])
    assert {target.rsplit(":", 1)[0] for target in row["targets"]} == set(incident["ips"])


def test_bypass_finds_both_that_go_past_the_front_door(session: Session) -> None:
    found = rows(session, "bypass")
    wanted = {(kind, INCIDENTS[kind]["caller_principal"]) for kind in ("direct_to_target", "denied_then_direct")}
    assert {row["caller_principal"] for row in found} == {principal for _, principal in wanted}
    direct = only(found, caller_principal=INCIDENTS["direct_to_target"]["caller_principal"])
    assert near(direct["first_seen"], INCIDENTS["direct_to_target"]["start"])


def test_dual_stack_gaps(session: Session) -> None:
    incident = INCIDENTS["ipv6_rule_missing"]
    (row,) = rows(session, "dual_stack_gaps")
    assert (row["rejected_version"], row["port"], row["rejects"]) == (6, incident["port"], incident["count"])
    assert set(row["rejected_ips"]) == set(incident["ips"])


def test_rejects_explained_tells_drift_from_a_scan(session: Session) -> None:
    found = rows(session, "rejects_explained")
    scan = [row for row in found if row["verdict"] == "probe"]
    assert {row["caller"].split(" ")[0] for row in scan} == set(INCIDENTS["port_scan"]["caller_ips"])
    assert sum(row["rejects"] for row in scan) == INCIDENTS["port_scan"]["count"]
    (drift,) = [row for row in found if row["verdict"] == "drift"]
    assert drift["rejects"] == INCIDENTS["ipv6_rule_missing"]["count"]


def test_canary_is_worse_and_its_share_is_seen(session: Session) -> None:
    incident = INCIDENTS["canary_bad"]
    worse = [row for row in rows(session, "canary") if row["verdict"] == "worse"]
    assert [(row["callee"], row["target_group"]) for row in worse] == [(incident["callee"], incident["target_group"])]
    assert worse[0]["failed_low"] > 0
    shares = rows(session, "target_group_shares")
    shifted = [row["step"] for row in shares if row["shifted"] and row["target"] == incident["target_group"]]
    assert near(min(shifted), incident["start"], 15)


def test_slow_targets_finds_the_canarys_only_target(session: Session) -> None:
    incident = INCIDENTS["canary_bad"]
    row = rows(session, "slow_targets", incident)[0]
    assert (row["verdict"], row["callee"]) == ("failing", incident["callee"])
    assert row["target"] == f"{incident['ips'][0]}:{incident['port']}"


def test_latency_by_edge_puts_the_slow_downstream_first(session: Session) -> None:
    incident = INCIDENTS["slow_downstream"]
    row = rows(session, "latency_by_edge", incident)[0]
    assert row["callee"] == incident["callee"]
    assert row["p90_ratio"] > 10


def test_latency_split_blames_its_target(session: Session) -> None:
    incident = INCIDENTS["slow_downstream"]
    row = only(rows(session, "latency_split", incident), caller="payments", callee=incident["callee"])
    assert row["slow_part"] == "target"
    assert row["target_share"] > 0.95


@pytest.mark.parametrize("kind", ["slow_downstream", "retry_storm"])
def test_suspects_ranks_the_true_callee_first(session: Session, kind: str) -> None:
    incident = INCIDENTS[kind]
    found = rows(session, "suspects", incident, only_service="gateway")
    assert found[0]["callee"] == incident["callee"]
    assert all(row["verdict"] == "passed_on" for row in found if row["callee"] == "orders")


def test_suspects_ranks_the_failing_target_first_among_failures(session: Session) -> None:
    incident = INCIDENTS["target_failing"]
    found = [row for row in rows(session, "suspects", incident) if row["kind"] == "failing"]
    assert found[0]["callee"] == incident["callee"]


def test_retry_storms(session: Session) -> None:
    incident = INCIDENTS["retry_storm"]
    row = rows(session, "retry_storms")[0]
    assert (row["caller"], row["callee"]) == (incident["caller"], incident["callee"])
    assert near(row["began"], incident["start"])
    assert near(row["ended"], incident["end"])
    assert row["amplification"] > 2
    assert row["peak_per_minute"] > 3 * row["usual_per_minute"]


def test_new_edges_names_the_new_caller(session: Session) -> None:
    incident = INCIDENTS["new_caller"]
    (row,) = rows(session, "new_edges", incident)
    assert row["caller_principal"] == incident["caller_principal"]
    assert (row["callee"], row["requests"], row["new_caller"]) == (incident["callee"], incident["count"], True)


def test_graph_diff_is_a_ticket(session: Session) -> None:
    incident = INCIDENTS["new_caller"]
    lines = [row["line"] for row in rows(session, "graph_diff", incident)]
    assert lines[0] == f"new: {incident['caller']} -> {incident['callee']}, {incident['count']} requests, none before"


def test_gone_edges_names_the_certificate_that_no_longer_works(session: Session) -> None:
    found = rows(session, "gone_edges", since="2026-03-10T11:15Z", until="2026-03-10T12:00Z")
    assert any(row["callee"] == "identity" and "partner-sync" in row["caller"] for row in found)


def test_client_certificates(session: Session) -> None:
    incident = INCIDENTS["certificate_expired"]
    row = rows(session, "client_certificates")[0]
    assert (row["subject"], row["state"]) == (incident["caller_principal"], "expired")
    assert row["codes"] == [f"Failed:ClientCertExpired: {incident['count']}"]


def test_gaps_is_the_one_that_was_made(session: Session) -> None:
    incident = INCIDENTS["log_gap"]
    (row,) = rows(session, "gaps")
    assert row["format"] == "vpc_flow"
    assert (row["gap_from"], row["gap_until"]) == (moment(incident["start"]), moment(incident["end"]))


def test_unmatched_requests_are_those_of_the_gap_alone(session: Session) -> None:
    incident = INCIDENTS["log_gap"]
    found = rows(session, "unmatched_requests")
    assert found
    assert all(near(row["first_unmatched"], incident["start"], 4) for row in found)
    assert all(row["last_unmatched"] < moment(incident["end"]) for row in found)


def test_edge_timeline_shows_the_large_transfer(session: Session) -> None:
    incident = INCIDENTS["large_transfer"]
    found = rows(session, "edge_timeline", only_caller=incident["caller"], only_callee=incident["callee"])
    peak = max(found, key=lambda row: row["bytes_out"])
    assert near(peak["step"], incident["start"], 10)
    assert peak["bytes_out"] > 20 * median(row["bytes_out"] for row in found if row["requests"])


def test_the_event_bus_is_an_aws_service(session: Session) -> None:
    (row,) = rows(session, "resource_calls")
    assert (row["caller_kind"], row["connections"]) == ("aws_service", 538)


def test_who_explains_shared_hosts(session: Session) -> None:
    (row,) = rows(session, "who", subject="10.0.32.21")
    # The roles call over IPv6: the other address of the same interface.
    assert row["reason"] == "kept apart: shared by inventory, inventory-task, pricing, pricing-task"


def practice_rows(session: Session, name: str) -> list[Row]:
    """All rows of a practice of the guide."""
    return scorecard.rows_of(session, scorecard.practice(name), read_prices(None))[0].to_pylist()


def test_the_guide_names_the_iam_user_that_calls(session: Session) -> None:
    incident = INCIDENTS["iam_user_caller"]
    row = only(practice_rows(session, "signed_requests"), reason="iam_user")
    assert row["subject"] == f"{incident['caller']} -> {incident['callee']}"
    assert (row["caller_principal"], row["counted"]) == (incident["caller_principal"], incident["count"])


@pytest.mark.parametrize(
    "incident",
    [i for i in truth_of(SAMPLE)["incidents"] if i["kind"] == "bare_dns_caller"],
    ids=lambda incident: incident["caller"],
)
def test_the_guide_names_who_calls_by_a_bare_name(session: Session, incident: Row) -> None:
    """By Lattice's name and by the load balancer's, and nobody else does."""
    found = [row for row in practice_rows(session, "friendly_names") if row["reason"]]
    assert len(found) == 2
    row = only(found, host=incident["dns"])
    assert row["counted"] - row["followed"] == incident["count"]
    assert row["subject"].endswith(f" -> {incident['callee']}")
    if row["caller_principal"]:
        assert row["caller_principal"] == incident["caller_principal"]
    else:
        assert row["subject"].split(" ")[0] in incident["caller_ips"]


def test_the_guide_finds_what_reports_find(session: Session) -> None:
    """The incidents that other reports are made for, as the practices see them."""
    found = {name: practice_rows(session, name) for name in scorecard.practices()}
    past = {row["subject"] for row in found["identity_layers"] if row["reason"] == "bypassed"}
    assert past == {INCIDENTS["direct_to_target"]["callee"], INCIDENTS["denied_then_direct"]["callee"]}
    expired = only(found["mutual_tls"], reason="expired")
    assert expired["certificate"] == INCIDENTS["certificate_expired"]["caller_principal"]
    assert only(found["weighted_shifts"], reason="errors_after_shift")["subject"] == INCIDENTS["canary_bad"]["callee"]
    assert only(found["dual_stack"], reason="ipv6_refused")["flows"] == INCIDENTS["ipv6_rule_missing"]["count"]
    # The only source with a gap: 20 minutes are four slots.
    assert only(found["access_logs"], followed=0.0)["missed"] == 4
    # The services that truly leave through NAT, told by flow records alone.
    nat = {row["subject"].split(" -> ")[0] for row in found["dual_stack"] if row["reason"] == "through_nat"}
    assert nat == {service["name"] for service in truth_of(SAMPLE)["services"] if service["apart_reason"] == "nat"}
