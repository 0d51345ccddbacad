"""What an object's key says: which service wrote it, for whom, where and when (AWS's S3 layouts).

Read with and without a prefix, with an organization id, hive-partitioned and hourly. A key that fits none of the
layouts says nothing: every part of it is None, and the content decides.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple


class ObjectKey(NamedTuple):
    """A source object's URI, and what its key tells; None where it does not.

    `format` is the table name the key points to; `resource` the load balancer (app/name/id), Lattice resource or flow
    log id; `node_ip` the load balancer node's address; `time` the interval's time in the file name, UTC.
    """

    uri: str
    format: str | None = None
    account: str | None = None
    region: str | None = None
    resource: str | None = None
    node_ip: str | None = None
    time: datetime | None = None


TEST_OBJECT = "ELBAccessLogTestFile"

FOLDERS = re.compile(
    r"""
    (?:^|/) AWSLogs/
    (?: o-[a-z0-9]+ / )?                                        # organization id
    (?: aws-account-id= )? (?P<account> \d{12} ) /
    (?: aws-service= )?
    (?P<service> elasticloadbalancing | vpcflowlogs | VpcLattice/(?:Resource)?AccessLogs ) /
    (?: (?:aws-)?region= )? (?P<region> [a-z]{2,}(?:-[a-z]+)+-\d+ ) /
    """,
    re.VERBOSE,
)
"""The folders that AWS puts under a bucket's optional prefix."""

FILE = re.compile(
    r"""
    (?P<kind> conn_log_ | conn_log\. | health_check_log_ | health_check_log\. )?
    (?P<account> \d{12} ) _
    (?P<service> elasticloadbalancing | vpcflowlogs | VpcLatticeAccessLogs | VpcLatticeResourceAccessLogs ) _
    (?P<region> [a-z]{2,}(?:-[a-z]+)+-\d+ ) _
    (?P<resource> [^/\n]+? ) _
    (?P<time> \d{8}T\d{4}Z )
    (?: _ (?P<rest> [^/]* ) )? $
    """,
    re.VERBOSE,
)
"""The file name, the same shape for all services."""

FORMATS = {
    "vpcflowlogs": "vpc_flow",
    "VpcLatticeAccessLogs": "lattice_access",
    "VpcLatticeResourceAccessLogs": "lattice_resource_access",
    "VpcLattice/AccessLogs": "lattice_access",
    "VpcLattice/ResourceAccessLogs": "lattice_resource_access",
}


def parse_key(uri: str) -> ObjectKey:
    """What a URI (or key, or path) tells; never raises."""
    file = FILE.match(uri, uri.rfind("/") + 1)
    if file is None:
        folders = FOLDERS.search(uri)
        if folders is None:
            return ObjectKey(uri)
        return ObjectKey(uri, FORMATS.get(folders["service"]), folders["account"], folders["region"])
    format, resource, node_ip = FORMATS.get(file["service"]), file["resource"], None
    if file["service"] == "elasticloadbalancing":
        format, resource, node_ip = _load_balancer(file["kind"] or "", resource, file["rest"] or "")
    return ObjectKey(
        uri, format, file["account"], file["region"], resource, node_ip, _time(file["time"]) or _folder_time(uri)
    )


def is_test_object(key: ObjectKey) -> bool:
    """Whether it is the empty proof that ELB writes into a bucket when logging is switched on."""
    return key.uri.rpartition("/")[2] == TEST_OBJECT


def _load_balancer(kind: str, resource: str, rest: str) -> tuple[str | None, str, str | None]:
    """Format, load balancer (app/name/id) and node address of an elasticloadbalancing file name."""
    family, dot, name = resource.partition(".")
    if not dot:
        return None, resource, _address(rest.partition("_")[0])
    # In a file name the slashes of a load balancer's id are dots; its name cannot hold one.
    resource = "/".join((family, *name.rsplit(".", 1)))
    if family != "app":
        return None, resource, None
    node_ip = _address(rest.partition("_")[0])
    if kind.startswith("conn"):
        return "alb_connection", resource, node_ip
    return ("alb_health_check" if kind else "alb_access"), resource, node_ip


@lru_cache(maxsize=1024)  # of few nodes
def _address(text: str) -> str | None:
    """An address in its usual form; AWS's own example pads with zeros (172.160.001.192)."""
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text, re.ASCII):
        text = ".".join(str(int(part)) for part in text.split("."))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@lru_cache(maxsize=1024)  # objects of an interval are listed one after the other
def _time(text: str) -> datetime | None:
    # Not strptime: it took as long as all else that is read from a key.
    day, minute = (int(text[a:b]) for a, b in ((6, 8), (11, 13)))
    try:
        return datetime(int(text[:4]), int(text[4:6]), day, int(text[9:11]), minute, tzinfo=UTC)
    except ValueError:
        return None


def _folder_time(uri: str) -> datetime | None:
    """The day (and hour) in the folders, for a file name without a time that can be read."""
    found = re.search(r"/(?:year=)?(\d{4})/(?:month=)?(\d\d)/(?:day=)?(\d\d)/(?:(?:hour=)?(\d\d)/)?", uri, re.ASCII)
    if found is None:
        return None
    year, month, day, hour = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
