r"""ALB access logs: one request through an Application Load Balancer.

```
https 2026-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.10:2817 10.0.0.1:8080 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2026-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:8080" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-" 10.0.3.7 "-" "-"
```

AWS: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html

What AWS leaves open, and what is assumed here:

* Fields are only ever added at the end (18 in 2016, 34 documented now, 36 written since September 2026): a shorter line
  is good, its missing columns NULL. Fields 35 and 36 have no documented name; they are kept in `extra` as `field_35` and
  so on, once they say more than `-`.
* IPv6 addresses are written without brackets, so `client:port` splits at the last colon.
* A quote within a quoted field is written `\x22`; that and its like are kept as AWS wrote them.
* The request line may hold spaces; the method ends at the first and the protocol begins at the last. A request that was
  never understood is `- http://host:80- -`: method and protocol NULL. With one space only there is no protocol.
* The lists of targets and status codes are quoted, but were seen unquoted: both are read.
* One object may mix access, connection and health check lines (tools concatenate them): each goes to its own table. Lines
  of Network and Classic Load Balancers among them are rejects, `unsupported_format`.
"""  # noqa: E501

from __future__ import annotations

import re
from typing import Any

from ingest.formats.arrow import pc
from ingest.formats.block import Block, Parsed
from ingest.formats.fields import Field, plain_fields
from ingest.formats.kinds import (
    ADDRESS_PORT,
    NULLS,
    SECONDS,
    Compiled,
    Kept,
    Kind,
    Parts,
    nullify,
    without,
)
from ingest.formats.text_columns import Arrays, Mask, cut_at, halves, mask_of
from ingest.formats.tokens import Shape, count_tokens, parse_tokens, tokens
from ingest.lake.declarations import ALB_ACCESS

TABLE = ALB_ACCESS

S3_LAYOUT = (
    "AWSLogs/{account}/elasticloadbalancing/{region}/{yyyy}/{mm}/{dd}/"
    "{account}_elasticloadbalancing_{region}_app.{name}.{id}_{yyyymmdd}T{hhmm}Z_{node ip}_{random}.log.gz"
)


def _null(text: str) -> str | None:
    return None if text in NULLS else text


def _request(text: str) -> tuple[object, ...]:
    if text.endswith(" - "):
        text = text[:-1]
    verb, space, rest = text.partition(" ")
    if not space:
        return (None, text, None)
    url, space, protocol = rest.rpartition(" ")
    return (_null(verb), _null(url), _null(protocol)) if space else (_null(verb), _null(protocol), None)


def _requests(texts: Any) -> tuple[Arrays, Mask | None]:
    pieces = cut_at(texts, " ", 2)
    if pieces is not None and not pc.any(pc.equal(pc.binary_length(pieces[2]), 0)).as_py():
        return [nullify(piece) for piece in pieces], None
    odd = mask_of(pc.or_(pc.ends_with(texts, " - "), pc.less(pc.count_substring(texts, " "), 2)))
    if odd.any():
        texts = without(texts, odd)
    verb, rest = halves(pc.split_pattern(texts, " ", max_splits=1))
    url, protocol = halves(pc.split_pattern(rest, " ", max_splits=1, reverse=True))
    return [nullify(verb), nullify(url), nullify(protocol)], (odd if odd.any() else None)


REQUEST = Kind(_request, _requests, Compiled(((Kept.TEXT, 0, 0),) * 3, Parts.REQUEST))
"""The request line: method, URL and protocol."""

SPLIT = {
    "client:port": ("client_ip", "client_port"),
    "target:port": ("target_ip", "target_port"),
    "request_line": ("request_verb", "request_url", "request_proto"),
}
"""Fields that fill several columns."""

FIELDS = tuple(
    Field(
        field.name,
        SPLIT.get(field.name, field.columns),
        {2: ADDRESS_PORT, 3: REQUEST}.get(len(SPLIT.get(field.name, ())), field.kind),
    )
    for field in plain_fields(
        TABLE, request_processing_time=SECONDS, target_processing_time=SECONDS, response_processing_time=SECONDS
    )
    if field.columns[0] not in {"client_port", "target_port", "request_url", "request_proto"}
)
"""The 34 fields in the order of a line."""

LINE = re.compile(
    r"""
    (?P<front> (?: [^ "]+[ ] ){12} )              # type to sent_bytes
    (?P<request> ".*?" ) [ ]
    (?P<user_agent> ".*" ) [ ]
    (?P<tls> [^ "]+ [ ] [^ "]+ ) [ ]              # cipher and protocol
    (?P<target_group_arn> arn:[^ "]+ | - ) [ ]
    (?P<rest> ".* )                               # from trace_id on
    """,
    re.VERBOSE,
)
"""A line by what surrounds the two fields that a client writes."""

MENDED_AT_MOST = 16 * 1024
"""Longer lines with stray quotes are not mended: the search would take too long on hostile ones."""


def mend(line: str) -> list[str] | None:
    """The fields of a line with stray quotes in its request or user agent; None when they cannot be told apart."""
    found = LINE.fullmatch(line) if len(line) <= MENDED_AT_MOST and line.count('"') < 100 else None
    if found is None:
        return None
    front = found["front"].split()
    return [
        *front,
        found["request"],
        found["user_agent"],
        *found["tls"].split(),
        found["target_group_arn"],
        *tokens(found["rest"]),
    ]


SHAPE = Shape(FIELDS, least=18, checked=25, quoted=frozenset({12, 13, 17, 18, 19, 22, 23, 24}), mend=mend)
"""18 fields in the first format, of 2016. The lists of targets (26 and 27) were seen without quotes."""

FIRST = re.compile(rb"[A-Za-z0-9_.-]+ \d{4}-\d\d-\d\dT[^ ]+ (?:app/)?[^ ]+/[^ ]+ [^ ]+ [^ ]+ [-\d.]+ [-\d.]+ [-\d.]+ ")


def recognise(first_line: bytes) -> bool:
    """Whether a line is an ALB access log's."""
    return bool(FIRST.match(first_line)) and not first_line.startswith(b"tls ")


def layout(first_line: bytes) -> str:
    """Its number of fields: objects of one number are parsed together."""
    return count_tokens(first_line)


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return parse_tokens(block, SHAPE, TABLE)
