"""The content decides what an object is; the key helps where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.formats import FORMATS, parse_key, recognise
from ingest.formats.unsupported import unsupported

GOLDEN = Path(__file__).parents[2] / "golden"
NOWHERE = parse_key("s3://bucket/some.log")
FLOW_KEY = parse_key("AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/x.log.gz")

OTHERS = {
    "Network Load Balancer": b"tls 2.0 2018-12-20T02:59:40 net/my-nlb/c6e77e28 g3d4b5e8 192.0.2.1:51341",
    "Classic Load Balancer": b"2015-05-13T23:39:43.945958Z my-lb 192.0.2.9:2817 10.0.0.1:80 0.000073 0.001048 0.00005 ",
    "Transit Gateway": b"version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr start end",
    "W3C": b"#Version: 1.0",
    "JSON": b'{"type":"http","elb_status_code":200,"elb":"app/my-lb/50dc6c495c0c9188"}',
}


@pytest.mark.parametrize("sample", sorted(GOLDEN.glob("*/documented.log")), ids=lambda path: path.parent.name)
def test_by_content_alone(sample: Path) -> None:
    head = sample.read_bytes()
    module = recognise(NOWHERE, head)
    assert module is not None
    assert module.TABLE.name == sample.parent.name
    assert [other.TABLE.name for other in FORMATS if other.recognise(head.splitlines()[0])] == [sample.parent.name]


@pytest.mark.parametrize("name", OTHERS)
def test_known_and_not_read(name: str) -> None:
    assert name in (unsupported(OTHERS[name]) or "")
    assert recognise(FLOW_KEY, OTHERS[name]) is None


def test_what_is_known_and_not_read_is_no_line_of_any_format() -> None:
    """A line that has such a name is not looked at again, and none of ours may be taken for one."""
    assert [other for other in OTHERS for module in FORMATS if module.recognise(OTHERS[other])] == []
    ours = [line for file in GOLDEN.glob("*/documented.log") for line in file.read_bytes().splitlines()]
    assert len(ours) > 20
    assert [line for line in ours if unsupported(line)] == []


def test_a_key_that_aws_adds_may_be_called_like_one_of_another_log() -> None:
    head = (
        (GOLDEN / "lattice_access" / "documented.log")
        .read_bytes()
        .replace(b"{", b'{"target_group_id":"tg-0a1b2c3d",', 1)
    )
    module = recognise(NOWHERE, head)
    assert module is not None
    assert module.TABLE.name == "lattice_access"


def test_what_a_client_writes_is_no_key() -> None:
    head = b'{"elb_status_code":200,"user_agent":"serviceArn","request_host":"startTime","a":"\\"serviceArn\\":"}'
    assert recognise(NOWHERE, head) is None


def test_the_content_beats_the_key() -> None:
    module = recognise(FLOW_KEY, (GOLDEN / "alb_access" / "documented.log").read_bytes())
    assert module is not None
    assert module.TABLE.name == "alb_access"


@pytest.mark.parametrize("head", [b"", b"\n\n", b"\xff\xfe", b"3 vpc-abcdefab eni-1235b8ca 10.0.0.1"])
def test_the_key_decides_where_the_content_says_nothing(head: bytes) -> None:
    module = recognise(FLOW_KEY, head)
    assert module is not None
    assert module.TABLE.name == "vpc_flow"
    assert recognise(NOWHERE, head) is None


def test_a_byte_order_mark_and_blank_lines_do_not_hide_the_format() -> None:
    head = b"\xef\xbb\xbf\n\n" + (GOLDEN / "vpc_flow" / "custom_v5.log").read_bytes()
    module = recognise(NOWHERE, head)
    assert module is not None
    assert module.TABLE.name == "vpc_flow"
