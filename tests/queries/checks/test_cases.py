"""Every check against its hand-made cases, the empty lake, and its own header."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import QueryError
from ingest.lake.declarations import TABLES
from ingest.lake.tables import Lake
from queries import catalog, watch
from queries.catalog import parse_report
from queries.completeness import Window
from queries.lint import problems_of
from queries.session import open_session
from tests.queries.lake_of import lake_of

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.toml"))
NAMES = sorted(catalog.load("checks"))


def expanded(table: str, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`repeat` rows, `every` seconds apart, from `from`; '' and port 0 are NULL, an object's name is made."""
    plain = {key: value for key, value in row.items() if key not in ("from", "repeat", "every", "source")}
    plain = {
        key: None if value == "" or (key.endswith("_port") and value == 0) else value for key, value in plain.items()
    }
    for number in range(row.get("repeat", 1)):
        time: datetime = row["from"] + timedelta(seconds=row.get("every", 0) * number)
        if table == "objects":
            name = f"s3://logs/{row['source']}_{time:%Y%m%dT%H%MZ}_0a.log.gz"
            span = {"min_time": time, "max_time": time + timedelta(seconds=290), "ingested_at": time}
            yield {"log_object": name, "records": 1, "rows": 1, "rejects": 0, **span, **plain}
        else:
            yield (
                {TABLES[table].time: time, "end_time": time, **plain}
                if table == "vpc_flow"
                else {
                    TABLES[table].time: time,
                    **plain,
                }
            )


def cases() -> Iterator[Any]:
    for file in FILES:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        for case in content["case"]:
            given = {
                table: [
                    made
                    for row in rows
                    for made in expanded(table, {**content.get("defaults", {}).get(table, {}), **row})
                ]
                for table, rows in case["given"].items()
            }
            yield pytest.param(file.stem, content["until"], given, case["expect"], id=f"{file.stem}: {case['name']}")


@pytest.mark.parametrize(("name", "until", "given", "expect"), list(cases()))
def test_case(name: str, until: datetime, given: dict[str, Any], expect: list[dict[str, Any]], tmp_path: Path) -> None:
    (check,) = watch.checks([name])
    planned = watch.Planned(check, Window(until - check.window, until), 1.0)
    (verified,) = watch.run(lake_of(tmp_path, given), [planned])
    rows = [offence.row for offence in verified.offences]
    assert [{key: row[key] for key in wanted} for row, wanted in zip(rows, expect, strict=True)] == expect


@pytest.mark.parametrize("name", NAMES)
def test_has_a_case_that_fires_and_one_that_does_not(name: str) -> None:
    content = tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
    assert {bool(case["expect"]) for case in content["case"]} == {True, False}


@pytest.mark.parametrize("name", NAMES)
def test_header_says_what_the_sql_does(name: str, tmp_path: Path) -> None:
    (check,) = watch.checks([name])
    with open_session(Lake(str(tmp_path))) as session:
        assert list(problems_of(check.report, session)) == []
        assert check.report.run(session).num_rows == 0


@pytest.mark.parametrize("name", sorted(set(catalog.load("delivery")) | {"front_doors", "parties", "places"}))
def test_other_sql_keeps_its_header(name: str, tmp_path: Path) -> None:
    report = {**catalog.load("delivery"), **catalog.load("evidence")}[name]
    with open_session(Lake(str(tmp_path))) as session:
        assert list(problems_of(report, session)) == []


def test_five_checks_and_no_case_without_one() -> None:
    assert NAMES == ["bypass", "denied_was_allowed", "edge_latency", "server_error_surge", "silent_source"]
    assert [file.stem for file in FILES] == NAMES


def test_an_unknown_check_names_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean bypass"):
        watch.checks(["bypas"])


def test_a_header_without_a_runbook_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    header = '-- title = "t"\n-- question = "q"\n-- severity = "page"\n-- about = "a"\n-- [columns]\n'
    text = f"-- ---\n{header}-- ---\nselect 1\n"
    monkeypatch.setattr(catalog, "load", lambda folder: {"x": parse_report("x", "checks", text, "checks/x.sql")})
    with pytest.raises(QueryError, match=r"checks/x\.sql: the header of a check needs runbook"):
        watch.checks()


def test_nothing_is_checked_on_an_empty_lake(tmp_path: Path) -> None:
    planned = watch.plan(Lake(str(tmp_path)), watch.checks())
    assert {item.note for item in planned} == {"not run: the lake has no data for it"}
    assert watch.run(Lake(str(tmp_path)), planned) == []
