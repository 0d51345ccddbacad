"""Sessions: what they show of which files, how they follow the lake, and the same session as the shell's script."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import QueryError
from ingest.invocation import Invocation
from ingest.lake.declarations import TABLES
from ingest.lake.schema import Column, Table, Type
from ingest.lake.snapshot import DataFile
from ingest.lake.tables import Lake
from ingest.sources.s3_access import storage_options
from queries import catalog
from queries import session as sessions
from queries.scans import scan
from queries.session import Session, open_session
from queries.shell import _executable, _is_interactive, init_script
from queries.statements import PUBLIC_VIEWS, view_header
from tests import lakes
from tests.queries.lake_of import NINE, Row, alb, at, flow, lake_of, lattice, role, session_on
from tests.servers import S3Server


def count(session: Session, table: str) -> int:
    (row,) = session.query(f"select count(*) as n from {table}").to_pylist()
    return int(row["n"])


def reads_files(session: Session, table: str) -> bool:
    """Whether a question about it goes to the lake's files."""
    (row,) = session.query(f"explain select count(distinct hash(*columns(*))) from {table}").to_pylist()
    return "READ_PARQUET" in row["explain_value"]


def test_an_empty_lake_has_typed_empty_views(tmp_path: Path) -> None:
    with open_session(Lake(str(tmp_path / "none"))) as session:
        for table in TABLES.values():
            found = session.connection.execute(f"select * from {table.name}").description or []
            assert [(d[0], str(d[1]).lower()) for d in found] == [(c.name, c.type.duckdb) for c in table.columns]
            assert count(session, table.name) == 0
        for view in PUBLIC_VIEWS:
            assert count(session, view) == 0
        assert session.data_until() is None


def one_an_hour() -> dict[str, Any]:
    """A call at the start of 09, 10 and 11 o'clock."""
    return {"lattice_access": [lattice("a", "b", ip="10.0.0.1", start_time=at(0, hour)) for hour in (9, 10, 11)]}


def three_files(folder: Path) -> Lake:
    for row in one_an_hour()["lattice_access"]:
        lake = lake_of(folder, {"lattice_access": [row]})
    return lake


def test_a_window_lists_only_the_files_that_overlap_it(tmp_path: Path) -> None:
    lake = three_files(tmp_path)
    with open_session(lake, at(0, 10), at(30, 10)) as session:
        (statement,) = (text for text in session.statements if "view lattice_access as" in text)
        assert statement.count(".parquet") == 1
        assert session.query("select start_time as t from lattice_access").column("t").to_pylist() == [at(0, 10)]
        assert count(session, "requests") == count(session, "calls") == 1


def test_a_windows_rows_are_exact_within_a_file(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, one_an_hour())
    with open_session(lake, at(0, 10), at(0, 11)) as session:
        assert session.query("select time from requests").column("time").to_pylist() == [at(0, 10)]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_a_window_that_begins_within_an_hour_knows_who_was_where_in_it(tmp_path: Path, zone: tzinfo) -> None:
    """Who signs from 10.0.0.1 at 09:40 is who calls from there unsigned at 09:45; half past nine is no hour's start,
    though it is one on a clock in India."""
    signed = lattice("a", "b", ip="10.0.0.1", start_time=at(40))
    unsigned = lattice(None, "b", ip="10.0.0.1", start_time=at(45))
    lake = lake_of(tmp_path, {"lattice_access": [signed, unsigned]})
    with open_session(lake, at(30).astimezone(zone), history_hours=24) as session:
        found = session.query("select caller, caller_principal from requests order by time").to_pylist()
    assert found == [{"caller": "a", "caller_principal": role("a")}, {"caller": "a", "caller_principal": None}]


def test_history_reaches_back_in_rollups_alone(tmp_path: Path) -> None:
    with open_session(three_files(tmp_path), at(0, 11), None, history_hours=1) as session:
        assert count(session, "requests") == 1
        assert session.query("select minute from calls order by 1").column("minute").to_pylist() == [
            at(0, 10),
            at(0, 11),
        ]


def test_relative_bounds_count_back_from_the_end_of_the_data(tmp_path: Path) -> None:
    """The newest row is of 11:00:00, so the data ends with minute 11:00 and an hour before that is 10:01."""
    with open_session(three_files(tmp_path), "-1h") as session:
        assert (session.since, session.until) == (at(1, 10), at(1, 11))
        assert count(session, "requests") == 1


def test_relative_bounds_on_an_empty_lake_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no data to count back from"):
        open_session(Lake(str(tmp_path / "none")), "-1h")


def test_data_is_complete_up_to_the_delay_of_the_slowest_source(tmp_path: Path) -> None:
    """Written at 09:20:30: flow logs, 11 minutes late, are complete to 09:09; Lattice alone would be to 09:14."""
    given: dict[str, list[Row]] = {
        "lattice_access": [lattice("a", "b", ip="10.0.0.1", start_time=at(19))],
        "vpc_flow": [flow("10.0.0.1", "10.0.0.2", 80, vpc="vpc-a", direction="egress", start_time=at(10))],
        "objects": [{"log_object": "s3://logs/x", "etag": "e", "ingested_at": at(20.5)}],
    }
    with session_on(tmp_path, **given) as session:
        assert session.data_until() == at(9)
        found = session.query("select source, complete_until from watermarks order by source").to_pylist()
    assert {row["source"]: row["complete_until"] for row in found} == {"lattice_access": at(14), "vpc_flow": at(9)}


def test_a_session_follows_the_lake(tmp_path: Path) -> None:
    with session_on(tmp_path, lattice_access=[lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")]) as session:
        assert session.refresh() is False
        lake_of(tmp_path, {"lattice_access": [lattice("c", "d", ip="10.0.0.3", target="10.0.0.4")]})
        assert count(session, "requests") == 1
        assert session.refresh() is True
        callers = session.query("select distinct caller from calls order by 1").column("caller").to_pylist()
    assert callers == ["a", "c"]


def test_questions_asked_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    with open_session(three_files(tmp_path)) as session:
        session.hold("timed_requests")
        hours = "select time::varchar as at from timed_requests where time >= $since order by 1 limit 1"
        found = session.query_all([(hours, {"since": at(0, hour)}) for hour in (11, 9, 10)])
        assert session.query_all([]) == []
    # As text: every one of them in UTC.
    assert [answer.column("at").to_pylist() for answer in found] == [
        [f"2026-03-10 {hour}:00:00+00"] for hour in ("11", "09", "10")
    ]


def test_a_question_among_several_that_is_refused_says_why(tmp_path: Path) -> None:
    with open_session(three_files(tmp_path)) as session, pytest.raises(QueryError, match="nowhere"):
        session.query_all([("select 1", {}), ("from nowhere", {}), ("select 2", {})])


def test_files_of_an_older_schema_have_nulls_for_what_they_lack(tmp_path: Path) -> None:
    old = pa.table({"t": pa.array([at(0)], Type.TIME.arrow), "a": ["old"]})
    new = pa.table({"t": pa.array([at(1)], Type.TIME.arrow), "b": ["x"], "a": ["new"]})
    files = []
    for version, rows in ((1, old), (2, new)):
        path = tmp_path / f"day=2026-03-10/v{version}-x.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(rows, path)
        files.append(DataFile(str(path), 1, 1, at(0).date(), version, None, None))
    columns = (
        Column("t", Type.TIME, ""),
        Column("a", Type.TEXT, ""),
        Column("b", Type.TEXT, ""),
        Column("day", Type.DATE, ""),
    )
    table = Table("growing", "", columns, time="t", version=2)
    with duckdb.connect() as connection:
        connection.execute(scan(table, files, None, None))
        found = connection.execute("select a, b, day from growing order by a").fetchall()
    assert found == [("new", "x", at(0).date()), ("old", None, at(0).date())]


def test_a_connection_that_both_ends_logged_counts_once(tmp_path: Path) -> None:
    both = [flow("10.0.0.1", "10.0.0.2", 80, vpc="vpc-a", direction=direction) for direction in ("egress", "ingress")]
    answers = [{**row, "srcport": 80, "dstport": 40_000, "tcp_flags": 18} for row in both]
    answers[0].update(srcaddr="10.0.0.2", dstaddr="10.0.0.1", pkt_srcaddr="10.0.0.2", pkt_dstaddr="10.0.0.1")
    answers[1].update(srcaddr="10.0.0.2", dstaddr="10.0.0.1", pkt_srcaddr="10.0.0.2", pkt_dstaddr="10.0.0.1")
    answers[0]["flow_direction"], answers[1]["flow_direction"] = "ingress", "egress"
    one_end = flow("10.9.9.9", "10.0.0.2", 80, vpc="vpc-a", direction="ingress")
    refused = flow("10.0.0.1", "10.0.0.2", 80, vpc="vpc-a", direction="ingress", action="REJECT")
    with session_on(tmp_path, vpc_flow=[*both, *answers, one_end, refused]) as session:
        found = session.query("select src_ip, dst_ip, action, interface_id from flows order by all").to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("10.0.0.1", "10.0.0.2", "ACCEPT", "eni-vpc-a-10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "REJECT", "eni-vpc-a-10.0.0.2"),
        ("10.0.0.2", "10.0.0.1", "ACCEPT", "eni-vpc-a-10.0.0.1"),
        ("10.9.9.9", "10.0.0.2", "ACCEPT", "eni-vpc-a-10.0.0.2"),
    ]


@pytest.mark.parametrize("bucket", ["s3://x", "s3://sn-logs", "s3://x/sn-prod", "s3://svc-logs", "s3://x/svc-1"])
def test_a_request_of_two_subscriptions_counts_once(bucket: str, tmp_path: Path) -> None:
    """The service's own log covers 09 to 10 o'clock; the network's log is all there is of 11 o'clock and of `other`."""
    row = lattice("a", "b", ip="10.0.0.1")
    name = str(row["service_arn"]).split("/")[1]
    own, network = (
        f"{bucket}/AWSLogs/1/VpcLattice/AccessLogs/r/{name}/o",
        f"{bucket}/AWSLogs/1/VpcLattice/AccessLogs/r/sn-1/o",
    )
    given = {
        "lattice_access": [
            {**row, "log_object": own},
            {**row, "log_object": network},
            {**row, "log_object": network, "start_time": at(0, 11)},
            {**lattice("a", "other", ip="10.0.0.1"), "log_object": network},
        ],
        "objects": [
            {
                "log_object": own,
                "etag": "e",
                "format": "lattice_access",
                "rows": 1,
                "min_time": at(0),
                "max_time": at(0, 10),
                "ingested_at": at(0, 12),
            }
        ],
    }
    with session_on(tmp_path, **given) as session:
        found = session.query("select log_object, time, service from requests order by all").to_pylist()
        minutes = session.query("select minute, service, requests from calls order by all").to_pylist()
        hours = session.query(
            "select hour, service, requests from latencies where part = 'total' order by all"
        ).to_pylist()
    other = given["lattice_access"][-1]["service_arn"]
    once = sorted([(at(0), other, 1), (at(0), row["service_arn"], 1), (at(0, 11), row["service_arn"], 1)])
    assert [tuple(r.values()) for r in minutes] == once
    assert [tuple(r.values()) for r in hours] == once
    assert [(r["log_object"] == own, r["time"], r["service"] == row["service_arn"]) for r in found] == [
        (False, at(0), False),
        (False, at(0, 11), True),
        (True, at(0), True),
    ]


def test_a_window_leaves_out_the_ledger_of_long_before(tmp_path: Path) -> None:
    """An object that was ingested later than its events is there, whenever they were; one from days before is not."""
    for name, day in (("old", 2), ("known", 9), ("late", 12)):
        ingested = datetime(2026, 3, day, tzinfo=UTC)
        row = {"log_object": name, "format": "vpc_flow", "max_time": at(0), "ingested_at": ingested}
        lake = lake_of(tmp_path, {"objects": [row]})
    with open_session(lake, NINE, at(0, 10)) as session:
        found = session.query("select log_object from objects order by all").column(0).to_pylist()
    assert found == ["known", "late"]
    with open_session(lake, NINE, at(0, 10), history_hours=24 * 7) as session:
        assert session.query("select count(*) from objects").column(0).to_pylist() == [3]


def test_public_views_are_what_their_headers_say(tmp_path: Path) -> None:
    with open_session(Lake(str(tmp_path))) as session:
        for view in PUBLIC_VIEWS:
            found = session.connection.execute(f"select * from {view}").description or []
            assert [d[0] for d in found] == list(view_header(view)["columns"])


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_quantiles_of_buckets_are_within_five_percent(tmp_path: Path, q: float) -> None:
    rows = [lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", duration=1 + n * n % 9973) for n in range(2000)]
    with session_on(tmp_path, lattice_access=rows) as session:
        macro = {0.5: "p50", 0.9: "p90", 0.99: "p99"}[q]
        sql = f"select {macro}(bucket, requests) as ms from call_hours where part = 'total'"
        estimate = session.query(sql).column("ms").to_pylist()[0]
        exact = (
            session.query("select quantile_cont(latency_ms, $q) as ms from requests", {"q": q})
            .column("ms")
            .to_pylist()[0]
        )
    assert estimate == pytest.approx(exact, rel=0.05)


def test_a_quantile_between_two_buckets_lies_between_them(tmp_path: Path) -> None:
    """Ten requests of 10 ms and one of 1000: p99 lies at 0.99 * 10 = 9.9, between the last of the ten and the other.

    10 ms is in bucket 24, whose middle is 1.1 ** 24.5 = 10.33, 1000 ms in 72, 1.1 ** 72.5 = 1002.24, so p99
    is 10.33 + 0.9 * 991.90 = 903.04 (of the values themselves 901); p90 lies at 9, on the last of the ten.
    """
    rows = [
        {**lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", duration=10), "repeat": 10},
        lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", duration=1000),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        sql = "select p90(bucket, requests) as p90, p99(bucket, requests) as p99 from call_hours where part = 'total'"
        (found,) = session.query(sql).to_pylist()
    assert found == pytest.approx({"p90": 10.33, "p99": 903.04}, abs=0.01)


def shell(script: Path, sql: str) -> list[str]:
    done = subprocess.run(
        [str(_executable()), "-init", str(script), "-csv", "-noheader", "-c", sql],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_shells_script_makes_the_same_session(tmp_path: Path) -> None:
    rows = [{**lattice("batch", "ledger", ip="10.0.0.1", target="10.0.0.2"), "repeat": 3}]
    with session_on(tmp_path / "lake's", lattice_access=rows) as session:
        script = tmp_path / "init.sql"
        script.write_text(init_script(session, with_keys=False))
    assert shell(script, "select caller, callee, requests from call_graph(min_requests := 2)")[-1] == "batch,ledger,3"
    comment = "select comment from duckdb_columns() where table_name = 'requests' and column_name = 'sni'"
    assert shell(script, comment)[-1] == view_header("requests")["columns"]["sni"]["about"]


def test_the_banner_says_what_is_there(tmp_path: Path) -> None:
    rows = [{**lattice("batch", "ledger", ip="10.0.0.1"), "repeat": 3}]
    with session_on(tmp_path, lattice_access=rows) as session:
        script = tmp_path / "init.sql"
        script.write_text(init_script(session, with_keys=False))
    text = "\n".join(shell(script, "select 1"))
    assert "lattice_access 3" in text
    assert "2026-03-10 09:00 to 2026-03-10 09:01 UTC" in text
    assert all(name in text for name in catalog.load())


def test_a_shell_that_nobody_sits_before_prints_rows_alone(tmp_path: Path) -> None:
    lake_of(tmp_path, {"lattice_access": [{**lattice("batch", "ledger", ip="10.0.0.1"), "repeat": 3}]})
    asked = "select count(*) as n from requests"
    told = lakes.run("shell", "-csv", "-c", asked, "--lake", str(tmp_path))
    piped = lakes.run("shell", "-csv", "--lake", str(tmp_path), input=f"{asked};")
    assert [(done.returncode, done.stdout) for done in (told, piped)] == [(0, "n\n3\n")] * 2, told.stderr


def test_a_shell_on_a_terminal_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert _is_interactive([])
    assert _is_interactive(["-box"])
    assert not _is_interactive(["-csv", "-c", "select 1"])
    assert not _is_interactive(["-f", "file.sql"])


def test_a_lake_on_s3_opens_for_its_newest_seven_days(
    moto_s3: S3Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bucket = moto_s3.bucket("lake")
    settings = moto_s3.settings()
    lake = Invocation(settings, storage_options).lake(f"s3://{bucket.name}/{bucket.prefix}lake")
    old = lattice("a", "b", ip="10.0.0.1", target="10.0.0.2", start_time=at(0) - timedelta(days=8))
    lake_of(lake.uri, {"lattice_access": [old]}, lake.storage)
    lake_of(lake.uri, {"lattice_access": [lattice("c", "d", ip="10.0.0.3", target="10.0.0.4")]}, lake.storage)
    with open_session(lake) as session:
        assert "newest 7 days" in capsys.readouterr().err
        assert session.query("select caller, callee from requests").to_pylist() == [{"caller": "c", "callee": "d"}]
        printed = init_script(session, with_keys=False)
    assert "credential_chain" in printed
    assert not re.search("key_id|secret '", printed)
    with open_session(lake, at(0) - timedelta(days=9)) as session:
        assert count(session, "requests") == 2


def test_small_tables_of_a_lake_on_s3_are_read_once_while_they_are_small(
    moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto_s3.bucket("lake")
    lake = Invocation(moto_s3.settings(), storage_options).lake(f"s3://{bucket.name}/{bucket.prefix}lake")
    first = lattice("a", "b", ip="10.0.0.1", target="10.0.0.2")
    lake_of(lake.uri, {"lattice_access": [first]}, lake.storage)
    with open_session(lake, at(0), at(60)) as session:
        assert count(session, "endpoint_hours") == 2
        assert not reads_files(session, "endpoint_hours")
        assert reads_files(session, "call_minutes")
        later = lattice("c", "d", ip="10.0.0.3", target="10.0.0.4")
        lake_of(lake.uri, {"lattice_access": [later]}, lake.storage)
        assert session.refresh()
        assert count(session, "endpoint_hours") == 4
        monkeypatch.setitem(sessions._HELD_ROWS, "endpoint_hours", 4)
        lake_of(lake.uri, {"lattice_access": [later]}, lake.storage)
        assert session.refresh()
        assert count(session, "endpoint_hours") == 6
        assert reads_files(session, "endpoint_hours")


def test_keys_of_a_lake_are_not_printed(tmp_path: Path) -> None:
    from queries.storage import secret_statement

    storage = {
        "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key": "wJalr/EXAMPLEKEY",
        "aws_region": "r",
    }
    lake = Lake("s3://bucket/lake", storage)
    assert "EXAMPLE" in str(secret_statement(lake))
    assert "EXAMPLE" not in str(secret_statement(lake, with_keys=False))


def test_public_clients_are_one_caller_and_names_are_never_null(tmp_path: Path) -> None:
    rows = [alb("app/e/1", "web.example.com", ip=f"203.0.113.{n}", target="10.0.0.2", group="web") for n in range(5)]
    with session_on(tmp_path, alb_access=rows) as session:
        assert session.query("select distinct caller from calls").column("caller").to_pylist() == ["internet"]
