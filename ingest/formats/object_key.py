"""What an object's key says: which service wrote it, for whom, where and when (AWS's S3 layouts)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ObjectKey:
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
