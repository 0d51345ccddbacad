"""VPC Lattice resource access logs: one TCP connection to a resource configuration, through a resource gateway.

```
{"eventTimestamp":"2026-12-02T10:10:10.123Z","serviceNetworkArn":"arn:aws:vpc-lattice:us-west-2:123456789012:servicenetwork/sn-0123456789abcdef0","serviceNetworkResourceAssociationId":"snra-0123456789abcdef0","vpcEndpointId":"vpce-01a2b3c4d","sourceVpcArn":"arn:aws:ec2:us-west-2:123456789012:vpc/vpc-01a2b3c4d","resourceConfigurationArn":"arn:aws:vpc-lattice:us-west-2:111122223333:resourceconfiguration/rcfg-01a2b3c4d","protocol":"tcp","sourceIpPort":"172.31.23.56:44076","destinationIpPort":"172.31.31.226:80","gatewayIpPort":"10.0.28.57:49288","resourceIpPort":"10.0.18.190:80"}
```

AWS: https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html#resource-access-logs

What AWS leaves open, and what is assumed here:

* There is no field for bytes, duration, status or failure: a record says that a connection was made, and no more.
* `eventTimestamp` has milliseconds in AWS's example; any number of decimals is read.
* Absent values and unknown keys as in the access log.
"""

from __future__ import annotations

from ingest.formats.block import Block, Parsed
from ingest.formats.fields import plain_fields
from ingest.formats.json_lines import endpoints, has_keys, parse_json
from ingest.lake.declarations import LATTICE_RESOURCE_ACCESS

TABLE = LATTICE_RESOURCE_ACCESS

S3_LAYOUT = (
    "AWSLogs/{account}/VpcLattice/ResourceAccessLogs/{region}/{yyyy}/{mm}/{dd}/{resource id}/"
    "{account}_VpcLatticeResourceAccessLogs_{region}_{resource id}_{yyyymmdd}T{hhmm}Z_{hash}.json.gz"
)

FIELDS = endpoints(plain_fields(TABLE))
"""AWS's keys and the columns they fill."""


def recognise(first_line: bytes) -> bool:
    """Whether a line is a Lattice resource access log's record."""
    return has_keys(first_line, "resourceConfigurationArn", "eventTimestamp")


def layout(first_line: bytes) -> str:
    """Nothing: all objects may be parsed together."""
    return ""


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return parse_json(block, FIELDS, TABLE)
