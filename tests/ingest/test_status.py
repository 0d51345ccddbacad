"""`eastwest status` and `eastwest lake`: what they say of lakes whose logs were written for the purpose."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import eastwest
from ingest.cli_lake import parse_span
from ingest.errors import LakeError, SettingsError
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
from ingest.printing import duration
from ingest.sources.s3_access import storage_options
from ingest.terminal import message, visible
from queries import catalog
from queries.session import open_session
from tests import lakes
from tests.ingest import small_logs
from tests.servers import S3Server


def status(lake: str, *options: str, **environment: str) -> Any:
    done = lakes.run("status", "--lake", lake, "--format", "json", *options, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_empty_lake_has_nothing_to_say(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.create(OBJECTS)
    found = status(lake.uri)
    keys = ("sources", "gaps", "skipped", "rejects", "unknown_fields")
    assert {key: found[key] for key in keys} == {key: [] for key in keys}
    for command in (["compact"], ["expire", "--older-than", "1d"], ["vacuum"], ["verify"], ["status"]):
        done = lakes.run("lake", *command, "--lake", lake.uri, "--format", "json")
        assert done.returncode == 0, (command, done.stderr)


COMMANDS = [
    ["status"],
    ["lake", "compact"],
    ["lake", "expire", "--older-than", "1d"],
    ["lake", "vacuum"],
    ["lake", "verify"],
    ["lake", "status"],
    ["lake", "rebuild-rollup", "all"],
    ["rejects"],
    ["rejects", "replay"],
    ["query", "call_graph"],
    ["sql", "select 1"],
    ["shell", "--print-init"],
    ["graph", "export"],
    ["guide"],
    ["check"],
    ["why", "orders", "payments"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_lake_that_does_not_exist_is_an_error_and_is_not_made(tmp_path: Path, command: list[str]) -> None:
    where = tmp_path / "none"
    outer = CliRunner().invoke(eastwest.app, [*command, "--lake", str(where)])
    assert isinstance(outer.exception, LakeError)
    assert str(outer.exception).startswith(f"lake {where}: there is none")
    assert outer.stdout == ""
    assert not where.exists()


def test_a_folder_of_other_things_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert not Lake(str(tmp_path)).exists()
    Lake(str(tmp_path)).create(OBJECTS)
    assert Lake(str(tmp_path)).exists()


def test_a_lake_in_s3_exists_once_it_is_written(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket("lake").uri
    storage = storage_options(bucket, moto_s3.settings())
    lake = Lake(f"{bucket}deep/lake", storage)
    assert not lake.exists()
    lake.create(OBJECTS)
    assert lake.exists()
    assert not Lake(f"{bucket}deep", storage).exists()


def test_a_folder_without_logs_is_not_called_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    done = lakes.run("ingest", str(tmp_path / "logs"), "--lake", str(tmp_path / "lake"))
    assert (done.returncode, done.stdout) == (0, "Nothing new: no log object was found\n")


def test_sources_say_how_fresh_and_how_late_they_are(tmp_path: Path) -> None:
    for account in ("123456789012", "111122223333"):
        path = small_logs.lattice(tmp_path / "logs", 0, account=account)
        delivered = small_logs.NINE.timestamp() + 400
        os.utime(path, (delivered, delivered))
    lake = lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    sources = status(lake.uri)["sources"]
    assert [(row["format"], row["account"], row["region"]) for row in sources] == [
        ("lattice_access", account, "eu-west-1") for account in ("111122223333", "123456789012")
    ]
    # From the first row at nine until the object's own time; from then on until now.
    assert [row["delivery_p50"] for row in sources] == [400, 400]
    assert all(row["ingest_p99"] > 0 for row in sources)
    assert {row["newest"][:19] for row in sources} == {"2026-03-10T09:02:00"}


def test_a_regular_source_that_misses_slots_has_a_gap_and_a_late_one_has_not(tmp_path: Path) -> None:
    slots = [slot for slot in range(30) if slot not in (11, 12)]
    for slot in slots:
        small_logs.lattice(tmp_path / "logs", slot, requests=1)
    # Sends now and then: nothing is due from it. The other stops in time.
    for slot in (0, 7, 13, 20, 28):
        small_logs.lattice(tmp_path / "logs", slot, requests=1, account="111122223333")
    for slot in range(20):
        small_logs.flows(tmp_path / "logs", slot, ["10.0.0.1 10.0.0.2 40000 443 6 1 40 {start} {end} ACCEPT OK"])
    gaps = status(lakes.ingested(tmp_path / "logs", tmp_path / "lake").uri)["gaps"]
    assert [(row["format"], row["account"], row["gap_from"][11:16], row["slots"]) for row in gaps] == [
        ("lattice_access", "123456789012", "09:55", 2),
        ("vpc_flow", "123456789012", "10:40", 7),
    ]


def test_a_flow_log_takes_over_only_from_one_that_it_did_not_deliver_beside(tmp_path: Path) -> None:
    line = "10.0.0.1 10.0.0.2 40000 443 6 1 40 {start} {end} ACCEPT OK"
    # 0a is changed to 0b, both of an account; 0c stops where 0d, of another one, lost an object as well.
    for account, flow_log, slots in (
        ("123456789012", "fl-0a", range(10)),
        ("123456789012", "fl-0b", range(10, 30)),
        ("111122223333", "fl-0c", range(10)),
        ("111122223333", "fl-0d", [slot for slot in range(30) if slot != 10]),
    ):
        for slot in slots:
            small_logs.flows(tmp_path / "logs", slot, [line], account, flow_log)
    gaps = status(lakes.ingested(tmp_path / "logs", tmp_path / "lake").uri)["gaps"]
    assert [(row["account"], row["source"][-5:], row["gap_from"][11:16], row["slots"]) for row in gaps] == [
        ("111122223333", "fl-0c", "09:50", 17),
        ("111122223333", "fl-0d", "09:50", 1),
    ]


def test_a_pause_in_which_another_flow_log_took_over_leaves_a_source_as_regular_as_it_is(tmp_path: Path) -> None:
    line = "10.0.0.1 10.0.0.2 40000 443 6 1 40 {start} {end} ACCEPT OK"
    # 0a is changed to 0b and back, and then misses four slots: two pauses in twenty slots, one of them its own.
    for flow_log, slots in (("fl-0a", [*range(12), *range(24, 31), 35]), ("fl-0b", range(12, 24))):
        for slot in slots:
            small_logs.flows(tmp_path / "logs", slot, [line], "111122223333", flow_log)
    for slot in range(36):
        small_logs.lattice(tmp_path / "logs", slot, requests=1)
    lake = lakes.ingested(tmp_path / "logs", tmp_path / "lake")
    gaps = status(lake.uri)["gaps"]
    assert [(row["source"][-5:], row["gap_from"][11:16], row["slots"]) for row in gaps] == [("fl-0a", "11:35", 4)]
    with open_session(lake) as session:
        asked = catalog.report("gaps").run(session).to_pylist()
    assert [(row["source"][-5:], f"{row['gap_from']:%H:%M}", row["minutes"]) for row in asked] == [
        ("fl-0a", "11:35", 20)
    ]


def test_skipped_flows_rejects_and_unknown_fields_are_listed(tmp_path: Path) -> None:
    small_logs.flows(
        tmp_path / "logs",
        0,
        [
            "10.0.0.1 10.0.0.2 40000 443 6 1 40 {start} {end} ACCEPT OK",
            "- - - - - - - {start} {end} - SKIPDATA",
            "what",
        ],
    )
    small_logs.lattice(tmp_path / "logs", 1)
    first = small_logs.lattice(tmp_path / "logs", 2, requests=2, newField="x")
    small_logs.lattice(tmp_path / "logs", 3, newField="y")
    found = status(lakes.ingested(tmp_path / "logs", tmp_path / "lake").uri)
    assert [(row["account"], row["region"], row["records"]) for row in found["skipped"]] == [
        ("123456789012", "eu-west-1", 1)
    ]
    assert [(row["format"], row["lines"]) for row in found["rejects"]] == [("vpc_flow", 1)]
    assert [(row["format"], row["field"], row["rows"]) for row in found["unknown_fields"]] == [
        ("lattice_access", "newField", 5)
    ]
    assert found["unknown_fields"][0]["first_object"].endswith(first.name)


def test_what_is_in_the_sample_is_in_its_status(sample_lake: Lake) -> None:
    found, counts = status(sample_lake.uri), lakes.counts(sample_lake)
    rows = {row["table"]: row["rows"] for row in found["tables"]}
    assert {name: counts[name] for name in ("vpc_flow", "alb_access", "objects")} == {
        name: rows[name] for name in ("vpc_flow", "alb_access", "objects")
    }
    assert sum(row["rows"] for row in found["sources"] if row["format"] == "vpc_flow") == counts["vpc_flow"]
    assert sum(row["lines"] for row in found["rejects"]) == counts["rejects"]
    objects = next(row for row in found["tables"] if row["table"] == "objects")
    assert objects["guards"] == counts["objects"]
    table = lakes.run("status", "--lake", sample_lake.uri)
    assert "Sources (delivery: from row to S3; ingest: from there on)" in table.stdout
    assert "lattice_access" in table.stdout


def test_a_lake_on_s3_is_compacted_verified_and_known(moto_s3: S3Server, tmp_path: Path) -> None:
    for slot in range(4):
        small_logs.lattice(tmp_path / "logs", slot)
    lake = f"{moto_s3.bucket('lake').uri}lake"
    environment = {**moto_s3.environ, "EASTWEST_BATCH_OBJECTS": "1"}

    def run(*arguments: str) -> Any:
        done = lakes.run(*arguments, "--lake", lake, env={**os.environ, **environment})
        assert done.returncode == 0, (done.stderr, done.stdout)
        return done.stdout

    run("ingest", str(tmp_path / "logs"))
    compacted = json.loads(run("lake", "compact", "--settled", "0m", "--format", "json"))
    assert {(row["table"], row["files_before"], row["files_after"]) for row in compacted} >= {("lattice_access", 4, 1)}
    assert json.loads(run("lake", "verify", "--format", "json")) == []
    assert json.loads(run("lake", "rebuild-rollup", "call_minutes", "--format", "json"))[0]["rows"] == 12
    assert json.loads(run("status", "--format", "json"))["sources"][0]["rows"] == 12
    assert "Nothing new" in run("ingest", str(tmp_path / "logs"))
    freed = json.loads(
        run("lake", "vacuum", "--keep", "0m", "--force", "--table", "lattice_access", "--format", "json")
    )
    assert freed[0]["files"] == 4
    assert json.loads(run("lake", "verify", "--format", "json")) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["lake", "compact", "--table", "nonsense"], "nonsense: not one of"),
        (["lake", "expire", "--older-than", "ninety"], "--older-than ninety"),
        (["lake", "rebuild-rollup", "objects"], "objects: not one of"),
        (["lake", "rebuild-rollup", "all", "--day", "monday"], "--day monday"),
        (["status", "--within", "ever"], "--within ever"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], named: str, tmp_path: Path) -> None:
    Lake(str(tmp_path)).create(OBJECTS)
    done = lakes.run(*arguments, "--lake", str(tmp_path))
    assert done.returncode == 2
    assert named in done.stderr


def test_lengths_of_time() -> None:
    assert [parse_span(text, "").total_seconds() for text in ("30m", "6h", "90d")] == [1_800, 21_600, 7_776_000]
    with pytest.raises(SettingsError, match=r"--keep 7: .*30m"):
        parse_span("7", "--keep")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(16.2, "16 s"), (0.0, "0 s"), (400.0, "6.7 min"), (7_200.0, "2.0 h"), (22_725_836.3, "263 d"), (-30.0, "-30 s")],
)
def test_delays_are_told_in_the_unit_that_suits_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_names_cannot_rewrite_a_terminal() -> None:
    assert visible("a\x1b[2Jb\u202ec\n") == "a\\x1b[2Jb\\u202ec\\n"
    assert visible("naïve [red]text[/red]") == "naïve [red]text[/red]"


def test_an_error_s_lines_are_kept_and_nothing_else_that_a_terminal_obeys() -> None:
    error = LakeError(
        "lake x: cannot\n  be \x1b[31mread\x1b[0m: a\x1b]0;title\x07b\rc\n\nDebug source:\nStruct { ... }"
    )
    assert message(error) == "lake x: cannot\n  be read: a\\x1b]0;title\\x07b\\rc"


ARROW = "\n  \x1b[31m↳\x1b[0m "
GET = f"Kernel error -> Generic S3 error{ARROW}Error performing GET http://127.0.0.1:1/logs/lake/_last_checkpoint in 2s"


@pytest.mark.parametrize(
    ("causes", "meaning"),
    [
        (
            f"after 10 retries, max_retries{ARROW}10, retry_timeout{ARROW}180s - HTTP error{ARROW}error sending request"
            f"{ARROW}tcp connect error{ARROW}Connection refused (os error 111)",
            "the store cannot be reached (Connection refused). Check network and endpoint, then run it again: "
            "nothing is lost",
        ),
        (
            f"status code{ARROW}403 Forbidden{ARROW}<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            "access denied (AccessDenied). Allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it",
        ),
        (
            f"status code{ARROW}404 Not Found{ARROW}<Error><Code>NoSuchBucket</Code></Error>",
            "there is no such bucket. Correct the name, or set the endpoint",
        ),
        (
            f"status code{ARROW}403 Forbidden{ARROW}<Error><Code>ExpiredToken</Code></Error>\n\nDebug source:\nStruct",
            "the credentials were refused (ExpiredToken). Renew them, for instance with `aws sso login`",
        ),
        (
            f"status code{ARROW}501 Not Implemented{ARROW}<Error><Code>Odd</Code></Error>",
            'the store failed (501 Not Implemented). Run it again; with log_level = "debug" it says all that it was '
            "told",
        ),
    ],
)
def test_what_a_store_answered_is_one_sentence_and_the_rest_is_kept(causes: str, meaning: str) -> None:
    error = LakeError(f"lake s3://logs/lake: table objects cannot be opened: {GET} - {causes}")
    assert str(error) == f"lake s3://logs/lake: table objects cannot be opened: {meaning}"
    assert "Error performing GET" in error.details


def test_an_error_without_a_store_in_it_says_what_it_says() -> None:
    assert str(LakeError("lake x: a day of 'rows' is missing; run it again")) == (
        "lake x: a day of 'rows' is missing; run it again"
    )
