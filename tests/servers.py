"""S3 servers on 127.0.0.1 for tests: moto's (conditional writes, IAM) and rclone's (independent, checks signatures).

Each runs as a process of its own, on a port of its own choice, and is stopped by its pid. A real bucket stands in for
moto where TEST_S3_URL (s3://bucket/prefix, with AWS credentials in the environment) names one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from obstore.store import S3Store

from ingest.settings import Settings

ACCESS_KEY, SECRET_KEY, REGION = "test", "testtest", "us-east-1"
ALONE = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What has a process use these servers' keys, and none that the machine may have."""
START_SECONDS = 60
MOTO_SERVER = Path(__file__).with_name("moto_server.py")


@dataclass(frozen=True)
class Bucket:
    """A fresh bucket, or a fresh prefix of a real one."""

    name: str
    prefix: str
    client: Any

    @property
    def uri(self) -> str:
        return f"s3://{self.name}/{self.prefix}"

    def put(self, key: str, body: bytes = b"line\n") -> str:
        """Write an object; its URI."""
        self.client.put_object(Bucket=self.name, Key=self.prefix + key, Body=body)
        return self.uri + key

    def put_many(self, keys: Sequence[str], body: bytes = b"line\n") -> set[str]:
        """Write many small objects; their URIs."""
        store = S3Store(
            self.name,
            region=REGION,
            endpoint=self.client.meta.endpoint_url,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(self.prefix + key, body), keys))
        return {self.uri + key for key in keys}

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=self.prefix + key)


@dataclass(frozen=True)
class S3Server:
    """A running server; `endpoint_url` is None for AWS itself."""

    endpoint_url: str | None
    real: tuple[str, str] | None = None

    def client(self, service: str = "s3", access_key: str | None = None, secret_key: str | None = None) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=os.environ.get("AWS_REGION", REGION),
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(s3={"addressing_style": "path" if self.endpoint_url else "auto"}),
        )

    def bucket(self, label: str = "logs") -> Bucket:
        """An empty bucket of a name never used before."""
        fresh = f"{label}-{uuid.uuid4().hex[:8]}"
        if self.real:
            return Bucket(self.real[0], f"{self.real[1]}{fresh}/", self.client())
        client = self.client()
        client.create_bucket(Bucket=fresh)
        return Bucket(fresh, "", client)

    def settings(self, **more: Any) -> Settings:
        """Settings that lead to this server, and keep no copies unless asked to."""
        given = {
            "copies": "",
            "endpoint_url": self.endpoint_url,
            "region": os.environ.get("AWS_REGION", REGION),
            **more,
        }
        return msgspec.convert(given, Settings)

    @property
    def environ(self) -> Mapping[str, str]:
        """The same for a process: os.environ with this server's address."""
        return {**os.environ, **({"AWS_ENDPOINT_URL": self.endpoint_url} if self.endpoint_url else {})}

    @contextmanager
    def enforcing(self, *statements: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Keys of a user who may do what the IAM statements say and nothing else, while moto checks them."""
        iam = self.client("iam")
        user = f"reader-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=user)
        policy = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(UserName=user, PolicyName="read", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        try:
            self._unchecked_requests("0")
            yield key["AccessKeyId"], key["SecretAccessKey"]
        finally:
            self._unchecked_requests("inf")

    def _unchecked_requests(self, count: str) -> None:
        request = urllib.request.Request(
            f"{self.endpoint_url}/moto-api/reset-auth", data=count.encode(), headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200


@contextmanager
def run_moto(log: Path) -> Iterator[S3Server]:
    """Moto's server, or the real bucket that TEST_S3_URL names."""
    if real := os.environ.get("TEST_S3_URL"):
        bucket, _, prefix = real.removeprefix("s3://").partition("/")
        yield S3Server(None, (bucket, f"{prefix.rstrip('/')}/" if prefix else ""))
        return
    with _serving([sys.executable, "-P", str(MOTO_SERVER), "-H", "127.0.0.1", "-p", "0"], log) as url:
        yield S3Server(url)


@contextmanager
def run_rclone(folder: Path, log: Path) -> Iterator[S3Server]:
    """rclone serving `folder`, whose folders are its buckets."""
    command = [_beside_python("rclone"), "serve", "s3", str(folder), "--addr", "127.0.0.1:0"]
    command += ["--config", "", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "off"]
    with _serving(command, log) as url:
        yield S3Server(url)


@contextmanager
def _serving(command: list[str], log: Path) -> Iterator[str]:
    """A server process until the block ends; its address, as it says it itself."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace")
        if found := re.search(r"http://127\.0\.0\.1:\d+", said):
            return found[0]
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended: {said}")
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not say its address in {START_SECONDS} s: {log.read_text()}")


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).parent / name)
