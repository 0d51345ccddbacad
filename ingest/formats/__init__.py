"""What a log line means: one module per AWS log format, all of them listed here.

Each module has `TABLE` (its declaration), `S3_LAYOUT` (AWS's key pattern), `recognise(first_line)`, `parse(block)` and
`layout(first_line)`: what objects must share to be parsed in one block.
"""

from __future__ import annotations

from types import ModuleType

from ingest.formats import (
    alb_access,
    alb_connection,
    alb_health_check,
    lattice_access,
    lattice_resource_access,
    vpc_flow,
)
from ingest.formats.envelopes import HEAD, unwrap
from ingest.formats.json_lines import is_object
from ingest.formats.object_key import ObjectKey, is_test_object, parse_key
from ingest.formats.unsupported import unsupported

FORMATS: tuple[ModuleType, ...] = (
    lattice_access,
    lattice_resource_access,
    alb_access,
    alb_connection,
    alb_health_check,
    vpc_flow,
)

LOAD_BALANCER: tuple[ModuleType, ...] = (alb_access, alb_connection, alb_health_check)
"""Formats whose lines tell by themselves what they are, and are found in one another's objects."""

_JSON: tuple[ModuleType, ...] = (lattice_access, lattice_resource_access)

__all__ = [
    "FORMATS",
    "LOAD_BALANCER",
    "alb_access",
    "alb_connection",
    "alb_health_check",
    "first_line",
    "is_test_object",
    "lattice_access",
    "lattice_resource_access",
    "parse_key",
    "recognise",
    "unsupported",
    "unwrap",
    "vpc_flow",
]


def recognise(key: ObjectKey, text: bytes) -> ModuleType | None:
    """The format of an object that begins so; None when it is none of ours.

    The content decides. Where its first line says nothing (it is blank, damaged or without a header), the key does.
    """
    first = first_line(text.removeprefix(b"\xef\xbb\xbf"))
    # JSON before what is not supported: a key that AWS adds to Lattice's may be called like a load balancer's.
    for module in _JSON if is_object(first) else ():
        if module.recognise(first):
            return module
    if unsupported(first):
        return None
    for module in FORMATS:
        if module not in _JSON and module.recognise(first):
            return module
    return next((module for module in FORMATS if module.TABLE.name == key.format), None)


def first_line(text: bytes) -> bytes:
    """The first line that is not blank, without its end; only the text's first 64 KiB are looked at.

    Line after line, and of the text as it is: 5,000 small files are many.
    """
    first = text[: max(text.find(b"\n", 0, HEAD), 0)]
    if b"\r" not in first and first.strip():  # as nearly every object begins
        return first
    at, limit = 0, min(len(text), HEAD)
    while at < limit:
        end = text.find(b"\n", at, limit) + 1 or limit
        for line in text[at:end].splitlines():
            if line.strip():
                return line
        at = end
    return b""
