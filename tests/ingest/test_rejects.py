"""Rejects listed, grouped, traced to their original line, and read again after a fix."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import formats
from ingest.lake.rejected import objects_with_rejects
from ingest.lake.tables import Lake
from ingest.pipeline.replay import replay
from ingest.pipeline.rules import NO_RULES
from ingest.pipeline.run import Limits, Summary
from ingest.settings import Settings
from ingest.sources import open_source
from tests import lakes

OBJECTS = sorted(path for path in (lakes.SAMPLE / "AWSLogs").rglob("*.log.gz") if path.is_file())[::25]
LIMITS = Limits(4, 1 << 24, 1)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A few objects of the sample."""
    for path in OBJECTS:
        target = tmp_path / "logs" / path.relative_to(lakes.SAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "logs"


def read_again(lake: Lake, reason: str | None = None, uri: str | None = None) -> Summary:
    known = objects_with_rejects(lake, reason, uri, "1GiB")
    return replay(lake, known, lambda name: open_source(name, Settings()), LIMITS, NO_RULES)


def without_flows(patch: pytest.MonkeyPatch) -> None:
    """As before a release that reads flow logs."""
    patch.setattr(formats, "FORMATS", tuple(m for m in formats.FORMATS if m is not formats.vpc_flow))


def test_a_replay_gives_what_a_first_read_would_have(logs: Path, tmp_path: Path) -> None:
    expected = lakes.counts(lakes.ingested(logs, tmp_path / "expected"))
    with pytest.MonkeyPatch.context() as patch:
        without_flows(patch)
        lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake)["vpc_flow"] == 0
    assert lakes.counts(lake)["rejects"] >= expected["vpc_flow"] > 0
    summary = read_again(lake, reason="unsupported_format")
    assert summary.failed == []
    assert lakes.counts(lake) == expected
    lakes.check_exact(lake)
    read_again(lake)
    assert lakes.counts(lake) == expected
    lakes.check_exact(lake)


def test_a_replay_that_is_killed_is_finished_by_the_next(logs: Path, tmp_path: Path) -> None:
    """Stops after each write in turn; flows become rejects and rows again, so every table changes each time."""
    expected = lakes.counts(lakes.ingested(logs, tmp_path / "expected"))
    with pytest.MonkeyPatch.context() as patch:
        without_flows(patch)
        lake = lakes.ingested(logs, tmp_path / "lake")
    for allowed in range(1, 21):
        with pytest.MonkeyPatch.context() as patch:
            left = iter(range(allowed))
            for name in ("append", "claim", "take_back", "replace", "count"):
                patch.setattr(Lake, name, _stopping(getattr(Lake, name), left))
            with pytest.raises(KeyboardInterrupt):
                read_again(lake)
    read_again(lake)
    assert lakes.counts(lake) == expected
    lakes.check_exact(lake)


def _stopping(original: Callable[..., object], left: object) -> Callable[..., object]:
    def write(*arguments: object) -> object:
        if next(left, None) is None:  # type: ignore[call-overload]
            raise KeyboardInterrupt
        return original(*arguments)

    return write


def test_an_object_that_is_gone_keeps_what_the_lake_has_of_it(logs: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        without_flows(patch)
        lake = lakes.ingested(logs, tmp_path / "lake")
    before = lakes.counts(lake)
    for path in logs.rglob("*vpcflowlogs*.gz"):
        path.unlink()
    run = lakes.run("rejects", "replay", "--lake", lake.uri)
    assert run.returncode == 3
    assert "stay as they were" in run.stderr
    assert lakes.counts(lake) == before


def test_the_commands_list_group_and_fetch(tmp_path: Path) -> None:
    folder = tmp_path / "AWSLogs/123456789012/VpcLattice/AccessLogs/eu-west-1/2026/03/10/svc-0123456789abcdef0"
    folder.mkdir(parents=True)
    name = "123456789012_VpcLatticeAccessLogs_eu-west-1_svc-0123456789abcdef0_20260310T0900Z_a.json.gz"
    hostile = b'{"a": "\x1b]0;owned\x07[red]'
    (folder / name).write_bytes(gzip.compress(b"{}\n" + hostile + b"\n\xff\xfe{\n"))
    lake = str(tmp_path / "lake")
    assert lakes.run("ingest", str(tmp_path), "--lake", lake).returncode == 0
    listed = lakes.run("rejects", "--lake", lake)
    assert listed.returncode == 0, listed.stderr
    assert "\x1b" not in listed.stdout
    assert r"\x1b" in listed.stdout
    grouped = json.loads(lakes.run("rejects", "--lake", lake, "--by", "reason", "--format", "json").stdout)
    assert sum(group["rejects"] for group in grouped) == 3
    assert {group["reason"] for group in grouped} >= {"invalid_utf8", "malformed_line"}
    by_object = json.loads(lakes.run("rejects", "--lake", lake, "--by", "object", "--format", "json").stdout)
    assert [group["rejects"] for group in by_object] == [3]
    uri = by_object[0]["log_object"]
    for line, text in ((2, hostile.decode()), (1, "{}")):
        assert lakes.run("raw", uri, str(line), "--lake", lake).stdout == text + "\n"
    beyond = lakes.run("raw", uri, "9", "--lake", lake)
    assert beyond.returncode == 3
    assert "there is no such line. The object has 3" in beyond.stderr
    assert json.loads(lakes.run("rejects", "--lake", lake, "--since", "2100-01-01", "--format", "json").stdout) == []
    wrong = lakes.run("rejects", "replay", "--reason", "bad_valu", "--lake", lake)
    assert (wrong.returncode, "Did you mean bad_value?" in wrong.stderr) == (2, True)


def test_a_parquet_row_is_shown_as_json(tmp_path: Path) -> None:
    path = next((lakes.SAMPLE / "AWSLogs").rglob("*.parquet"))
    run = lakes.run("raw", str(path), "2", "--lake", str(tmp_path / "lake"))
    assert run.returncode == 0
    assert json.loads(run.stdout)["log_status"]
    assert "not in the lake" in run.stderr
