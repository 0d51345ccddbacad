"""Log lines out of subscriptions, Firehose deliveries and JSON over several lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import unwrap

FLOW = "2 123456789012 eni-1235b8ca 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
LATTICE = {
    "serviceArn": "arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-1",
    "startTime": "2026-08-04T11:28:40Z",
}


def subscription(*messages: object) -> str:
    events = [{"id": str(i), "timestamp": 1418530010000, "message": message} for i, message in enumerate(messages)]
    return json.dumps({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logEvents": events})


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", f"{FLOW}\n".encode(), f"{json.dumps(LATTICE)}\n{json.dumps(LATTICE)}\n".encode(), b"\xff{"],
)
def test_plain_lines_are_left_alone(data: bytes) -> None:
    assert unwrap(data) is data


def test_subscription() -> None:
    assert unwrap(subscription(FLOW, FLOW).encode()) == f"{FLOW}\n{FLOW}\n".encode()


def test_firehose_puts_subscriptions_back_to_back() -> None:
    control = json.dumps({"messageType": "CONTROL_MESSAGE", "logEvents": []})
    data = (subscription(FLOW) + control + subscription(json.dumps(LATTICE))).encode()
    assert unwrap(data) == f"{FLOW}\n{json.dumps(LATTICE)}\n".encode()


def test_two_producers_of_one_firehose() -> None:
    """One writes records, the other subscriptions, a line each."""
    lines = [json.dumps(LATTICE), subscription(FLOW, FLOW), subscription(json.dumps(LATTICE))]
    expected = [json.dumps(LATTICE), FLOW, FLOW, json.dumps(LATTICE)]
    assert unwrap("\n".join(lines).encode()).decode().splitlines() == expected


def test_firehose_puts_records_back_to_back() -> None:
    assert unwrap((json.dumps(LATTICE) * 3).encode()) == f"{json.dumps(LATTICE)}\n".encode() * 3


def test_records_over_several_lines() -> None:
    data = (json.dumps(LATTICE, indent=4) + "\n" + json.dumps(LATTICE, indent=4) + "\n").encode()
    assert [json.loads(line) for line in unwrap(data).splitlines()] == [LATTICE, LATTICE]


def test_what_is_not_json_is_passed_on() -> None:
    data = (json.dumps(LATTICE) * 2).encode() + b"\nbroken \xff line\n" + json.dumps(LATTICE).encode()
    assert unwrap(data).splitlines()[2] == b"broken \xff line"
    assert len(unwrap(data).splitlines()) == 4


def test_an_event_without_a_message_is_not_lost() -> None:
    assert unwrap(subscription(FLOW, None).encode()).count(b"\n") == 2


@given(st.binary(max_size=300).map(lambda tail: b'{"logEvents":[' + tail))
def test_any_bytes_give_bytes(data: bytes) -> None:
    assert isinstance(unwrap(data), bytes)
