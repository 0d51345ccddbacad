"""Who asks S3 and how: credentials, role, region and endpoint, for sources and for a lake on S3.

Promises: boto3 finds the credentials, as the AWS CLI would; an error names the bucket and prefix, the permission that
is missing, and what to do. Credentials are never part of a message.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import msgspec
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from ingest.errors import SettingsError, SourceError
from ingest.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from obstore.store import S3Config

FRESH_FOR = timedelta(minutes=8)
"""How long obstore keeps credentials; botocore never hands out any with less than ten minutes left."""

FOUND_BY_DELTA = frozenset({"env", "iam-role", "container-role", "assume-role-with-web-identity"})
"""Kinds of credentials that delta-rs finds and renews by itself, so that none need be passed, and expire, with it."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"non-2xx status code: (\d{3}[^:\n]*)")


@dataclass(frozen=True)
class Access:
    """One bucket's clients: obstore for objects in bulk, boto3 for the rest."""

    store: S3Store
    client: Any  # boto3 makes its clients' methods at run time
    requester_pays: bool


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key prefix of `s3://bucket/prefix`.

    Raises:
        SettingsError: the bucket is not a bucket's name.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(f"{uri}: {bucket!r} is not a bucket name. Expected s3://bucket/prefix")
    return bucket, prefix.lstrip("/")


def access_for(uri: str, settings: Settings) -> Access:
    """Clients for the bucket of `uri`, as the `[[sources]]` entry that covers it says.

    Raises:
        SourceError: no credentials, or no such bucket.
        SettingsError: no such profile.
    """
    source = source_for(uri, settings)
    bucket, _ = split_uri(uri)
    session = open_session(source)
    endpoint = _endpoint(source)
    region = source.region or bucket_region(session, bucket, endpoint)
    client = _client(session, region, endpoint)
    config: S3Config = {
        "region": region,
        "request_payer": source.requester_pays,
        "virtual_hosted_style_request": endpoint is None and "." not in bucket,
    }
    if endpoint:
        config["endpoint"] = endpoint
    store = S3Store(
        bucket,
        config=config,
        credential_provider=Boto3CredentialProvider(session, ttl=FRESH_FOR),
        client_options={"allow_http": (endpoint or "").startswith("http://"), "timeout": "15m", "read_timeout": "30s"},
        retry_config={"max_retries": 8, "retry_timeout": timedelta(minutes=2)},
    )
    return Access(store, client, source.requester_pays)


def storage_options(uri: str, settings: Settings) -> dict[str, str]:
    """Options with which delta-rs opens a lake at `uri`; none for a folder.

    Commits need conditional writes (If-None-Match), so `aws_conditional_put` is always `etag`. Keys are passed only
    when delta-rs would not find the same credentials by itself; those last as long as the session they come from.

    Raises:
        SourceError: no credentials, or no such bucket.
        SettingsError: no such profile.
    """
    if not uri.startswith("s3://"):
        return {}
    bucket, _ = split_uri(uri)
    lake = SourceSettings(uri=uri, region=settings.region, profile=settings.profile, endpoint_url=settings.endpoint_url)
    session = open_session(lake)
    endpoint = _endpoint(lake)
    options = {
        "aws_region": lake.region or bucket_region(session, bucket, endpoint),
        "aws_conditional_put": "etag",
    }
    if endpoint:
        options |= {
            "aws_endpoint": endpoint,
            "aws_allow_http": str(endpoint.startswith("http://")).lower(),
            "aws_virtual_hosted_style_request": "false",
        }
    credentials = session.get_credentials()
    if credentials is not None and credentials.method not in FOUND_BY_DELTA:
        frozen = credentials.get_frozen_credentials()
        keys = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_session_token": frozen.token,
        }
        options |= {name: value for name, value in keys.items() if value}
    return options


def source_for(uri: str, settings: Settings) -> SourceSettings:
    """The `[[sources]]` entry that covers `uri` most closely, with the general settings where it is silent."""
    asked = uri.rstrip("/") + "/"
    covering = [s for s in settings.sources if asked.startswith(s.uri.rstrip("/") + "/")]
    nearest = max(covering, key=lambda s: len(s.uri), default=SourceSettings(uri=uri))
    return msgspec.structs.replace(
        nearest,
        region=nearest.region or settings.region,
        profile=nearest.profile or settings.profile,
        endpoint_url=nearest.endpoint_url or settings.endpoint_url,
    )


def open_session(source: SourceSettings) -> boto3.Session:
    """A boto3 session with the source's profile, and its role assumed and renewed.

    Raises:
        SourceError: nothing gives credentials.
        SettingsError: no such profile.
    """
    core = botocore.session.Session(profile=source.profile)
    try:
        credentials = core.get_credentials()
    except ProfileNotFound:
        raise SettingsError(f"{source.uri}: profile {source.profile!r} is not in ~/.aws/config") from None
    except BotoCoreError as error:
        raise explain(error, source.uri, "credentials") from error
    if credentials is None:
        raise SourceError(
            f"{source.uri}: no AWS credentials found. Set AWS_PROFILE or `profile`, run `aws sso login`, or give this "
            "machine a role"
        )
    if source.role_arn:
        role = AssumeRoleCredentialFetcher(
            partial(core.create_client, region_name=source.region or core.get_config_variable("region") or "us-east-1"),
            credentials,
            source.role_arn,
            extra_args={"RoleSessionName": "eastwest"},
        )
        core = botocore.session.Session(profile=source.profile)
        core._credentials = DeferredRefreshableCredentials(role.fetch_credentials, "assume-role")  # type: ignore[attr-defined]
    return boto3.Session(botocore_session=core)


def explain(error: Exception, uri: str, permission: str) -> SourceError:
    """What failed at `uri`, why, and what to do, from an error of obstore or boto3."""
    code, said = _code(error)
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if getattr(error, "operation_name", "") == "AssumeRole":
        return SourceError(
            f"{uri}: the role may not be assumed ({code}). Allow sts:AssumeRole, and trust it in the role"
        )
    if isinstance(error, TokenRetrievalError | CredentialRetrievalError | SSOError):
        return SourceError(f"{uri}: no credentials ({said}). Renew them, for instance with `aws sso login`")
    if code == "NoSuchBucket":
        return SourceError(f"{uri}: there is no bucket {bucket}. Correct the name, or set the source's endpoint_url")
    if code in {"NoSuchKey", "404"} or isinstance(error, FileNotFoundError):
        return SourceError(f"{uri}: vanished after it was listed. Nothing to do if a lifecycle rule deleted it")
    if code in {"ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"}:
        return SourceError(
            f"{uri}: the credentials were refused ({code}). Renew them, for instance with `aws sso login`"
        )
    if code in {"AccessDenied", "403"}:
        on = f"arn:aws:s3:::{bucket}" + ("/*" if permission == "s3:GetObject" else "")
        also = (
            ", and kms:Decrypt on the bucket's key if it is encrypted with one" if permission == "s3:GetObject" else ""
        )
        return SourceError(f"{uri}: access denied. Allow {permission} on {on}{also}")
    if code in {"PermanentRedirect", "301"}:
        return SourceError(f"{uri}: the bucket is in another region. Set the source's `region`")
    return SourceError(
        f"{uri}: {permission} failed ({said}). Check endpoint and network, then run again: nothing is lost"
    )


def _code(error: Exception) -> tuple[str, str]:
    """S3's error code, and what to show of the error: never the whole answer, which names request and host."""
    if isinstance(error, ClientError):
        details: dict[str, Any] = dict(error.response.get("Error", {}))
        return str(details.get("Code", "")), f"{details.get('Code')}: {details.get('Message')}"
    text = str(error)
    code = _CODE.search(text)
    status = _STATUS.search(text)
    if code or status:
        said = code[1] if code else status[1] if status else ""
        return (code[1] if code else said[:3]), said
    return "", text.partition("\n")[0][:300]


def _endpoint(source: SourceSettings) -> str | None:
    """The S3 endpoint that is not AWS's own, by the settings, else by the variables the AWS CLI knows."""
    return source.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _client(session: boto3.Session, region: str, endpoint: str | None) -> Any:
    config = Config(
        connect_timeout=10,
        read_timeout=30,
        # Not adaptive: after a single 500 or 503 its limiter lets one request pass in two seconds, of all threads.
        retries={"mode": "standard", "max_attempts": 8},
        max_pool_connections=16,
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)


def bucket_region(session: boto3.Session, bucket: str, endpoint: str | None) -> str:
    """The bucket's region: S3 says it in the answer to HeadBucket, even when it refuses; an own endpoint has one."""
    usual = session.region_name or "us-east-1"
    if endpoint:
        return usual
    try:
        headers = _client(session, usual, None).head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        if error.response.get("Error", {}).get("Code") == "404":
            raise SourceError(f"s3://{bucket}: there is no such bucket. Correct the name") from None
    except BotoCoreError as error:
        raise explain(error, f"s3://{bucket}", "s3:ListBucket") from error
    return str(headers.get("x-amz-bucket-region", usual))
