"""Logs that are known and not read: told by their first line, so that they are rejected under their own name.

Network and Classic Load Balancer access logs, Transit Gateway flow logs, and the vended forms (July 2026) of load
balancer logs: W3C and JSON. Nobody has published a real sample of the last two; a guess would be worse than a reject.
"""

from __future__ import annotations

import re
from functools import lru_cache

TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"

KNOWN = (
    ("a Network Load Balancer access log", re.compile(rb"tls [\d.]+ " + TIME + rb"Z? net/")),
    (
        "a Classic Load Balancer access log",
        re.compile(TIME + rb"\.\d+Z [^ /]+ [^ ]+:\d+ [^ ]+ [-\d.]+ [-\d.]+ [-\d.]+ "),
    ),
    ("a Transit Gateway flow log", re.compile(rb"(?:[a-z0-9-]+ +)*(?:tgw-id|tgw-attachment-id|resource-type)(?: |$)")),
    ("a load balancer log in W3C form", re.compile(rb"#(?:Version|Fields|Software|Date): ?")),
    ("a load balancer log in JSON form", re.compile(rb'\{.*"(?:elb_status_code|listener_port|target_group_id)" *:')),
)


_LOOKED_AT = 64 * 1024
"""Bytes of a line: those that are looked at are remembered, and a line may have sixteen million."""


def unsupported(line: bytes) -> str | None:
    """What log the line is of, if it is one of those; else None."""
    return _known(line[:_LOOKED_AT])


@lru_cache(maxsize=16)  # asked twice of a line; and the objects of a flow log begin alike
def _known(line: bytes) -> str | None:
    for name, shape in KNOWN:
        if shape.match(line):
            return name
    return None
