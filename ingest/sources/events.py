"""What a message about S3 says: which objects were created, whichever way the event came.

Three shapes are read: S3's own notification, the same (or the next) wrapped by SNS, and EventBridge's. Source: "Event
message structure" and "EventBridge event message structure" of the S3 user guide; S3's own keys are URL-encoded with
`+` for a space, EventBridge's are not encoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import orjson

from ingest.sources.source import SourceObject

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TEST = "s3:TestEvent"


class NotAnEventError(ValueError):
    """A message that is no event of S3; the message says why."""


def created(body: str) -> list[SourceObject]:
    """The objects that the message says were created, in its order; none for S3's test event and for other events.

    `size` is -1 and `etag` empty where the event does not tell them.

    Raises:
        NotAnEventError: it is no S3 event in a known shape.
    """
    message = _json(body)
    if message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        message = _json(message["Message"])
    if message.get("Event") == _TEST:
        return []
    try:
        if message.get("source") == "aws.s3":
            return _from_event_bridge(message)
        records = message["Records"]
        return [found for record in records if (found := _from_record(record)) is not None]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, NotAnEventError):
            raise
        raise NotAnEventError(f"no S3 event: {type(error).__name__} {error}") from None


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAnEventError(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise NotAnEventError("no JSON object")
    return found


def _from_record(record: Mapping[str, Any]) -> SourceObject | None:
    if record["eventSource"] != "aws:s3":
        raise NotAnEventError(f"an event of {record['eventSource']!r}, not of aws:s3")
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    about = record["s3"]["object"]
    key = unquote_plus(about["key"], errors="strict")
    return _object(record["s3"]["bucket"]["name"], key, about.get("eTag"), about.get("size"), record["eventTime"])


def _from_event_bridge(message: Mapping[str, Any]) -> list[SourceObject]:
    if message["detail-type"] != "Object Created":
        return []
    detail = message["detail"]
    about = detail["object"]
    found = _object(detail["bucket"]["name"], about["key"], about.get("etag"), about.get("size"), message["time"])
    return [found] if found else []


def _object(bucket: str, key: str, etag: object, size: object, time: str) -> SourceObject | None:
    if not _BUCKET.fullmatch(bucket):
        raise NotAnEventError(f"{bucket!r} is no bucket name")
    if not key:
        raise NotAnEventError("an object without a key")
    if key.endswith("/") and not size:
        return None  # the empty marker that stands for a folder
    when = datetime.fromisoformat(time)
    return SourceObject(
        uri=f"s3://{bucket}/{key}",
        etag=str(etag or "").strip('"'),
        size=size if isinstance(size, int) and size >= 0 else -1,
        last_modified=when if when.tzinfo else when.replace(tzinfo=UTC),
    )
