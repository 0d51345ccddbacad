"""ALB connection logs: one TCP or TLS connection to an Application Load Balancer, established or failed.

```
2026-09-23T07:11:27.691358Z 203.0.113.71 64326 443 TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 0.337 "CN=orders.example.com" NotBefore=2026-01-21T22:43:21Z;NotAfter=2027-01-21T22:43:21Z FEF257372D5C14D4 Success TID_9f39d9aa6a47774d97089313f949866b secp256r1 app/my-loadbalancer/50dc6c495c0c9188 198.51.100.57
```

AWS: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html

What AWS leaves open, and what is assumed here:

* AWS's samples have 12 fields, real lines of 2026 have 15: key exchange, load balancer and node came later. Where a line
  has no load balancer or node address, they are taken from the object's key.
* The certificate's subject is always quoted, `"-"` where there is none; the other fields never.
* The validity is two times in one field; the client's certificate may hold years beyond four digits: then it is rejected.
"""  # noqa: E501

from __future__ import annotations

import re
from typing import Any

from ingest.formats.arrow import pa, pc
from ingest.formats.block import Block, Parsed
from ingest.formats.fields import Field, plain_fields
from ingest.formats.kinds import PORT, TIME, BadValueError, Kind, read_time
from ingest.formats.text_columns import Arrays, Mask, mask_of
from ingest.formats.tokens import Shape, count_tokens, fill_from_key, parse_tokens
from ingest.lake.declarations import ALB_CONNECTION

TABLE = ALB_CONNECTION

S3_LAYOUT = (
    "AWSLogs/{account}/elasticloadbalancing/{region}/{yyyy}/{mm}/{dd}/"
    "conn_log_{account}_elasticloadbalancing_{region}_app.{name}.{id}_{yyyymmdd}T{hhmm}Z_{node ip}_{random}.log.gz"
)

VALIDITY = re.compile(r"NotBefore=(\S+);NotAfter=(\S+)")


def _validity(text: str) -> tuple[object, ...]:
    found = VALIDITY.fullmatch(text)
    if not found:
        raise BadValueError("is not NotBefore=<time>;NotAfter=<time>")
    return (read_time(found[1]), read_time(found[2]))


def _validities(texts: Any) -> tuple[Arrays, Mask | None]:
    # Few certificates make many connections: each validity is read once.
    kinds = pc.dictionary_encode(texts)
    before, after = [], []
    for text in kinds.dictionary.to_pylist():
        try:
            times = _validity(text)
        except BadValueError:
            times = (None, None)
        before.append(times[0])
        after.append(times[1])
    columns = [pa.array(times, TIME).take(kinds.indices) for times in (before, after)]
    bad = mask_of(pc.and_(columns[0].is_null(), texts.is_valid()))
    return columns, bad if bad.any() else None


NOT_AFTER = "leaf_client_cert_not_after"

FIELDS = tuple(
    Field(field.name, (*field.columns, NOT_AFTER), Kind(_validity, _validities))
    if field.name == "leaf_client_cert_validity"
    else field
    for field in plain_fields(TABLE, client_port=PORT, listener_port=PORT)
    if field.columns != (NOT_AFTER,)
)
"""The 15 fields in the order of a line."""

SHAPE = Shape(FIELDS, least=11, checked=13, quoted=frozenset({7}))

FIRST = re.compile(rb"\d{4}-\d\d-\d\dT[^ ]+ (?:[\d.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*) \d+ \d+ [^ ]+ [^ ]+ [-\d.]+ \"?")


def recognise(first_line: bytes) -> bool:
    """Whether a line is an ALB connection log's."""
    return bool(FIRST.match(first_line))


def layout(first_line: bytes) -> str:
    """Its number of fields: objects of one number are parsed together."""
    return count_tokens(first_line)


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return fill_from_key(parse_tokens(block, SHAPE, TABLE), block)
