"""Checks over hours of a simulated system: every incident of their kind is found, and nothing in quiet hours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.lake.tables import Lake
from queries import findings, verdict, watch
from tests.lakes import ingested
from tests.lakes import truth as truth_of

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
FOUND_BY = {
    "service_policy_tightened": "denied_was_allowed",
    "network_policy_tightened": "denied_was_allowed",
    "identity_permission_missing": "denied_was_allowed",
    "unsigned_caller": "denied_was_allowed",
    "denied_then_direct": "denied_was_allowed",
    "certificate_expired": "denied_was_allowed",
    "ipv6_rule_missing": "denied_was_allowed",
    "target_failing": "server_error_surge",
    "canary_bad": "server_error_surge",
    "retry_storm": "server_error_surge",
    "slow_downstream": "edge_latency",
    "direct_to_target": "bypass",
    "log_gap": "silent_source",
}
"""Incident kinds of truth.json that concern one of the checks."""


def check_at(lake: Lake, *times: datetime) -> list[findings.Row]:
    rows: list[findings.Row] = []
    for time in times:
        rows = findings.record(lake, watch.run(lake, watch.plan(lake, watch.checks(), time)))
    return rows


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def sample(sample_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A copy of the sample lake, to write findings into."""
    return Lake(str(shutil.copytree(sample_lake.uri, tmp_path_factory.mktemp("findings") / "lake")))


@pytest.fixture(scope="module")
def truth() -> Any:
    return truth_of()


@pytest.fixture(scope="module")
def found(sample: Lake) -> list[findings.Row]:
    """What a schedule of fifteen minutes finds, with one more run in the log gap (11:35 to 11:55)."""
    times = [START + timedelta(minutes=15 * n) for n in range(1, 13)]
    return check_at(sample, *sorted([*times, START.replace(hour=11, minute=50)]))


def concerns(row: findings.Row, incident: Any) -> bool:
    """Whether a finding is about this incident: its check, its time, and its caller or callee."""
    evidence = json.loads(row["evidence"])
    opened = moment(incident["start"]) < row["opened_at"] <= moment(incident["end"]) + timedelta(minutes=15)
    if incident["kind"] == "log_gap":
        account, _, region = incident["source"].split("/")[1:4]
        about = row["finding_key"].startswith(f"{account}_vpcflowlogs_{region}")
    elif incident["layer"] == "packet":
        about = row["layer"] == "packet" and row["caller_principal"] == incident["caller_principal"]
    else:
        caller = incident["caller_principal"] in (None, row["caller_principal"])
        # A handshake fails before the service is known: the load balancer is the callee.
        ids = (incident["service_arn"], incident["elb"], f"{incident['elb']}#{incident['host']}")
        about = caller and (row["service"] in ids or evidence.get("callee") == incident["callee"])
        about = about and incident["layer"] in (None, row["layer"])
    return bool(row["check_name"] == FOUND_BY[incident["kind"]] and opened and about)


@pytest.mark.parametrize("kind", FOUND_BY)
def test_every_incident_of_the_five_kinds_is_found(kind: str, truth: Any, found: list[findings.Row]) -> None:
    incidents = [incident for incident in truth["incidents"] if incident["kind"] == kind]
    assert incidents
    for incident in incidents:
        assert any(concerns(row, incident) for row in found), incident


def test_who_was_denied_and_went_straight_is_a_bypass_too(truth: Any, found: list[findings.Row]) -> None:
    (incident,) = (one for one in truth["incidents"] if one["kind"] == "denied_then_direct")
    rows = [row for row in found if row["check_name"] == "bypass"]
    mine = [row for row in rows if row["caller_principal"] == incident["caller_principal"]]
    assert [row["service"] for row in mine] == [incident["service_arn"]]
    assert json.loads(mine[0]["evidence"])["denied"] > 0


def test_the_canary_is_named(truth: Any, found: list[findings.Row]) -> None:
    (incident,) = (one for one in truth["incidents"] if one["kind"] == "canary_bad")
    assert incident["target_group"] in {row["target_group"] for row in found}


def test_run_again_it_opens_nothing_new(sample: Lake, found: list[findings.Row]) -> None:
    assert check_at(sample, START + timedelta(hours=3)) == found


@pytest.mark.parametrize(
    ("caller", "callee", "at", "kind"),
    [
        ("catalog-task", "pricing", "10:30", "service_policy"),
        ("shipping-task", "notifications", "10:40", "network_policy"),
        ("inventory-task", "notifications", "11:00", "service_policy"),
        ("month-end-batch", "reports", "11:30", "identity_policy"),
        ("mobile-fn-role", "gateway", "10:30", "packet"),
        ("CN=partner-sync.example.com,O=Example Partner,C=US", "identity", "11:40", "tls"),
        ("payments-task", "fraud", "10:15", "target"),
        ("payments-task", "ledger", "11:25", "slow"),
        ("reports-task", "ledger", "10:50", "bypass"),
        ("gateway-task", "catalog", "09:45", "fine"),
        ("month-end-batch", "ledger", "11:50", "no_data"),
        ("stock-sync", "payments", "09:45", "no_packets"),
    ],
)
def test_why_says_what_is_true(caller: str, callee: str, at: str, kind: str, sample: Lake) -> None:
    written = caller if "=" in caller else f"arn:aws:iam::123456789012:role/{caller}"
    if caller in ("month-end-batch", "reports-task"):
        written = written.replace("123456789012", "111122223333")
    time = datetime.fromisoformat(f"2026-03-10T{at}:00Z")
    assert verdict.judge(sample, written, callee, at=time, minutes=15).kind == kind


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_in_quiet_hours(seed: int, quiet_logs: Callable[[int], Path], tmp_path: Path) -> None:
    lake = ingested(quiet_logs(seed), tmp_path / "lake")
    assert check_at(lake, *(START + timedelta(minutes=30 * n) for n in range(1, 5))) == []
