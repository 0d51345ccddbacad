"""Objects of an S3 bucket: the only module that knows AWS, with `s3_access` beside it for who asks and how.

Promises: whole days are listed (a late object sorts among those already seen); obstore does the bulk, and a key it
cannot name (an empty, `.` or `..` segment, which S3 allows) is listed and read through boto3, so it stops nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError, InvalidPathError

from ingest.answers import ATTEMPTS, broke_off, whole
from ingest.errors import SourceError
from ingest.settings import Settings
from ingest.sources import day_prefixes, source
from ingest.sources.s3_access import Access, access_for, explain, split_uri
from ingest.sources.source import CHUNK, IN_FLIGHT, Body, RewrittenError, SourceObject, in_chunks, in_order, in_window

if TYPE_CHECKING:
    from obstore import ObjectMeta

LARGEST_LEVEL = 10
"""Pages of one level read while looking for days; a level with more is not AWS's layout and is listed whole."""

WIDEST = 5_000
"""Prefixes of one level looked into; more of them are listed whole instead."""

FAILURES = (BaseError, BotoCoreError, ClientError, OSError)


def open_bucket(uri: str, settings: Settings) -> BucketSource:
    """The source behind `s3://bucket/prefix`.

    Raises:
        SourceError: no credentials, no such bucket, or a role that may not be assumed.
    """
    return BucketSource(uri, access_for(uri, settings))


class Bucket:
    """One bucket's requests, counted: a level, everything below a prefix, an object."""

    def __init__(self, name: str, access: Access) -> None:
        """Nothing is sent yet."""
        self.name = name
        self.requests = 0
        self._counting = Lock()
        self._store = access.store
        self._client = access.client
        self._payer: dict[str, Any] = {"RequestPayer": "requester"} if access.requester_pays else {}

    def level(self, prefix: str) -> tuple[list[str], list[SourceObject]] | SourceError | None:
        """The prefixes one level below `prefix` and the objects on it; None when there are too many to look into."""
        children: list[str] = []
        objects: list[SourceObject] = []
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix, Delimiter="/", **self._payer
            )
            for number, page in enumerate(pages, 1):
                self._count()
                if number > LARGEST_LEVEL:
                    return None
                children.extend(p["Prefix"] for p in page.get("CommonPrefixes", []))
                objects.extend(self._objects(page.get("Contents", [])))
        except FAILURES as error:
            return explain(error, f"s3://{self.name}/{prefix}", "s3:ListBucket")
        return children, objects

    def whole(self, prefix: str) -> Iterator[list[SourceObject]]:
        """Every object below `prefix`, a page at a time."""
        last = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._count()
                for number, metas in enumerate(self._store.list(prefix, offset=last or None, chunk_size=CHUNK)):
                    self._count(min(number, 1))
                    page = [self._object(meta) for meta in metas]
                    last = metas[-1]["path"]
                    yield page
                return
            except (InvalidPathError, ValueError):
                yield from self._whole_by_name(prefix, last)
                return
            except FAILURES as error:
                if attempt == ATTEMPTS or not broke_off(error):
                    raise explain(error, f"s3://{self.name}/{prefix}", "s3:ListBucket") from error

    def _whole_by_name(self, prefix: str, after: str) -> Iterator[list[SourceObject]]:
        """As `whole`, through boto3 and from the key `after` on: for prefixes with a key that obstore refuses."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix, StartAfter=after, **self._payer
            ):
                self._count()
                yield self._objects(page.get("Contents", []))
        except FAILURES as error:
            raise explain(error, f"s3://{self.name}/{prefix}", "s3:ListBucket") from error

    def get(self, wanted: SourceObject) -> Body | SourceError:
        """The object's bytes; an empty one is not asked for (obstore lists a folder's marker without its slash)."""
        if not wanted.size:
            return b""
        if wanted.size > source.LARGE:
            return self._parts(wanted)
        try:
            return self._insist(wanted, None)
        except SourceError as error:
            return error

    def _parts(self, wanted: SourceObject) -> Iterator[bytes]:
        """The bytes of a large object, a range at a time, all of the version that was listed."""
        for start in range(0, wanted.size, source.PART):
            yield self._insist(wanted, (start, min(start + source.PART, wanted.size)))

    def _insist(self, wanted: SourceObject, span: tuple[int, int] | None) -> bytes:
        try:
            return whole(lambda: self._get(wanted, span))
        except FAILURES as error:
            raise explain(error, wanted.uri, "s3:GetObject") from error

    def _get(self, wanted: SourceObject, span: tuple[int, int] | None) -> bytes:
        key = wanted.uri.removeprefix(f"s3://{self.name}/")
        self._count()
        try:
            got = self._store.get(key, options={"range": span} if span else {})
            etag, body = got.meta["e_tag"] or "", got.bytes
        except (InvalidPathError, ValueError):
            part = {"Range": f"bytes={span[0]}-{span[1] - 1}"} if span else {}
            answer = self._client.get_object(Bucket=self.name, Key=key, **part, **self._payer)
            etag, body = answer["ETag"], answer["Body"].read
        if etag.strip('"') != wanted.etag:
            raise RewrittenError(f"{wanted.uri}: was rewritten after it was listed. The next run reads the new version")
        return bytes(body())

    def head(self, uri: str) -> SourceObject | SourceError:
        """The object as it is now: one HeadObject."""
        try:
            self._count()
            found = self._client.head_object(
                Bucket=self.name, Key=uri.removeprefix(f"s3://{self.name}/"), **self._payer
            )
        except FAILURES as error:
            return explain(error, uri, "s3:GetObject")
        return SourceObject(uri, found["ETag"].strip('"'), found["ContentLength"], found["LastModified"])

    def _count(self, requests: int = 1) -> None:
        with self._counting:
            self.requests += requests

    def _object(self, meta: ObjectMeta) -> SourceObject:
        return SourceObject(
            uri=f"s3://{self.name}/{meta['path']}",
            etag=(meta["e_tag"] or "").strip('"'),
            size=meta["size"],
            last_modified=meta["last_modified"],
        )

    def _objects(self, contents: Sequence[Any]) -> list[SourceObject]:
        """boto3's answer as objects; the empty markers that stand for a folder are none."""
        return [
            SourceObject(f"s3://{self.name}/{c['Key']}", c["ETag"].strip('"'), c["Size"], c["LastModified"])
            for c in contents
            if c["Size"] or not c["Key"].endswith("/")
        ]


class BucketSource:
    """The objects below one prefix of one bucket."""

    def __init__(self, uri: str, access: Access) -> None:
        """Nothing is sent before the first listing or read."""
        name, prefix = split_uri(uri)
        self.bucket = Bucket(name, access)
        self.prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self.uri = f"s3://{name}/{self.prefix}"

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self.bucket.requests

    def read(self, objects: Sequence[SourceObject]) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        """Bytes of each object, as `Source.read` says; one GetObject for each that is not empty."""
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            yield from zip(objects, in_order(pool, self.bucket.get, objects, lambda o: o.size), strict=True)

    def head(self, uri: str) -> SourceObject | SourceError:
        """The object as it is now."""
        return self.bucket.head(uri)

    def list(self, since: datetime | None, until: datetime | None) -> Iterator[list[SourceObject]]:
        """Objects of the window, as `Source.list` says; one ListObjectsV2 for each day, account, region and service."""
        refused: list[SourceError] = []
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            whole, loose = _prefixes(self.bucket, pool, self.prefix, since, until, refused)
            pages = _pages(self.bucket, pool, whole, refused)
            yield from in_chunks(o for o in loose if in_window(o, since, until))
            for page in pages:
                chunk = [o for o in page if in_window(o, since, until)]
                if chunk:
                    yield sorted(chunk, key=lambda o: o.uri)
        if len(refused) == 1:
            raise refused[0]
        if refused:
            raise SourceError(f"{refused[0]} (and {len(refused) - 1} more prefixes of {self.uri} like it)")


def _prefixes(
    bucket: Bucket,
    pool: ThreadPoolExecutor,
    top: str,
    since: datetime | None,
    until: datetime | None,
    refused: list[SourceError],
) -> tuple[list[str], list[SourceObject]]:
    """Prefixes to list whole, and the objects met on the way down to them."""
    if day_prefixes.has_year(top):
        return [top], []
    whole: list[str] = []
    loose: list[SourceObject] = []
    level = [top]
    for _ in range(day_prefixes.DEEPEST):
        if len(level) > WIDEST:
            break
        below: list[str] = []
        for parent, found in zip(level, in_order(pool, bucket.level, level), strict=True):
            if isinstance(found, SourceError):
                refused.append(found)
            elif found is None:
                whole.append(parent)
            else:
                children, objects = found
                years = [c for c in children if day_prefixes.is_year(c)]
                named = years if since is None else day_prefixes.days(years, since, until, datetime.now(UTC))
                whole.extend(named)
                below.extend(c for c in day_prefixes.worth_listing(parent, children) if c not in years)
                if f"{parent}AWSLogs/" not in children:
                    loose.extend(objects)
        level = below
    return whole + level, loose


def _pages(
    bucket: Bucket, pool: ThreadPoolExecutor, prefixes: Sequence[str], refused: list[SourceError]
) -> Iterator[list[SourceObject]]:
    """The pages of each prefix, in order, the first page of the next `IN_FLIGHT` prefixes asked for ahead."""
    waiting: deque[tuple[Iterator[list[SourceObject]], Future[list[SourceObject] | None]]] = deque()
    rest = iter(prefixes)
    while True:
        while len(waiting) < IN_FLIGHT and (prefix := next(rest, None)) is not None:
            pages = bucket.whole(prefix)
            waiting.append((pages, pool.submit(next, pages, None)))
        if not waiting:
            return
        pages, future = waiting.popleft()
        try:
            page = future.result()
        except SourceError as error:
            refused.append(error)
            continue
        if page is not None:
            waiting.appendleft((pages, pool.submit(next, pages, None)))
            yield page
