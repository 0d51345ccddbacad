"""A folder as a source: the same promises as a bucket, and what only a file system can do to it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SettingsError, SourceError
from ingest.formats.object_key import parse_key
from ingest.settings import Settings
from ingest.sources import Source, SourceObject, open_source

FLOW = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/21/123456789012_vpcflowlogs_eu-west-1_fl-0a_{}Z_a1.log.gz"
HIVE = (
    "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=21/"
    "123456789012_vpcflowlogs_eu-west-1_fl-0a_20261121T0105Z_a1.log.parquet"
)


def put(root: Path, key: str, body: bytes = b"line\n") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def listed(source: Source, since: datetime | None = None, until: datetime | None = None) -> list[SourceObject]:
    return [found for chunk in source.list(since, until) for found in chunk]


def names(objects: list[SourceObject]) -> list[str]:
    return [found.uri.rpartition("/")[2] for found in objects]


def test_lists_and_reads(tmp_path: Path) -> None:
    bodies = {put(tmp_path, FLOW.format(f"20261121T{hour:02d}00")): b"%d" % hour for hour in range(5)}
    for path, body in bodies.items():
        path.write_bytes(body)
    source = open_source(str(tmp_path), Settings())

    read = list(source.read(listed(source)))

    assert {Path(found.uri.removeprefix("file://")): body for found, body in read} == bodies
    assert all(found.size == 1 and found.etag.startswith("1-") for found, _ in read)
    assert source.requests == 0


def test_keys_are_read_from_uris(tmp_path: Path) -> None:
    put(tmp_path, HIVE)

    [found] = listed(open_source(str(tmp_path), Settings()))

    assert found.uri.endswith(HIVE)
    assert parse_key(found.uri).account == "123456789012"


def test_one_file(tmp_path: Path) -> None:
    path = put(tmp_path, "one.log", b"one")
    source = open_source(str(path), Settings())

    assert [body for _, body in source.read(listed(source))] == [b"one"]


@pytest.mark.parametrize("form", ["plain", "uri", "relative"])
def test_forms_of_a_path_name_the_same_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    put(tmp_path, "logs here/one.log")
    monkeypatch.chdir(tmp_path)
    given_as = {"plain": f"{tmp_path}/logs here", "uri": f"file://{tmp_path}/logs%20here", "relative": "logs here"}

    [found] = listed(open_source(given_as[form], Settings()))

    assert found.uri == f"file://{tmp_path}/logs%20here/one.log"


@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_file_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    name = "a" + name
    put(folder, name, b"here")
    source = open_source(str(folder), Settings())

    quoted = f"file://{folder}/" + quote(name, safe="/=:@!$&'()*+,;~")
    expected = [] if name.endswith(".tmp") else [(quoted, b"here")]
    assert [(found.uri, body) for found, body in source.read(listed(source))] == expected


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.log")).write_bytes(b"here")
    source = open_source(str(tmp_path), Settings())

    assert [(found.uri, body) for found, body in source.read(listed(source))] == [
        (f"file://{tmp_path}/a%FF.log", b"here")
    ]


def test_what_is_no_log_object_is_skipped(tmp_path: Path) -> None:
    wanted = put(tmp_path, FLOW.format("20261121T0000"))
    for other in (".hidden", "truth.json", "generate.py", "__pycache__/generate.pyc", ".git/config"):
        put(tmp_path, other)
    for other in ("part.log.tmp", ".part", "_SUCCESS"):
        put(wanted.parent, other)
    os.mkfifo(wanted.parent / "pipe.log")

    assert names(listed(open_source(str(tmp_path), Settings()))) == [wanted.name]


def test_links_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path, "logs/one.log")
    outside = put(tmp_path, "elsewhere/two.log")
    (tmp_path / "logs/loop").symlink_to(tmp_path / "logs", target_is_directory=True)
    (tmp_path / "logs/other").symlink_to(outside.parent, target_is_directory=True)
    (tmp_path / "logs/again").symlink_to(outside.parent, target_is_directory=True)
    (tmp_path / "logs/gone.log").symlink_to(tmp_path / "nowhere")

    assert sorted(names(listed(open_source(str(tmp_path / "logs"), Settings())))) == ["one.log", "two.log"]


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    for name in ("a", "z"):
        put(tmp_path, name)
    (tmp_path / "self").symlink_to("self")

    assert names(listed(open_source(str(tmp_path), Settings()))) == ["a", "z"]


def test_a_folder_that_may_be_listed_and_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may do all of it, so what the kernel says to others is said here."""
    for name in ("a/1", "b/1", "b/2", "c/1"):
        put(tmp_path, name)
    scandir = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path = entry.name, entry.path

        def is_dir(self) -> bool:
            return False

        def is_file(self) -> bool:
            return True

        def stat(self) -> os.stat_result:
            raise PermissionError(errno.EACCES, "Permission denied", self.path)

    @contextmanager
    def listing(folder: str) -> Iterator[object]:
        with scandir(folder) as entries:
            yield [Entry(entry) for entry in entries] if str(folder).endswith("/b") else list(entries)

    monkeypatch.setattr(os, "scandir", listing)
    found: list[SourceObject] = []
    chunks = open_source(str(tmp_path), Settings()).list(None, None)
    with pytest.raises(SourceError, match=rf"1 folder\(s\) could not be listed, first {tmp_path}/b \(Permission"):
        found.extend(file for chunk in chunks for file in chunk)
    assert [found.uri[-3:] for found in found] == ["a/1", "c/1"]


def test_time_limits(tmp_path: Path) -> None:
    for time in ("20261119T2359", "20261120T0000", "20261122T0000", "20261122T0001"):
        put(tmp_path, FLOW.format(time))
    old = put(tmp_path, "AWSLogs/no-time-in-name.log")
    os.utime(old, (0, 0))

    found = listed(
        open_source(str(tmp_path), Settings()), datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    )

    assert [parse_key(o.uri).time for o in found] == [
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 22, tzinfo=UTC),
    ]


def test_chunks_of_a_thousand(tmp_path: Path) -> None:
    for number in range(2_100):
        put(tmp_path, f"{number % 7}/{number}.log", b"")

    chunks = list(open_source(str(tmp_path), Settings()).list(None, None))

    assert [len(chunk) for chunk in chunks] == [1_000, 1_000, 100]
    assert all(chunk == sorted(chunk, key=lambda o: o.uri) for chunk in chunks)
    assert len({o.uri for chunk in chunks for o in chunk}) == 2_100


def test_vanished_and_rewritten_files_yield_errors_in_their_place(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        put(tmp_path, f"{name}.log", name.encode())
    source = open_source(str(tmp_path), Settings())
    objects = listed(source)
    (tmp_path / "b.log").unlink()
    put(tmp_path, "c.log", b"changed")

    first, vanished, rewritten, last = (body for _, body in source.read(objects))

    assert (first, last) == (b"a", b"d")
    assert str(vanished).startswith(f"file://{tmp_path}/b.log: vanished after it was listed")
    assert str(rewritten).startswith(f"file://{tmp_path}/c.log: was rewritten after it was listed")


def test_new_content_is_a_new_version(tmp_path: Path) -> None:
    path = put(tmp_path, "a.log", b"one")
    source = open_source(str(path), Settings())
    [before] = listed(source)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))

    [after] = listed(source)

    assert after.uri == before.uri
    assert after.etag != before.etag


def test_folder_that_vanishes_or_refuses_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path, f"{name}/{name}.log")
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        # Root may read every folder, so the refusal is made here.
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found: list[SourceObject] = []
    chunks = open_source(str(tmp_path), Settings()).list(None, None)
    with pytest.raises(SourceError, match=rf"1 folder\(s\) could not be listed, first {tmp_path}/b"):
        found.extend(file for chunk in chunks for file in chunk)

    assert names(found) == ["a.log", "c.log"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such file or folder\. Name a folder of logs"):
        open_source(str(tmp_path / "nowhere"), Settings())


def test_other_schemes_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"gs:// is not a source eastwest reads\. Use a folder, a file or s3://"):
        open_source("gs://bucket/logs", Settings())
