"""What AWS's key layouts tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import is_test_object, parse_key
from ingest.formats.object_key import ObjectKey

ALB_FILE = (
    "123456789012_elasticloadbalancing_us-east-2_app.my-lb.1234567890abcdef_20220215T2340Z_172.160.001.192_20sg8hgm"
)
ALB_FOLDER = "elasticloadbalancing/us-east-2/2022/05/01"
ALB_TIME = datetime(2022, 2, 15, 23, 40, tzinfo=UTC)
FLOW_FILE = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz"


@pytest.mark.parametrize("prefix", ["", "s3://bucket/", "s3://bucket/a/prefix/", "/srv/logs/"])
@pytest.mark.parametrize("organization", ["", "o-abc123def4/"])
@pytest.mark.parametrize(
    ("kind", "format"), [("", "alb_access"), ("conn_log_", "alb_connection"), ("health_check_log_", "alb_health_check")]
)
def test_application_load_balancer(prefix: str, organization: str, kind: str, format: str) -> None:
    uri = f"{prefix}AWSLogs/{organization}123456789012/{ALB_FOLDER}/{kind}{ALB_FILE}.log.gz"
    assert parse_key(uri) == ObjectKey(
        uri, format, "123456789012", "us-east-2", "app/my-lb/1234567890abcdef", "172.160.1.192", ALB_TIME
    )


def test_application_load_balancer_with_an_ipv6_node() -> None:
    uri = f"AWSLogs/123456789012/{ALB_FOLDER}/{ALB_FILE.replace('172.160.001.192', '2001:db8:0::7')}.log.gz"
    assert parse_key(uri).node_ip == "2001:db8::7"


def test_network_load_balancer_is_no_format_of_ours() -> None:
    uri = (
        f"AWSLogs/123456789012/{ALB_FOLDER}/"
        "123456789012_elasticloadbalancing_us-east-2_net.my-nlb.1234567890abcdef_20220215T2340Z_20sg8hgm.log.gz"
    )
    assert parse_key(uri) == ObjectKey(
        uri, None, "123456789012", "us-east-2", "net/my-nlb/1234567890abcdef", None, ALB_TIME
    )


def test_classic_load_balancer_is_no_format_of_ours() -> None:
    uri = (
        f"AWSLogs/123456789012/{ALB_FOLDER}/"
        "123456789012_elasticloadbalancing_us-east-2_my-classic_20220215T2340Z_172.160.1.192_20sg8hgm.log"
    )
    assert parse_key(uri).format is None
    assert parse_key(uri).resource == "my-classic"


@pytest.mark.parametrize(
    ("folder", "name", "format"),
    [
        ("AccessLogs", "VpcLatticeAccessLogs", "lattice_access"),
        ("ResourceAccessLogs", "VpcLatticeResourceAccessLogs", "lattice_resource_access"),
    ],
)
def test_lattice(folder: str, name: str, format: str) -> None:
    uri = (
        f"s3://b/p/AWSLogs/123456789012/VpcLattice/{folder}/us-west-2/2024/08/04/sn-0e05d75deabe9f290/"
        f"123456789012_{name}_us-west-2_sn-0e05d75deabe9f290_20240804T1130Z_ab12.json.gz"
    )
    assert parse_key(uri) == ObjectKey(
        uri, format, "123456789012", "us-west-2", "sn-0e05d75deabe9f290", None, datetime(2024, 8, 4, 11, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "folder",
    [
        "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20",
        "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/16",
        "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20",
        "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/hour=16",
    ],
)
def test_flow_logs(folder: str) -> None:
    uri = f"s3://bucket/{folder}/{FLOW_FILE}"
    assert parse_key(uri) == ObjectKey(
        uri, "vpc_flow", "123456789012", "us-east-1", "fl-1234abcd", None, datetime(2018, 6, 20, 16, 20, tzinfo=UTC)
    )


def test_a_file_of_another_name_in_an_aws_folder() -> None:
    key = parse_key("s3://b/AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/export.gz")
    assert (key.format, key.account, key.region, key.time) == ("vpc_flow", "123456789012", "us-east-1", None)


def test_a_time_that_does_not_exist_gives_way_to_the_folder() -> None:
    uri = f"s3://b/AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/{FLOW_FILE.replace('T1620', 'T9920')}"
    assert parse_key(uri).time == datetime(2018, 6, 20, tzinfo=UTC)


def test_test_object() -> None:
    assert is_test_object(parse_key("s3://b/p/AWSLogs/123456789012/ELBAccessLogTestFile"))
    assert not is_test_object(parse_key("s3://b/p/AWSLogs/123456789012/ELBAccessLogTestFile.log"))


@given(st.text())
def test_any_text_is_a_key(uri: str) -> None:
    assert parse_key(uri).uri == uri
