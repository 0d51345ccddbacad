"""S3 events in the shapes they come in, written by hand from AWS's documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources import SourceObject
from ingest.sources.day_prefixes import worth_reading
from ingest.sources.events import NotAnEventError, created

TIME = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def record(key: str, name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    about = {"key": key, "size": 42, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": "v1", "sequencer": "00"}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-11-21T01:00:00.000Z",
        "eventName": name,
        "s3": {"bucket": {"name": "amzn-s3-demo-logging-bucket"}, "object": {**about, **more}},
    }


def found(key: str, **more: Any) -> SourceObject:
    values = {"etag": "d41d8cd98f00b204e9800998ecf8427e", "size": 42, "last_modified": TIME, **more}
    return SourceObject(f"s3://amzn-s3-demo-logging-bucket/{key}", **values)


BRIDGE = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2026-11-21T01:00:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:s3:::amzn-s3-demo-logging-bucket"],
    "detail": {
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-logging-bucket"},
        "object": {"key": "a b+c%20.gz", "size": 42, "etag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "00"},
        "reason": "PutObject",
    },
}


def test_a_notification_with_several_records_and_encoded_keys() -> None:
    body = json.dumps({"Records": [record("a+b%2Bc/%C3%A9.gz"), record("second.gz", size=7)]})
    assert created(body) == [found("a b+c/é.gz"), found("second.gz", size=7)]


@given(st.text(min_size=1).filter(lambda key: not key.endswith("/")))
def test_any_key_comes_back_as_it_was(key: str) -> None:
    try:
        encoded = quote_plus(key)
    except UnicodeEncodeError:
        return
    assert created(json.dumps({"Records": [record(encoded)]})) == [found(key)]


def test_wrapped_by_sns() -> None:
    inner = json.dumps({"Records": [record("a.gz")]})
    body = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:t", "Message": inner})
    assert created(body) == [found("a.gz")]


@pytest.mark.parametrize("wrap", [False, True])
def test_event_bridge_keys_are_as_they_are(wrap: bool) -> None:
    body = json.dumps(BRIDGE)
    if wrap:
        body = json.dumps({"Type": "Notification", "Message": body})
    assert created(body) == [found("a b+c%20.gz")]


@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-21T01:00:00.000Z", "Bucket": "b"},
        {"Records": [record("a.gz", "ObjectRemoved:Delete")]},
        {"Records": []},
        {"Records": [record("folder/", size=0)]},
        {**BRIDGE, "detail-type": "Object Deleted"},
    ],
)
def test_events_that_name_nothing_new(body: dict[str, Any]) -> None:
    assert created(json.dumps(body)) == []


def test_what_an_event_does_not_tell_is_to_be_asked() -> None:
    incomplete = record("a.gz")
    del incomplete["s3"]["object"]["eTag"], incomplete["s3"]["object"]["size"]
    assert created(json.dumps({"Records": [incomplete]})) == [found("a.gz", etag="", size=-1)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "{}",
        "null",
        '{"Records": 3}',
        '{"Records": [3]}',
        '{"Records": [{"eventSource": "aws:sqs"}]}',
        json.dumps({"Records": [{**record("a"), "eventTime": "noon"}]}),
        json.dumps({"Records": [{**record("a"), "s3": {"bucket": {"name": "../etc"}, "object": {"key": "a"}}}]}),
        json.dumps({"Records": [record("")]}),
        json.dumps({"Records": [record("%ff")]}),
        json.dumps({"Type": "Notification", "Message": "hello"}),
        json.dumps({"source": "aws.s3", "detail-type": "Object Created"}),
    ],
)
def test_what_is_no_event_of_s3(body: str) -> None:
    with pytest.raises(NotAnEventError):
        created(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Records",
                        "eventSource",
                        "eventName",
                        "s3",
                        "object",
                        "bucket",
                        "Type",
                        "Message",
                        "source",
                        "detail",
                    ]
                ),
                s,
            )
        ),
    )
)
def test_anything_is_an_event_or_is_not(value: object) -> None:
    try:
        found = created(json.dumps(value))
    except NotAnEventError:
        return
    assert all(item.uri.startswith("s3://") for item in found)


@pytest.mark.parametrize(
    ("key", "worth"),
    [
        ("AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/21/a.gz", True),
        ("AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/21/a.gz", False),
        ("team/AWSLogs/o-exampleorgid/123456789012/Config/a.gz", False),
        ("AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/a.parquet", True),
        ("AWSLogs/aws-account-id=123456789012/aws-service=route53resolver/a.gz", False),
        ("vended/eu-west-1/2026/11/21/a.gz", True),
    ],
)
def test_other_services_objects_are_not_worth_reading(key: str, worth: bool) -> None:
    assert worth_reading(f"s3://amzn-s3-demo-logging-bucket/{key}") is worth
