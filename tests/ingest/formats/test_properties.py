"""Whatever the bytes: every line is accounted for, and the fast and the careful reading agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats import (
    alb_access,
    alb_connection,
    alb_health_check,
    json_lines,
    lattice_access,
    lattice_resource_access,
    recognise,
    tokens,
    vpc_flow,
)
from ingest.formats.block import Block, Parsed
from ingest.formats.fields import row_schema
from ingest.formats.object_key import ObjectKey, parse_key

ALB = (
    b"http 2026-07-02T22:23:00.186641Z app/lb/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.000 0.001 0.037 200 200 3 6"
    b' "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x; y)" - - arn:aws:elasticloadbalancing:us-east-2:'
    b'123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0'
    b' 2026-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234 "-" "-" "-" 10.0.3.7 "-" "-"'
)
CONNECTION = (
    b'2026-09-23T07:11:27.691358Z 203.0.113.71 64326 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.337 "CN=a b,O=c"'
    b" NotBefore=2026-01-21T22:43:21Z;NotAfter=2027-01-21T22:43:21Z FEF2 Success TID_9f39 secp256r1 app/lb/50 10.0.3.7"
)
HEALTH = b"http 2026-10-31T12:44:58.901409Z 1.121980746 10.0.31.9:8080 orders FAIL 502 TargetError app/lb/50dc 10.0.3.7"
LATTICE = (
    b'{"serviceArn":"arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-1","startTime":"2026-08-04T11:28:40Z",'
    b'"sourceIpPort":"10.0.183.56:57086","targetIpPort":"-","responseCode":404,"bytesSent":1247,"duration":"23",'
    b'"userAgent":"curl \\"8\\" \\u20ac","authDeniedReason":"null","grpcResponseCode":null,"hostHeader":""}'
)
RESOURCE = (
    b'{"eventTimestamp":"2026-12-02T10:10:10.123Z","resourceConfigurationArn":"arn:aws:vpc-lattice:us-west-2:'
    b'111122223333:resourceconfiguration/rcfg-1","protocol":"tcp","sourceIpPort":"fd00::5:44076","gatewayIpPort":"-"}'
)
FLOW = b"2 123456789012 eni-1235b8ca 172.31.16.139 - 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
HEADER = vpc_flow.DEFAULT

Read = Callable[..., Parsed]
FORMATS: dict[str, tuple[Read, bytes, str, Any]] = {
    "alb_access": (
        lambda block, **how: tokens.parse_tokens(block, alb_access.SHAPE, alb_access.TABLE, **how),
        ALB,
        "36",
        alb_access.TABLE,
    ),
    "alb_connection": (
        lambda block, **how: tokens.parse_tokens(block, alb_connection.SHAPE, alb_connection.TABLE, **how),
        CONNECTION,
        "15",
        alb_connection.TABLE,
    ),
    "alb_health_check": (
        lambda block, **how: tokens.parse_tokens(block, alb_health_check.SHAPE, alb_health_check.TABLE, **how),
        HEALTH,
        "10",
        alb_health_check.TABLE,
    ),
    "lattice_access": (
        lambda block, **how: json_lines.parse_json(block, lattice_access.FIELDS, lattice_access.TABLE, **how),
        LATTICE,
        "",
        lattice_access.TABLE,
    ),
    "lattice_resource_access": (
        lambda block, **how: json_lines.parse_json(
            block, lattice_resource_access.FIELDS, lattice_resource_access.TABLE, **how
        ),
        RESOURCE,
        "",
        lattice_resource_access.TABLE,
    ),
    "vpc_flow": (vpc_flow.parse_flows, FLOW, HEADER, vpc_flow.TABLE),
}
KEY = ObjectKey("AWSLogs/x")


def block_of(lines: list[bytes], layout: str, objects: int = 1) -> Block:
    """The lines as so many objects, each a part of the block's text."""
    data = b"".join(line + b"\n" for line in lines)
    ended = re.findall(rb"[^\n]*\n", data)
    counts = [len(ended) // objects] * objects
    counts[-1] += len(ended) - sum(counts)
    taken = iter(ended)
    parts = [b"".join(islice(taken, count)) for count in counts]
    return Block(parts if objects > 1 else data, [KEY] * objects, counts, layout)


def outcome(parsed: Parsed) -> tuple[Any, ...]:
    rows = zip(parsed.at.tolist(), parsed.rows.to_pylist(), strict=True)
    return list(rows), [(r.at, r.reason, r.detail) for r in parsed.rejects], sorted(parsed.skipped.tolist())


def accounted(parsed: Parsed, lines: int, table: Any) -> None:
    every = sorted([*parsed.at.tolist(), *(r.at for r in parsed.rejects), *parsed.skipped.tolist()])
    assert every == list(range(lines))
    assert parsed.rows.schema == row_schema(table)
    assert (np.diff(parsed.at) > 0).all()


odd_bytes = st.sampled_from(
    [
        *(
            b'"',
            b'" "',
            b'""',
            b" ",
            b"  ",
            b" - ",
            b"-",
            b"-1",
            b"+1",
            b"0x1f",
            b"1.5",
            b".",
            b"1_0",
            b"1e3",
            b"9" * 20,
        ),
        *(
            b"\0",
            b"\t",
            b"\r",
            b"\x0b",
            b"\xff",
            b"\xe2\x82\xac",
            b"\xef\xbb\xbf",
            b"\xc2\xa0",
            b"\\",
            b"\\x22",
            b"\\ud83d",
        ),
        *(b"[", b"]", b":", b"{", b"}", b",", b"#", b"null", b"true", b"[1]", b"srcaddr", b"9" * 20, b"\\ud83d"),
        *(b'{"a":1}', b'"x":1,'),
    ]
)


@st.composite
def mangled(draw: st.DrawFn, line: bytes) -> bytes:
    """A good line with a few cuts, insertions and swaps."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(line)))
        to = draw(st.integers(at, min(len(line), at + 12)))
        line = line[:at] + draw(st.one_of(odd_bytes, st.just(b""))) + line[to:]
    return line.replace(b"\n", b" ")


@st.composite
def fields_changed(draw: st.DrawFn, line: bytes) -> bytes:
    """A good line with one value replaced: what stands between two spaces, commas, colons or quotes."""
    between = draw(st.sampled_from([b" ", b",", b":", b'"']))
    parts = line.split(between)
    at = draw(st.integers(0, len(parts) - 1))
    parts[at] = draw(st.one_of(odd_bytes, st.text(max_size=8).map(lambda t: t.encode().replace(b"\n", b""))))
    return between.join(parts)


@pytest.mark.parametrize("odd", ["-.000", "-.5", ".5", "5.", "-5.", "-", ".", "-.", "1" * 31])
def test_what_only_arrow_takes_for_a_number_is_none(odd: str) -> None:
    read, line, layout, table = FORMATS["alb_access"]
    with_it = line.replace(b" 0.000 0.001 0.037 ", f" {odd} 0.001 0.037 ".encode())
    assert with_it != line
    block = block_of([line] * 70 + [with_it], layout, 1)
    fast = read(block)
    accounted(fast, len(block), table)
    assert outcome(fast) == outcome(read(block, careful=True))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_fast_and_careful_reading_agree(name: str, data: st.DataObject) -> None:
    read, line, layout, table = FORMATS[name]
    odd = data.draw(st.lists(st.one_of(mangled(line), fields_changed(line)), min_size=1, max_size=6))
    # Enough good lines around them that the fast path is taken.
    lines = [line] * 70
    for extra in odd:
        lines.insert(data.draw(st.integers(0, len(lines))), extra)
    block = block_of(lines, layout, data.draw(st.integers(1, 3)))
    fast = read(block)
    accounted(fast, len(block), table)
    assert outcome(fast) == outcome(read(block, careful=True))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=400), repeat=st.integers(1, 40))
def test_any_bytes_are_accounted_for(name: str, body: bytes, repeat: int) -> None:
    read, _, layout, table = FORMATS[name]
    block = block_of([body] * repeat, layout)
    fast = read(block)
    accounted(fast, len(block), table)
    assert outcome(fast) == outcome(read(block, careful=True))


@settings(max_examples=200, deadline=None)
@given(head=st.binary(max_size=200), uri=st.text(max_size=80))
def test_recognising_never_raises(head: bytes, uri: str) -> None:
    module = recognise(parse_key(uri), head)
    assert module is None or isinstance(module.layout(head), str)
