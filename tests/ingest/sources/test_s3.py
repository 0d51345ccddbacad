"""Listing and reading over real HTTP: moto's server and rclone's, the same promises of both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ingest.errors import SettingsError, SourceError
from ingest.settings import Settings, SourceSettings
from ingest.sources import Body, Source, SourceObject, open_source
from ingest.sources.s3 import Bucket
from ingest.sources.s3_access import bucket_region, open_session, source_for, storage_options
from tests.servers import S3Server

SINCE = datetime(2026, 11, 20, tzinfo=UTC)
UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(params=["moto_s3", "rclone_s3"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


def flow_key(time: str, *, account: str = "123456789012", tail: str = "a1b2c3d4.log.gz") -> str:
    day = f"{time[:4]}/{time[4:6]}/{time[6:8]}"
    folder = f"AWSLogs/{account}/vpcflowlogs/eu-west-1/{day}"
    return f"{folder}/{account}_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_{time}Z_{tail}"


def listed(source: Source, since: datetime | None = None, until: datetime | None = None) -> list[SourceObject]:
    return [found for chunk in source.list(since, until) for found in chunk]


def uris(objects: Iterable[SourceObject]) -> set[str]:
    return {found.uri for found in objects}


def read(source: Source, objects: Iterable[SourceObject]) -> Iterator[Body | SourceError]:
    return (body for _, body in source.read(list(objects)))


def test_lists_and_reads_what_was_put(server: S3Server) -> None:
    bucket = server.bucket()
    bodies = {bucket.put(flow_key(f"20261121T{hour:02d}00")): b"flow %d" % hour for hour in range(24)}
    for uri, body in bodies.items():
        bucket.put(uri.removeprefix(bucket.uri), body)
    source = open_source(bucket.uri, server.settings())

    objects = listed(source)

    assert {found.uri: body for found, body in source.read(objects)} == bodies
    assert [found for found, _ in source.read(objects)] == objects
    for found in objects:
        assert found.etag == hashlib.md5(bodies[found.uri]).hexdigest()
        assert found.size == len(bodies[found.uri])
        assert abs(datetime.now(UTC) - found.last_modified) < timedelta(hours=1)


@pytest.mark.parametrize(
    "key",
    [
        "a b/ü x.log",
        "a%20b/c%.log",
        "x/#?&=+.log",
        "~t/*[1].log",
        "bell\a\ttab.log",
        "AWSLogs/aws-account-id=123456789012/日本.log",
    ],
)
def test_any_key_is_named_as_it_is(server: S3Server, key: str) -> None:
    bucket = server.bucket()
    uri = bucket.put(key, b"here")
    source = open_source(bucket.uri, server.settings())

    [found] = listed(source)

    assert found.uri == uri
    assert list(read(source, [found])) == [b"here"]


def test_keys_obstore_cannot_name_stop_nothing(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket()
    day = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/21/"
    expected = {
        bucket.put(f"{day}{name}", name.encode()): name.encode()
        for name in ("a.log", "b//c.log", "d/../e.log", "f/./g.log", "z.log")
    }
    bucket.put(f"{day}folder/", b"")
    source = open_source(bucket.uri, moto_s3.settings())

    objects = listed(source, SINCE, UNTIL + timedelta(days=10_000))

    assert {found.uri: body for found, body in source.read(objects)} == expected


def test_a_hostile_key_after_a_thousand_others_repeats_and_loses_none(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket()
    expected = bucket.put_many([f"plain/{number:04d}.log" for number in range(1_005)])
    expected.add(bucket.put("plain/zz//x.log"))

    objects = listed(open_source(f"{bucket.uri}plain", moto_s3.settings()))

    assert len(objects) == 1_006
    assert uris(objects) == expected


def test_pages_of_a_thousand(rclone_s3: S3Server) -> None:
    bucket = rclone_s3.bucket()
    expected = bucket.put_many([flow_key("20261121T0000", tail=f"{number:05d}.log.gz") for number in range(3_000)])
    source = open_source(bucket.uri, rclone_s3.settings())

    chunks = list(source.list(SINCE, UNTIL))

    assert uris(found for chunk in chunks for found in chunk) == expected
    assert sum(len(chunk) for chunk in chunks) == 3_000
    assert all(len(chunk) <= 1_000 for chunk in chunks)
    assert all(chunk == sorted(chunk, key=lambda found: found.uri) for chunk in chunks)


def test_layouts_with_prefix_organisation_and_hive(server: S3Server) -> None:
    bucket = server.bucket()
    plain = flow_key("20261121T0100")
    hive = (
        "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day=21/"
        "hour=01/123456789012_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20261121T0105Z_a1b2c3d4.log.parquet"
    )
    lattice = (
        "AWSLogs/123456789012/VpcLattice/AccessLogs/eu-west-1/2026/11/21/svc-0123456789abcdef0/"
        "123456789012_VpcLatticeAccessLogs_eu-west-1_svc-0123456789abcdef0_20261121T0100Z_a1b2c3d4.json.gz"
    )
    expected = {
        bucket.put(key)
        for key in (
            plain,
            hive,
            lattice,
            f"team/a/{plain}",
            plain.replace("AWSLogs/", "AWSLogs/o-exampleorgid/"),
            f"vended/eu-west-1/{plain.partition('eu-west-1/')[2]}",
            flow_key("20261121T0100", account="111122223333"),
        )
    }
    for other in (
        flow_key("20261101T0100"),
        flow_key("20261124T0100"),
        hive.replace("day=21", "day=01").replace("20261121T0105", "20261101T0105"),
        plain.replace("vpcflowlogs", "CloudTrail"),
        "truth.json",
    ):
        bucket.put(other)

    assert uris(listed(open_source(bucket.uri, server.settings()), SINCE, UNTIL)) == expected


def test_only_the_days_asked_for_are_listed(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket()
    for month in range(1, 13):
        bucket.put_many([flow_key(f"2026{month:02d}{day:02d}T0000") for day in range(1, 29)])
    source = open_source(bucket.uri, moto_s3.settings())

    objects = listed(source, SINCE, UNTIL)

    assert len(objects) == 3
    # Five levels down to the year, the days 20 to 22, and two for what was delivered later.
    assert source.requests == 5 + 5


def test_late_object_among_listed_ones_is_found(server: S3Server) -> None:
    bucket = server.bucket()
    bucket.put_many([flow_key(f"20261121T{hour:02d}00") for hour in range(24)])
    source = open_source(bucket.uri, server.settings())
    before = uris(listed(source, SINCE, UNTIL))

    late = bucket.put(flow_key("20261121T0300", tail="late.log.gz"))

    assert uris(listed(source, SINCE, UNTIL)) - before == {late}


def test_time_limits_include_both_ends(server: S3Server) -> None:
    bucket = server.bucket()
    inside = {bucket.put(flow_key("20261120T0000")), bucket.put(flow_key("20261122T0000"))}
    bucket.put(flow_key("20261119T2359"))
    bucket.put(flow_key("20261122T0001"))

    assert uris(listed(open_source(bucket.uri, server.settings()), SINCE, UNTIL)) == inside


def test_delivery_day_after_the_time_in_the_name_is_listed(server: S3Server) -> None:
    bucket = server.bucket()
    late = bucket.put(flow_key("20261121T2355").replace("2026/11/21", "2026/11/22"))

    objects = listed(open_source(bucket.uri, server.settings()), SINCE, datetime(2026, 11, 21, 23, 59, tzinfo=UTC))

    assert uris(objects) == {late}


def test_a_prefix_below_the_year_is_listed_whole(server: S3Server) -> None:
    bucket = server.bucket()
    key = flow_key("20261121T0100")
    wanted = bucket.put(key)
    bucket.put(flow_key("20261122T0100"))

    assert uris(listed(open_source(bucket.uri + key.rpartition("/")[0], server.settings()))) == {wanted}


def test_objects_of_no_known_layout_are_limited_by_last_modified(server: S3Server) -> None:
    bucket = server.bucket()
    wanted = {bucket.put("one.log"), bucket.put("deep/er/two.log")}
    now = datetime.now(UTC)
    source = open_source(bucket.uri, server.settings())

    assert uris(listed(source, now - timedelta(hours=1), None)) == wanted
    assert listed(source, now + timedelta(hours=1), None) == []


def test_prefix_ends_at_a_segment(server: S3Server) -> None:
    bucket = server.bucket()
    wanted = bucket.put("logs/one.log")
    bucket.put("logs-of-others/two.log")

    assert uris(listed(open_source(f"{bucket.uri}logs", server.settings()))) == {wanted}


def test_vanished_and_rewritten_objects_yield_errors_in_their_place(server: S3Server) -> None:
    bucket = server.bucket()
    for name in ("a", "b", "c", "d"):
        bucket.put(f"{name}.log", name.encode())
    source = open_source(bucket.uri, server.settings())
    objects = listed(source)
    bucket.delete("b.log")
    bucket.put("c.log", b"changed")

    first, vanished, rewritten, last = read(source, objects)

    assert (first, last) == (b"a", b"d")
    assert str(vanished).startswith(f"{bucket.uri}b.log: vanished after it was listed")
    assert str(rewritten).startswith(f"{bucket.uri}c.log: was rewritten after it was listed")


def test_empty_object_is_empty(server: S3Server) -> None:
    bucket = server.bucket()
    bucket.put("empty.log", b"")
    source = open_source(bucket.uri, server.settings())

    assert list(read(source, listed(source))) == [b""]


def test_object_larger_than_what_is_fetched_ahead(rclone_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.source.IN_FLIGHT_BYTES", 10)
    bucket = rclone_s3.bucket()
    bodies = [bytes([48 + number]) * size for number, size in enumerate((3, 50, 4, 4, 20, 1))]
    for number, body in enumerate(bodies):
        bucket.put(f"{number}.log", body)
    source = open_source(bucket.uri, rclone_s3.settings())

    assert list(read(source, listed(source))) == bodies


def test_denied_object_does_not_stop_the_others(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = moto_s3.bucket()
    for name in ("a", "secret", "z"):
        bucket.put(f"{name}.log", name.encode())
    list_all = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket.name}"}
    readable = [f"arn:aws:s3:::{bucket.name}/{name}.log" for name in ("a", "z")]
    get_some = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": readable}
    with moto_s3.enforcing(list_all, get_some) as keys:
        use(keys, monkeypatch)
        source = open_source(bucket.uri, moto_s3.settings())
        first, denied, last = read(source, listed(source))

    assert (first, last) == (b"a", b"z")
    assert isinstance(denied, SourceError)
    assert str(denied).startswith(f"{bucket.uri}secret.log: access denied. Allow s3:GetObject on arn:aws:s3:::")
    assert keys[1] not in str(denied)


def test_denied_bucket_names_the_permission(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = moto_s3.bucket()
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"}
    with moto_s3.enforcing(reading) as keys:
        use(keys, monkeypatch)
        source = open_source(f"{bucket.uri}logs", moto_s3.settings())
        with pytest.raises(SourceError) as raised:
            listed(source)

    assert str(raised.value) == f"{bucket.uri}logs/: access denied. Allow s3:ListBucket on arn:aws:s3:::{bucket.name}"


def test_a_refused_prefix_is_raised_after_the_others_were_listed(
    moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto_s3.bucket()
    wanted = {bucket.put(flow_key("20261120T0100")), bucket.put(flow_key("20261122T0000"))}
    bucket.put(flow_key("20261121T0100"))
    whole = Bucket.whole

    def whole_but_one(self: Bucket, prefix: str) -> Iterator[list[SourceObject]]:
        # moto knows no s3:prefix condition, so the refusal is made here.
        if prefix.endswith("2026/11/21/"):
            raise SourceError(f"s3://{self.name}/{prefix}: access denied")
        yield from whole(self, prefix)

    monkeypatch.setattr(Bucket, "whole", whole_but_one)
    chunks = open_source(bucket.uri, moto_s3.settings()).list(SINCE, UNTIL)
    found: list[SourceObject] = []
    with pytest.raises(SourceError, match="2026/11/21/: access denied"):
        found.extend(one for chunk in chunks for one in chunk)

    assert uris(found) == wanted


def test_assumed_role_reads(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert moto_s3.endpoint_url
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_s3.endpoint_url)
    bucket = moto_s3.bucket()
    bucket.put("one.log", b"one")
    role = {"uri": bucket.uri, "role_arn": "arn:aws:iam::111122223333:role/LogReader", "requester_pays": True}
    source = open_source(bucket.uri, moto_s3.settings(sources=[role]))

    assert list(read(source, listed(source))) == [b"one"]


def test_role_that_may_not_be_assumed(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert moto_s3.endpoint_url
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_s3.endpoint_url)
    bucket = moto_s3.bucket()
    role = {"uri": bucket.uri, "role_arn": "arn:aws:iam::111122223333:role/LogReader"}
    with moto_s3.enforcing({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}) as keys:
        use(keys, monkeypatch)
        source = open_source(bucket.uri, moto_s3.settings(sources=[role]))
        with pytest.raises(SourceError, match=rf"^{bucket.uri}: the role may not be assumed \(AccessDenied\)\."):
            listed(source)


def test_region_is_asked_of_s3(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert moto_s3.endpoint_url
    # botocore goes to moto by the variable, while the function believes that it asks AWS itself.
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_s3.endpoint_url)
    moto_s3.client().create_bucket(
        Bucket="logs-of-ireland", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    session = open_session(SourceSettings(uri="s3://logs-of-ireland"))

    assert bucket_region(session, "logs-of-ireland", None) == "eu-west-1"
    with pytest.raises(SourceError, match=r"^s3://logs-of-nowhere: there is no such bucket\."):
        bucket_region(session, "logs-of-nowhere", None)


def test_unknown_bucket_says_so(server: S3Server) -> None:
    source = open_source("s3://no-such-bucket-here/logs", server.settings())
    with pytest.raises(SourceError, match=r"^s3://no-such-bucket-here/logs/: there is no bucket no-such-bucket-here\."):
        listed(source)


def test_wrong_key_is_refused_without_showing_it(rclone_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = rclone_s3.bucket()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    source = open_source(bucket.uri, rclone_s3.settings())
    with pytest.raises(SourceError, match=rf"^{bucket.uri}: .*(refused|denied)") as raised:
        listed(source)
    assert "wrong-secret" not in str(raised.value)


def test_without_credentials_says_how_to_get_some(rclone_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceError, match=r"s3://logs-of-us/x: no AWS credentials found\. Set AWS_PROFILE"):
        open_source("s3://logs-of-us/x", rclone_s3.settings())


def test_unknown_profile_is_a_setting() -> None:
    with pytest.raises(SettingsError, match="profile 'nobody' is not in"):
        open_source("s3://logs-of-us/x", Settings(profile="nobody"))


@pytest.mark.parametrize("uri", ["s3://", "s3:///x", "s3://Bad_Bucket/x"])
def test_not_a_bucket(rclone_s3: S3Server, uri: str) -> None:
    with pytest.raises(SettingsError, match=r"is not a bucket name\. Expected s3://bucket/prefix"):
        open_source(uri, rclone_s3.settings())


def test_the_closest_source_settings_hold(rclone_s3: S3Server) -> None:
    settings = rclone_s3.settings(
        sources=[
            {"uri": "s3://logs", "region": "eu-west-1"},
            {"uri": "s3://logs/team/", "profile": "team"},
        ]
    )

    assert source_for("s3://logs/team/a", settings).profile == "team"
    assert source_for("s3://logs/team", settings).region == "us-east-1"
    assert source_for("s3://logs/teams", settings).region == "eu-west-1"
    assert source_for("s3://logs-too/team", settings).profile is None


def test_storage_options_open_a_lake(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket("lake")
    uri = f"{bucket.uri}table"
    options = storage_options(uri, moto_s3.settings())
    write_deltalake(uri, pa.table({"n": [1, 2]}), storage_options=options)

    assert DeltaTable(uri, storage_options=options).to_pyarrow_table().num_rows == 2
    assert options["aws_conditional_put"] == "etag"
    assert "aws_secret_access_key" not in options
    assert storage_options("/some/folder", moto_s3.settings()) == {}


def use(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
