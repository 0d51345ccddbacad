"""Queues for tests: a bucket that announces its objects on SQS, with a dead-letter queue, on moto's server."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.servers import Bucket, S3Server

DEADLINE = 90.0


@dataclass(frozen=True)
class Announced:
    """A bucket, the queue its events go to, and where messages go after `receives` receives."""

    bucket: Bucket
    url: str
    dead_url: str
    client: Any

    def waiting(self) -> tuple[int, int]:
        """Messages that can be received, and messages that somebody holds."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(told[names[0]]), int(told[names[1]])

    def until(self, visible: int | None = None, held: int | None = None) -> None:
        """Wait for the queue to be so at two looks in a row; AssertionError when it is not in time.

        moto counts the visible and then the held: a message that becomes visible between the two is in neither count.
        """
        end = time.monotonic() + DEADLINE
        before = False
        while time.monotonic() < end:
            now = self.waiting()
            is_so = visible in (None, now[0]) and held in (None, now[1])
            if is_so and before:
                return
            before = is_so
            time.sleep(0.1)
        raise AssertionError(f"messages visible and held: {self.waiting()}, not {visible} and {held}")

    def until_held(self) -> None:
        """Wait for somebody to hold a message."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.waiting()[1]:
                return
            time.sleep(0.05)
        raise AssertionError("nobody holds a message")

    def send(self, *bodies: str) -> None:
        """Put messages on the queue as they are."""
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies[start : start + 10])]
            self.client.send_message_batch(QueueUrl=self.url, Entries=entries)

    def take_all(self, url: str | None = None) -> list[str]:
        """Receive and delete every visible message; their bodies."""
        bodies = []
        where = url or self.url
        while messages := self.client.receive_message(QueueUrl=where, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                self.client.delete_message(QueueUrl=where, ReceiptHandle=message["ReceiptHandle"])
        return bodies


def announced(server: S3Server, receives: int = 1_000) -> Announced:
    """A fresh bucket whose new objects are announced on a fresh queue; S3's test event is the first message."""
    bucket = server.bucket()
    sqs = server.client("sqs")
    name = f"events-{uuid.uuid4().hex[:8]}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": receives}
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
    bucket.client.put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": _arn(sqs, url), "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    return Announced(bucket, url, dead, sqs)


def _arn(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn
