"""Damaged input and damaged transport, end to end: what can be read is in the lake once, the rest is said."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingest.lake.tables import Lake
from tests import lakes
from tests.fault_proxy import Fault, faulty
from tests.servers import S3Server

KEY = "AWSLogs/123456789012/VpcLattice/AccessLogs/us-east-1/2026/03/10/svc-0123456789abcdef0/"
NAME = "123456789012_VpcLatticeAccessLogs_us-east-1_svc-0123456789abcdef0_20260310T09{:02d}Z_{}.json.gz"
FLOWS = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/03/10/"
GOOD = sorted((lakes.SAMPLE / "AWSLogs").rglob("*VpcLatticeAccessLogs*.gz"))[5]
TEXT = gzip.decompress(GOOD.read_bytes())
KEY_OF_OBJECT = re.compile(r"\.(gz|parquet)$")
LINES = TEXT.count(b"\n")


def cut(stored: bytes) -> bytes:
    return stored[: len(stored) * 2 // 3]


def wrong_crc(stored: bytes) -> bytes:
    return stored[:-8] + bytes([stored[-8] ^ 0xFF]) + stored[-7:]


def corrupt(stored: bytes) -> bytes:
    middle = len(stored) // 2
    return stored[:middle] + bytes(byte ^ 0xA5 for byte in stored[middle : middle + 40]) + stored[middle + 40 :]


def members(_: bytes) -> bytes:
    middle = TEXT.index(b"\n", len(TEXT) // 2) + 1
    return gzip.compress(TEXT[:middle]) + gzip.compress(b"") + gzip.compress(TEXT[middle:])


def raw_deflate(_: bytes) -> bytes:
    return zlib.compress(TEXT)


def with_nul(_: bytes) -> bytes:
    return gzip.compress(TEXT + b"\0\0{\0}\n")


def not_utf8(_: bytes) -> bytes:
    return gzip.compress(TEXT + b'{"requestPath":"\xff\xfe"}\n')


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], int | None, set[str]]] = {
    "good": (bytes, LINES, set()),
    "truncated": (cut, None, {"damaged_object", "malformed_line"}),
    "crc": (wrong_crc, LINES, {"damaged_object"}),
    "deflate": (corrupt, None, {"damaged_object", "malformed_line", "invalid_utf8", "bad_value"}),
    "members": (members, LINES, set()),
    "zlib": (raw_deflate, 0, {"malformed_line", "invalid_utf8", "unsupported_format"}),
    "nul": (with_nul, LINES, {"malformed_line"}),
    "utf8": (not_utf8, LINES, {"invalid_utf8"}),
    "empty": (lambda _: b"", 0, set()),
    "plain": (lambda _: TEXT, LINES, set()),
    "padded": (lambda stored: stored + b"\0" * 512, LINES, set()),
    "trailing": (lambda stored: stored + b"garbage", LINES, {"damaged_object"}),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, int, dict[str, str]]:
    """A lake of one object of each damage; the command's exit code; the objects' URIs."""
    folder = tmp_path_factory.mktemp("damaged")
    uris = {}
    for at, (name, (damage, _, _)) in enumerate(DAMAGES.items()):
        path = folder / KEY / NAME.format(at, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damage(GOOD.read_bytes()))
        uris[name] = f"file://{path}"
    parquet = next((lakes.SAMPLE / "AWSLogs").rglob("*.parquet"))
    for name, damage in (("whole", bytes), ("footer", cut)):
        path = (
            folder
            / FLOWS
            / f"123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20260310T1045Z_{name}.log.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damage(parquet.read_bytes()))
        uris[name] = f"file://{path}"
    lake = Lake(str(folder / "lake"))
    run = lakes.run("ingest", str(folder), "--lake", lake.uri)
    return lake, run.returncode, uris


def test_every_object_is_accounted_for(damaged: tuple[Lake, int, dict[str, str]]) -> None:
    lake, returncode, uris = damaged
    assert returncode == 0
    lakes.check_exact(lake)
    assert {row["log_object"] for row in lakes.rows(lake, "objects")} == set(uris.values())


@pytest.mark.parametrize("name", DAMAGES)
def test_what_can_be_salvaged_is(damaged: tuple[Lake, int, dict[str, str]], name: str) -> None:
    lake, _, uris = damaged
    _, rows, allowed = DAMAGES[name]
    ledger = next(row for row in lakes.rows(lake, "objects") if row["log_object"] == uris[name])
    reasons = {row["reason"] for row in lakes.rows(lake, "rejects") if row["log_object"] == uris[name]}
    assert reasons <= allowed
    assert bool(reasons) is bool(allowed)
    if rows is None:
        assert "damaged_object" in reasons
        assert LINES // 4 < ledger["rows"] < LINES
    else:
        assert ledger["rows"] == rows


def test_salvaged_rows_are_the_first_lines(damaged: tuple[Lake, int, dict[str, str]]) -> None:
    lake, _, uris = damaged
    columns = ["log_object", "log_line", "request_id", "start_time", "source_port"]
    rows = lakes.rows(lake, "lattice_access", columns)
    whole = {r["log_line"]: r for r in rows if r["log_object"] == uris["good"]}
    for name in ("truncated", "deflate"):
        salvaged = [r for r in rows if r["log_object"] == uris[name]]
        assert {r["log_line"] for r in salvaged} == set(range(1, len(salvaged) + 1))
        assert all({**r, "log_object": uris["good"]} == whole[r["log_line"]] for r in salvaged)


def test_a_parquet_object_without_its_footer(damaged: tuple[Lake, int, dict[str, str]]) -> None:
    lake, _, uris = damaged
    ledger = {row["log_object"]: row for row in lakes.rows(lake, "objects")}
    assert ledger[uris["whole"]]["rows"] == pq.ParquetFile(uris["whole"].removeprefix("file://")).metadata.num_rows
    assert (ledger[uris["footer"]]["rows"], ledger[uris["footer"]]["rejects"]) == (0, 1)


def test_a_long_line_is_one_reject_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = tmp_path / KEY / NAME.format(0, "long")
    path.parent.mkdir(parents=True)
    first, *others = TEXT.splitlines(keepends=True)
    path.write_bytes(gzip.compress(first + b'{"requestPath":"' + b"x" * 50_000_000 + b'"}\n' + b"".join(others), 1))
    lake = Lake(str(tmp_path / "lake"))
    assert lakes.run("ingest", str(tmp_path), "--lake", lake.uri).returncode == 0
    lakes.check_exact(lake)
    (reject,) = lakes.rows(lake, "rejects")
    assert (reject["log_line"], reject["byte_offset"]) == (2, len(first))
    assert (len(reject["raw"]), reject["raw_bytes"]) == (64 * 1024, 50_000_018)
    assert {r["log_line"] for r in lakes.rows(lake, "lattice_access")} == set(range(1, LINES + 2)) - {2}


def fill(server: S3Server, count: int) -> tuple[str, list[Path]]:
    """A bucket with some of the sample's objects, and their files."""
    bucket = server.bucket()
    paths = [path for path in sorted((lakes.SAMPLE / "AWSLogs").rglob("*")) if path.is_file()][:: 609 // count]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda p: bucket.put(p.relative_to(lakes.SAMPLE).as_posix(), p.read_bytes()), paths))
    return bucket.uri, paths


def ingest(url: str | None, uri: str, lake: Path, **more: str) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    env = {**os.environ, **({"AWS_ENDPOINT_URL": url} if url else {}), **more}
    run = lakes.run("ingest", uri, "--lake", str(lake), "--all", env=env)
    return run.returncode, run.stderr


@pytest.mark.parametrize("server", ["moto_s3", "rclone_s3"])
def test_everything_arrives_once_through_a_bad_network(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    behind: S3Server = request.getfixturevalue(server)
    assert behind.endpoint_url
    uri, paths = fill(behind, 40)
    assert ingest(behind.endpoint_url, uri, tmp_path / "expected")[0] == 0
    faults = [fault for fault in Fault if fault is not Fault.STALL]
    with faulty(behind.endpoint_url, faults) as proxy:
        code, errors = ingest(proxy.url, uri, tmp_path / "lake")
    assert code == 0, errors
    assert min(proxy.dealt[fault] for fault in faults) >= 10
    lake = Lake(str(tmp_path / "lake"))
    assert lakes.counts(lake) == lakes.counts(Lake(str(tmp_path / "expected")))
    assert lakes.counts(lake)["objects"] == len(paths)
    lakes.check_exact(lake)


def test_a_connection_that_hangs_is_given_up_and_tried_again(moto_s3: S3Server, tmp_path: Path) -> None:
    assert moto_s3.endpoint_url
    uri, paths = fill(moto_s3, 6)
    with faulty(moto_s3.endpoint_url, [Fault.STALL], each=1, only=KEY_OF_OBJECT) as proxy:
        code, errors = ingest(proxy.url, uri, tmp_path / "lake")
    assert code == 0, errors
    assert proxy.dealt[Fault.STALL] >= len(paths)
    assert lakes.counts(Lake(str(tmp_path / "lake")))["objects"] == len(paths)


def test_one_refused_prefix_of_three_stops_no_other(moto_s3: S3Server, tmp_path: Path) -> None:
    bucket = moto_s3.bucket()
    body = GOOD.read_bytes()
    for account in ("111122223333", "123456789012", "444455556666"):
        bucket.put((KEY + NAME.format(0, "a")).replace("123456789012", account), body)
    may_read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"}
    may_list = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket.name}"}
    refused = {
        "Effect": "Deny",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket.name}/AWSLogs/123456789012/*",
    }
    with moto_s3.enforcing(may_read, may_list, refused) as (access, secret):
        env = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
        code, errors = ingest(moto_s3.endpoint_url, bucket.uri, tmp_path / "lake", **env)
    assert code == 3
    said = " ".join(errors.split())
    assert "1 could not be read, the rest is in the lake" in said
    assert "access denied. Allow s3:GetObject" in said
    assert "AWSLogs/123456789012/" in said
    lake = Lake(str(tmp_path / "lake"))
    assert lakes.counts(lake)["objects"] == 2
    lakes.check_exact(lake)
    assert ingest(moto_s3.endpoint_url, bucket.uri, tmp_path / "lake")[0] == 0
    assert lakes.counts(lake)["lattice_access"] == 3 * LINES
    lakes.check_exact(lake)


def test_an_object_that_vanishes_between_list_and_get(moto_s3: S3Server, tmp_path: Path) -> None:
    bucket = moto_s3.bucket()
    for minute in range(3):
        bucket.put(KEY + NAME.format(minute, "a"), GOOD.read_bytes())
    assert moto_s3.endpoint_url
    with faulty(moto_s3.endpoint_url, [Fault.SLOW_DOWN], each=0) as proxy:
        gone = f"/{bucket.name}/{KEY}{NAME.format(1, 'a')}"
        proxy.before[gone] = lambda: bucket.delete(KEY + NAME.format(1, "a"))
        code, errors = ingest(proxy.url, bucket.uri, tmp_path / "lake")
    assert code == 3
    assert "vanished after it was listed" in " ".join(errors.split())
    lake = Lake(str(tmp_path / "lake"))
    assert lakes.counts(lake)["lattice_access"] == 2 * LINES
    lakes.check_exact(lake)
    assert ingest(moto_s3.endpoint_url, bucket.uri, tmp_path / "lake")[0] == 0
