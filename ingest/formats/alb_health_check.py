"""ALB health check logs: one check of a target by a load balancer's node.

```
http 2026-10-31T12:44:58.901409Z 1.121980746 10.0.31.9:8080 orders-stable FAIL 502 TargetError app/my-loadbalancer/50dc6c495c0c9188 10.0.3.7
```

AWS: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-health-check-logs.html

What AWS leaves open, and what is assumed here:

* AWS lists ten fields, its samples have eight: where the load balancer or its node is missing, the object's key tells.
* The target is address:port, or the ARN of a Lambda function; AWS calls the target group's name `target_group_id`.
"""  # noqa: E501

from __future__ import annotations

import re
from typing import Any

from ingest.formats.arrow import pa, pc
from ingest.formats.block import Block, Parsed
from ingest.formats.fields import Field, plain_fields
from ingest.formats.kinds import ADDRESS_PORT, Kind, without
from ingest.formats.text_columns import Arrays, Mask, mask_of
from ingest.formats.tokens import Shape, count_tokens, fill_from_key, parse_tokens
from ingest.lake.declarations import ALB_HEALTH_CHECK

TABLE = ALB_HEALTH_CHECK

S3_LAYOUT = (
    "AWSLogs/{account}/elasticloadbalancing/{region}/{yyyy}/{mm}/{dd}/"
    "health_check_log_{account}_elasticloadbalancing_{region}_app.{name}.{id}_"
    "{yyyymmdd}T{hhmm}Z_{node ip}_{random}.log.gz"
)


def _target(text: str) -> tuple[object, ...]:
    return (None, None, text) if text.startswith("arn:") else (*ADDRESS_PORT.one(text), None)


def _targets(texts: Any) -> tuple[Arrays, Mask | None]:
    functions = mask_of(pc.starts_with(texts, "arn:"))
    if not functions.any():
        columns, bad = ADDRESS_PORT.many(texts)
        return [*columns, pa.nulls(len(texts), pa.string())], bad
    columns, bad = ADDRESS_PORT.many(without(texts, functions))
    return [*columns, without(texts, ~functions)], bad


TARGET = ("target_ip", "target_port", "target_arn")

FIELDS = tuple(
    Field(field.name, TARGET, Kind(_target, _targets)) if field.name == "target_addr" else field
    for field in plain_fields(TABLE)
    if field.columns[0] not in TARGET[1:]
)
"""The ten fields in the order of a line."""

SHAPE = Shape(FIELDS, least=8, checked=10)

FIRST = re.compile(rb"[a-z0-9]+ \d{4}-\d\d-\d\dT[^ ]+ [-\d.]+ [^ ]+ [^ ]+ (?:PASS|FAIL) ")


def recognise(first_line: bytes) -> bool:
    """Whether a line is an ALB health check log's."""
    return bool(FIRST.match(first_line))


def layout(first_line: bytes) -> str:
    """Its number of fields: objects of one number are parsed together."""
    return count_tokens(first_line)


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return fill_from_key(parse_tokens(block, SHAPE, TABLE), block)
