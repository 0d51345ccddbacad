"""The SQS queue that a bucket's events come through.

Promises: a message is seen by one worker at a time while it is extended, deleted only when asked, and otherwise comes
back by itself; after as many receives as its redrive policy allows, SQS moves it to the dead-letter queue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ingest.errors import SettingsError, SourceError
from ingest.logs import Log
from ingest.settings import Settings, SourceSettings
from ingest.sources.s3_access import open_session

AT_ONCE = 10
"""Messages in one request, by SQS's own limit."""

_REGION = re.compile(r"\bsqs\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.|//([a-z]{2,}(?:-[a-z]+)+-\d+)\.queue\.")
_log = Log()


@dataclass(frozen=True)
class Message:
    """One message as received: `receipt` is valid for this receive only, `receives` counts this one."""

    id: str
    receipt: str
    body: str
    receives: int


def open_queue(url: str, source: SourceSettings, settings: Settings) -> Queue:
    """The queue at `url`, asked as the source's profile and role.

    Raises:
        SettingsError: the URL is not a queue's.
        SourceError: no credentials.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or not parts.path.strip("/"):
        raise SettingsError(f"{url}: not a queue's URL. Expected https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    session = open_session(source)
    told = _REGION.search(url)
    region = (told[1] or told[2]) if told else source.region or settings.region or session.region_name or "us-east-1"
    client = session.client(
        "sqs",
        region_name=region,
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        config=Config(connect_timeout=10, read_timeout=40, retries={"mode": "standard", "max_attempts": 8}),
    )
    return Queue(url, client, settings.visibility_seconds)


class Queue:
    """Receives, extends, deletes and releases messages; safe to use from several threads."""

    def __init__(self, url: str, client: Any, visibility_seconds: int) -> None:
        """Nothing is sent yet; `visibility_seconds` is how long a received message stays hidden from others."""
        self.url = url
        self.visibility_seconds = visibility_seconds
        self._client = client

    def receive(self, wait_seconds: int) -> list[Message]:
        """Up to 10 messages, as soon as there is one, else none after `wait_seconds` (at most 20).

        Raises:
            SourceError: the queue does not exist, refuses, or cannot be reached.
        """
        try:
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=self.visibility_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error, "sqs:ReceiveMessage") from error
        return [
            Message(
                m["MessageId"],
                m["ReceiptHandle"],
                m["Body"],
                int(m.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for m in answer.get("Messages", [])
        ]

    def extend(self, messages: Sequence[Message]) -> None:
        """Hide them for another `visibility_seconds`."""
        self._change_visibility(messages, self.visibility_seconds)

    def release(self, messages: Sequence[Message]) -> None:
        """Give them to whoever asks next."""
        self._change_visibility(messages, 0)

    def delete(self, messages: Sequence[Message]) -> None:
        """Take them off the queue; one that could not be deleted is delivered again, which does no harm."""
        for entries in _entries(messages):
            self._send(self._client.delete_message_batch, entries, "sqs:DeleteMessage")

    def _change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        for entries in _entries(messages):
            changes = [{**entry, "VisibilityTimeout": seconds} for entry in entries]
            self._send(self._client.change_message_visibility_batch, changes, "sqs:ChangeMessageVisibility")

    def _send(self, request: Any, entries: Sequence[dict[str, Any]], permission: str) -> None:
        try:
            refused = request(QueueUrl=self.url, Entries=entries).get("Failed", [])
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error, permission) from error
        if refused:
            _log.warning("messages not changed", queue=self.url, messages=len(refused), error=refused[0].get("Message"))

    def _explained(self, error: Exception, permission: str) -> SourceError:
        details = error.response.get("Error", {}) if isinstance(error, ClientError) else {}
        code = str(details.get("Code", "")).rpartition(".")[2]
        if code in {"NonExistentQueue", "QueueDoesNotExist"}:
            return SourceError(f"{self.url}: there is no such queue. Correct `queue_url` or --queue")
        if code in {"AccessDenied", "AccessDeniedException"}:
            return SourceError(
                f"{self.url}: access denied. Allow sqs:ReceiveMessage, sqs:DeleteMessage and "
                "sqs:ChangeMessageVisibility on the queue, and kms:Decrypt on its key if it is encrypted with one"
            )
        said = f"{code}: {details.get('Message')}" if code else str(error).partition("\n")[0][:300]
        return SourceError(f"{self.url}: {permission} failed ({said}). Check endpoint, region and network")


def _entries(messages: Sequence[Message]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(messages), AT_ONCE):
        part = messages[start : start + AT_ONCE]
        yield [{"Id": str(i), "ReceiptHandle": message.receipt} for i, message in enumerate(part)]
