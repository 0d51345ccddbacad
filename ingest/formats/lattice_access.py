"""VPC Lattice access logs: one request through a Lattice service.

```
{"serviceNetworkArn":"arn:aws:vpc-lattice:us-west-2:123456789012:servicenetwork/sn-0123456789abcdef0","resolvedUser":"arn:aws:sts::123456789012:assumed-role/checkout-task/35eccb8b","authDeniedReason":"-","targetGroupArn":"arn:aws:vpc-lattice:us-west-2:123456789012:targetgroup/tg-0123456789abcdef0","sourceVpcArn":"arn:aws:ec2:us-west-2:123456789012:vpc/vpc-0123456789abcdef0","destinationVpcId":"vpc-0abcdef0123456789","sourceIpPort":"10.0.183.56:57086","targetIpPort":"10.1.9.231:8080","failureReason":"-","serviceArn":"arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-0123456789abcdef0","sourceVpcId":"vpc-0123456789abcdef0","startTime":"2026-08-04T11:28:40Z","requestMethod":"GET","requestPath":"/","protocol":"HTTP/1.1","responseCode":200,"bytesReceived":135,"bytesSent":1247,"duration":23,"userAgent":"curl/8.5.0","hostHeader":"orders.example.com","serverNameIndication":"orders.example.com","requestToTargetDuration":21,"responseFromTargetDuration":0,"sslCipher":"ECDHE-RSA-AES128-GCM-SHA256","tlsVersion":"TLSv1.2","callerPrincipal":"arn:aws:sts::123456789012:assumed-role/checkout-task/35eccb8b","callerPrincipalOrgID":"-"}
```

AWS: https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html

What AWS leaves open, and what is assumed here:

* An absent value is `-`, `null`, the text `"null"`, an empty text, or an absent key: all NULL.
* `callerPrincipalTags` is printed by AWS as JSON inside a JSON text without escapes, which is not JSON. Such a line is
  repaired; an object or a text is kept as text.
* Addresses are split at the last colon; IPv6 may come with or without brackets (AWS shows no example).
* `callerPrincipalOrgID`, `listenerType` and `listenerId` are in real records and not in AWS's table.
* A number may be a text; keys that AWS has not published are kept in `extra`.
"""

from __future__ import annotations

from ingest.formats.block import Block, Parsed
from ingest.formats.fields import plain_fields
from ingest.formats.json_lines import endpoints, has_keys, parse_json
from ingest.lake.declarations import LATTICE_ACCESS

TABLE = LATTICE_ACCESS

S3_LAYOUT = (
    "AWSLogs/{account}/VpcLattice/AccessLogs/{region}/{yyyy}/{mm}/{dd}/{resource id}/"
    "{account}_VpcLatticeAccessLogs_{region}_{resource id}_{yyyymmdd}T{hhmm}Z_{hash}.json.gz"
)

FIELDS = endpoints(plain_fields(TABLE))
"""AWS's keys and the columns they fill."""


def recognise(first_line: bytes) -> bool:
    """Whether a line is a Lattice access log's record."""
    return has_keys(first_line, "serviceArn", "startTime")


def layout(first_line: bytes) -> str:
    """Nothing: all objects may be parsed together."""
    return ""


def parse(block: Block) -> Parsed:
    """Rows, rejects and skipped lines of a block; never raises on content."""
    return parse_json(block, FIELDS, TABLE)
