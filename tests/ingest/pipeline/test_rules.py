"""Drop and redaction rules: checked at the start, counted, and nothing of what they remove is in the lake."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from ingest.errors import SettingsError
from ingest.lake.tables import Lake
from ingest.pipeline.rules import compile_rules
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.settings import Settings
from ingest.sources import open_source
from tests import lakes

SECRET = "s3cr3t-value"
REDACT = {
    "table": "lattice_access",
    "columns": ["request_path", "user_agent"],
    "pattern": '(token=)[^& "]+',
    "replacement": r"\1[redacted]",
}


def record(path: str, method: str = "GET", **more: str) -> str:
    return json.dumps(
        {
            "startTime": "2026-03-10T09:00:00Z",
            "serviceArn": "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-0123456789abcdef0",
            "sourceIpPort": "10.0.0.1:40000",
            "requestMethod": method,
            "requestPath": path,
            "responseCode": 200,
            "duration": 5,
            **more,
        }
    )


def logs(folder: Path) -> Path:
    """Six records (three of them health checks), two lines that are none, in two objects."""
    name = "AWSLogs/123456789012/VpcLattice/AccessLogs/eu-west-1/2026/03/10/svc-0123456789abcdef0/{}.json"
    name = name.format("123456789012_VpcLatticeAccessLogs_eu-west-1_svc-0123456789abcdef0_20260310T0900Z_{}")
    first = [record("/healthz"), record(f"/pay?token={SECRET}&x=1"), record("/healthz"), f"{{broken token={SECRET}"]
    second = [record("/healthz"), record("/orders"), record("/orders", newField=f"a?token={SECRET}")]
    for i, lines in enumerate((first, second)):
        path = folder / name.format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    (folder / "AWSLogs/other.txt").write_text(f"what is this? token={SECRET} &c\n")
    return folder


def ingested(folder: Path, **rules: Any) -> tuple[Lake, Summary]:
    settings = msgspec.convert(rules, Settings)
    lake = Lake(str(folder / "lake"))
    source = open_source(str(logs(folder / "logs")), settings)
    limits = Limits(500, 1 << 20, 1)
    return lake, ingest(source, lake, limits, lakes.Quiet(), rules=compile_rules(settings), stop=Event())


def test_dropped_rows_are_counted_and_in_no_rollup(tmp_path: Path) -> None:
    lake, summary = ingested(tmp_path, drop=[{"table": "lattice_access", "where": "request_path = '/healthz'"}])
    assert (summary.dropped, summary.rows["lattice_access"], summary.rejects) == (3, 3, 2)
    assert summary.rules == Counter({"drop[0] lattice_access": 3})
    ledger = lakes.rows(lake, "objects")
    assert sorted((r["records"], r["rows"], r["rejects"], r["dropped"]) for r in ledger) == [
        (1, 0, 1, 0),
        (3, 2, 0, 1),
        (4, 1, 1, 2),
    ]
    assert all(r["records"] == r["rows"] + r["rejects"] + r["dropped"] for r in ledger)
    found = lakes.counts(lake)
    assert found["lattice_access"] == found["call_minutes"] == 3
    assert {r["request_path"] for r in lakes.rows(lake, "lattice_access")}.isdisjoint({"/healthz"})


def test_a_rule_that_counts_changes_nothing(tmp_path: Path) -> None:
    lake, summary = ingested(
        tmp_path,
        drop=[{"table": "lattice_access", "where": "request_path = '/healthz'", "mode": "count"}],
        redact=[{**REDACT, "mode": "count"}],
    )
    assert (summary.dropped, summary.rows["lattice_access"]) == (0, 6)
    assert summary.rules["drop[0] lattice_access (only counted)"] == 3
    # A path, an extra, the text of two rejects and, where it repeats the text, their detail.
    assert summary.rules["redact[0] lattice_access (only counted)"] >= 4
    assert any(SECRET in (r["request_path"] or "") for r in lakes.rows(lake, "lattice_access"))


def test_redacted_texts_are_nowhere_in_the_lake(tmp_path: Path) -> None:
    lake, summary = ingested(tmp_path, redact=[REDACT])
    assert summary.rules["redact[0] lattice_access"] >= 4
    rows = lakes.rows(lake, "lattice_access")
    assert sorted(r["request_path"] for r in rows if "pay" in r["request_path"]) == ["/pay?token=[redacted]&x=1"]
    assert [json.loads(r["extra"]) for r in rows if r["extra"]] == [{"newField": "a?token=[redacted]"}]
    assert sorted(r["raw"] for r in lakes.rows(lake, "rejects")) == [
        "what is this? token=[redacted] &c",
        "{broken token=[redacted]",
    ]
    for table in (
        "lattice_access",
        "rejects",
        "call_minutes",
        "call_hours",
        "edge_hours",
        "edge_latency_hours",
        "endpoint_hours",
    ):
        assert SECRET not in str(lakes.rows(lake, table)), table
    lakes.check_exact(lake)


def test_other_tables_are_not_touched(tmp_path: Path) -> None:
    lake, summary = ingested(
        tmp_path,
        drop=[{"table": "alb_access", "where": "true"}],
        redact=[{"table": "alb_access", "columns": ["request_url"], "pattern": "/"}],
    )
    assert (summary.dropped, summary.rows["lattice_access"]) == (0, 6)
    assert {r["request_path"] for r in lakes.rows(lake, "lattice_access")} >= {"/healthz", "/orders"}


def test_a_null_is_not_true(tmp_path: Path) -> None:
    _, summary = ingested(tmp_path, drop=[{"table": "lattice_access", "where": "grpc_response_code <> 0"}])
    assert summary.dropped == 0


def test_a_predicate_that_fails_on_a_row_fails_its_object_alone(tmp_path: Path) -> None:
    lake, summary = ingested(tmp_path, drop=[{"table": "lattice_access", "where": "request_path[2:]::date is null"}])
    assert [why.partition("drop[0]")[1] for _, why in summary.failed] == ["drop[0]", "drop[0]"]
    assert lakes.counts(lake)["objects"] == 1


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"where": "request_pat = '/x'"},
            "drop[0].where: lattice_access has no column 'request_pat'. Did you mean request_path?",
        ),
        ({"where": "request_path = = 1"}, "drop[0].where: not a predicate over lattice_access: Parser Error"),
        ({"where": "request_path"}, "drop[0].where: not a predicate: it is string"),
        ({"where": "random() < 0.5"}, "drop[0].where: random may say something else when an object is read again."),
        ({"where": "start_time < now()"}, "drop[0].where: now may say something else"),
        ({"where": "start_time < current_timestamp"}, "drop[0].where: current_timestamp may say something else"),
        ({"where": "count(*) > 1"}, "drop[0].where: not a predicate over lattice_access: Binder Error: Aggregates"),
        ({"where": "true; select 1"}, "drop[0].where: not a predicate over lattice_access: Parser Error"),
        (
            {"where": "exists (from read_csv('/etc/passwd'))"},
            "drop[0].where: not a predicate over lattice_access: Permission",
        ),
        (
            {"where": "true", "table": "lattice"},
            "drop[0].table: no source table 'lattice'. Did you mean lattice_access?",
        ),
    ],
)
def test_wrong_drop_rules_are_named_at_the_start(rule: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        compile_rules(msgspec.convert({"drop": [{"table": "lattice_access", **rule}]}, Settings))
    assert str(raised.value).startswith(f"eastwest.toml:{message}")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"columns": ["request_pth"]},
            "redact[0].columns: lattice_access has no text column 'request_pth'. Did you mean request_path?",
        ),
        ({"columns": ["duration"]}, "redact[0].columns: lattice_access has no text column 'duration'."),
        ({"pattern": "(token"}, "redact[0].pattern: Invalid regular expression: missing )"),
        ({"replacement": r"\2"}, "redact[0].replacement: Invalid replacement string"),
        ({"table": "rejects"}, "redact[0].table: no source table 'rejects'."),
    ],
)
def test_wrong_redaction_rules_are_named_at_the_start(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        compile_rules(msgspec.convert({"redact": [{**REDACT, **rule}]}, Settings), Path("my.toml"))
    assert str(raised.value).startswith(f"my.toml:{message}")


def test_texts_that_look_like_calls_are_no_calls() -> None:
    compile_rules(
        msgspec.convert({"drop": [{"table": "vpc_flow", "where": "log_status = 'now()' -- random()"}]}, Settings)
    )
    compile_rules(
        msgspec.convert({"drop": [{"table": "vpc_flow", "where": "version < 5 and hash(log_line) % 9 > 0"}]}, Settings)
    )


def test_the_command_says_it_before_it_reads(tmp_path: Path) -> None:
    settings = tmp_path / "my.toml"
    settings.write_text('[[drop]]\ntable = "vpc_flow"\nwhere = "bites > 1"\n')
    run = lakes.run("--config", str(settings), "ingest", str(logs(tmp_path / "logs")), "--lake", str(tmp_path / "lake"))
    assert run.returncode == 2
    assert f"{settings}:drop[0].where: vpc_flow has no column 'bites'. Did you mean bytes?" in " ".join(
        run.stderr.split()
    )
    assert not (tmp_path / "lake").exists()
