"""The servers that tests rely on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from botocore.exceptions import ClientError

from tests.servers import S3Server

REFUSALS = {"PreconditionFailed": "refused", "ConditionalRequestConflict": "refused"}
"""What S3 answers: it is there, or somebody else is writing it just now."""


def test_of_several_conditional_writes_of_a_key_one_is_accepted(moto_s3: S3Server) -> None:
    bucket, keys, writers = moto_s3.bucket(), [f"key-{number}" for number in range(150)], 4
    together = Barrier(writers, timeout=60)

    def put_all(writer: int) -> list[str]:
        client, answers = moto_s3.client(), []
        for key in keys:
            together.wait()
            try:
                client.put_object(Bucket=bucket.name, Key=bucket.prefix + key, Body=b"%d" % writer, IfNoneMatch="*")
                answers.append("accepted")
            except ClientError as refused:
                answers.append(REFUSALS[refused.response["Error"]["Code"]])
        return answers

    with ThreadPoolExecutor(writers) as pool:
        answers = [sorted(of_key) for of_key in zip(*pool.map(put_all, range(writers)), strict=True)]
    assert answers == [["accepted", "refused", "refused", "refused"]] * len(keys)
