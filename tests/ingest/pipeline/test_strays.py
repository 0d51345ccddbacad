"""Objects that mix load balancers' logs: each line goes to the table of its own format, whatever line comes first."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.lake.declarations import ALB_CONNECTION, OBJECTS, REJECTS
from ingest.lake.rejected import objects_with_rejects
from ingest.lake.retention import expire
from ingest.lake.verification import verify
from ingest.pipeline.assembly import Assembly
from ingest.pipeline.pieces import open_body
from ingest.pipeline.replay import replay
from ingest.pipeline.rules import NO_RULES
from ingest.pipeline.run import Limits
from ingest.settings import Settings
from ingest.sources import SourceObject, open_source
from tests import lakes
from tests.ingest.pipeline.test_exactly_once import cut_off

GOLDEN = Path(__file__).parents[2] / "golden" / "mixed.log"
FOLDER = "AWSLogs/123456789012/elasticloadbalancing/us-east-2/2023/10/04/"
NAME = "123456789012_elasticloadbalancing_us-east-2_app.my-lb.98e3a879de9d6b42_20231004T1705Z_10.0.3.7_20sg8hgm.log"
LINES = GOLDEN.read_bytes().splitlines()
CONNECTION, NLB, ACCESS, CLASSIC, BLANK, HEALTH = LINES[:6]
BECOMES = {
    ACCESS: "alb_access",
    CONNECTION: "alb_connection",
    HEALTH: "alb_health_check",
    NLB: "unsupported_format",
    CLASSIC: "unsupported_format",
    BLANK: "skipped",
}


def assembled(*objects: list[bytes]) -> tuple[Assembly, list[dict[str, Any]]]:
    """The objects, read together; and every row and reject in the order of objects and lines."""
    assembly = Assembly()
    for at, lines in enumerate(objects):
        source = SourceObject(f"{at:03}/{FOLDER}{NAME}", "etag", 1, datetime(2023, 10, 4, tzinfo=UTC))
        assembly.add(source, open_body(b"".join(line + b"\n" for line in lines)))
    rows = dict(assembly.finish())
    rejects = rows.pop("rejects", REJECTS.empty()).to_pylist()
    found = [{**row, "table": table} for table, part in rows.items() for row in part.to_pylist()]
    found += [{**row, "table": row["reason"]} for row in rejects]
    return assembly, sorted(found, key=lambda row: (row["log_object"], row["log_line"]))


def test_sample() -> None:
    assembly, found = assembled(LINES)
    expected = [json.loads(line) for line in GOLDEN.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    for row, wanted in zip(found, expected, strict=True):
        wanted = {"log_line": wanted.pop("line"), "table": wanted.pop("reject", None) or wanted.pop("table"), **wanted}
        assert wanted.items() <= row.items()
    (outcome,) = assembly.outcomes.values()
    assert outcome.format == "alb_access+alb_connection+alb_health_check"
    # Three rows and six rejects of ten lines; the fifth is blank.
    assert (outcome.rows, outcome.rejects, outcome.skipped, outcome.records) == (3, 6, 1, 9)


def test_a_stray_line_is_found_where_it_stands() -> None:
    _, found = assembled(LINES)
    begin = sum(len(line) + 1 for line in LINES[:7])
    assert found[6]["byte_offset"] == begin
    assert found[6]["raw"] == LINES[7].decode()


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.sampled_from(list(BECOMES)), min_size=1, max_size=200),
    cuts=st.sets(st.integers(1, 199), max_size=3),
)
def test_every_line_becomes_what_it_is_in_any_order_and_split_into_any_objects(
    lines: list[bytes], cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(lines)), len(lines)]
    objects = [lines[begin:end] for begin, end in pairwise(edges)]
    assembly, found = assembled(*objects)
    expected = Counter(BECOMES[line] for line in lines)
    skipped = expected.pop("skipped", 0)
    assert Counter(row["table"] for row in found) == expected
    assert sum(outcome.skipped for outcome in assembly.outcomes.values()) == skipped
    for at, outcome in enumerate(assembly.outcomes.values()):
        assert outcome.records == sum(BECOMES[line] != "skipped" for line in objects[at])
        numbers = [row["log_line"] for row in found if row["log_object"] == outcome.source.uri]
        assert numbers == [n for n, line in enumerate(objects[at], 1) if BECOMES[line] != "skipped"]


def test_what_a_client_wrote_into_a_request_is_no_line_of_another_format() -> None:
    hostile = ACCESS.replace(b"curl/7.46.0", CONNECTION.replace(b'"', b"'"))
    _, found = assembled([ACCESS, hostile, b"x" + hostile, b"x " + CONNECTION])
    assert [row["table"] for row in found] == ["alb_access"] * 3 + ["malformed_line"]


def mixed(folder: Path) -> Path:
    """Two objects of 40 lines a format, one begun by an access line, one by a connection's."""
    for letter, first in (("a", [ACCESS, CONNECTION]), ("b", [CONNECTION, NLB])):
        write(folder, letter, [*first, *[ACCESS, CONNECTION, HEALTH, CLASSIC] * 40])
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return mixed(tmp_path / "logs")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The counts of a lake into which they came in one go."""
    folder = tmp_path_factory.mktemp("whole")
    return lakes.counts(lakes.ingested(mixed(folder / "logs"), folder / "lake"))


def write(folder: Path, letter: str, lines: list[bytes]) -> None:
    path = folder / FOLDER / f"{NAME[:-5]}{letter}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_an_object_of_two_tables_is_exact_rewritten_and_replayed(logs: Path, tmp_path: Path) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    # a: 41 access, 41 connection, 40 health checks, 40 classic; b: 40, 41, 40, and 40 classic and one NLB.
    found = lakes.counts(lake)
    assert {name: found[name] for name in ("alb_access", "alb_connection", "alb_health_check", "rejects")} == {
        "alb_access": 81,
        "alb_connection": 82,
        "alb_health_check": 80,
        "rejects": 81,
    }
    lakes.check_exact(lake)
    assert list(verify(lake)) == []

    known = objects_with_rejects(lake, None, None, "256MiB")
    replayed = replay(lake, known, lambda _: open_source(str(logs), Settings()), Limits(10, 1 << 20, 1), NO_RULES)
    assert (replayed.objects, replayed.failed) == (2, [])
    assert lakes.counts(lake) == found
    assert list(verify(lake)) == []

    write(logs, "a", [HEALTH, ACCESS])
    lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == lakes.counts(lakes.ingested(logs, tmp_path / "fresh"))
    assert lakes.counts(lake)["alb_connection"] == 41
    lakes.check_exact(lake)
    assert list(verify(lake)) == []


@pytest.mark.parametrize("allowed", [1, 2, 3, 5])
def test_an_object_cut_off_between_its_tables_is_finished(
    allowed: int, logs: Path, tmp_path: Path, whole: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        cut_off(patch, allowed)
        lakes.ingested(logs, tmp_path / "lake")
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == whole
    assert list(verify(lake)) == []


def test_one_of_its_tables_may_expire(logs: Path, tmp_path: Path) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    expire(lake, ALB_CONNECTION, datetime(2023, 10, 5, tzinfo=UTC).date())
    assert list(verify(lake)) == []
    assert {row["expired"] for row in objects_with_rejects(lake, None, None, "256MiB")} == {True}
    assert {row["format"] for row in lakes.rows(lake, OBJECTS.name, ["format"])} == {
        "alb_access+alb_connection+alb_health_check"
    }
