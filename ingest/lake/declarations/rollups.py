"""Columns of the rollups: additive counts that every source object contributes to.

Keyed on raw ids, never on display names; an object that is replaced first contributes its old counts as negatives.
"""

from ingest.lake.schema import Column, Table, Type


def _text(name: str, about: str) -> Column:
    return Column(name, Type.TEXT, about, repeats=True)


_DAY = Column("day", Type.DATE, "Day of the row's time, UTC; the partition")
_SUBSCRIPTION = _text(
    "subscription",
    "Whose access log subscription delivered it: network or service (both may deliver the same call); Lattice only",
)

CALL_MINUTES = Table(
    "call_minutes",
    "Requests per minute, caller, service and outcome",
    (
        Column("minute", Type.TIME, "Start of the minute"),
        _text("front_door", "lattice or alb"),
        _text("service", "Lattice service ARN, or the load balancer (elb)"),
        _text("host", "Host asked for, where the request reached a target; else 'other'"),
        _text("service_network", "Service network's ARN"),
        _text("caller_principal", "Role or user ARN without the session"),
        _text(
            "caller_key",
            "The principal, else the certificate's subject, else vpc/ip for private addresses, else 'internet'",
        ),
        _text("caller_account", "Account of the principal, else of the source VPC"),
        _text("caller_vpc", "Source VPC, where the log says it"),
        _text("target_group", "Target group's ARN"),
        _text("kind", "http, grpc, websocket or tls"),
        _text("outcome", "ok, client_error, denied, server_error or no_response"),
        Column("status_class", Type.INT, "1 to 5: the status code's first digit"),
        _text("auth_decision", "allowed, denied or not_evaluated"),
        _text("denied_by", "Layer that refused; application for the application's own 403"),
        Column("signed", Type.BOOL, "Whether the caller had a principal"),
        Column("ip_version", Type.INT, "4 or 6: the caller's address"),
        Column("requests", Type.LONG, "Requests"),
        Column("bytes_in", Type.LONG, "Bytes received from callers", "bytes"),
        Column("bytes_out", Type.LONG, "Bytes sent to callers", "bytes"),
        _SUBSCRIPTION,
        _DAY,
    ),
    time="minute",
    version=2,
    measures=("requests", "bytes_in", "bytes_out"),
)

CALL_HOURS = Table(
    "call_hours",
    "Latency per hour in logarithmic buckets; kinds http and grpc only",
    (
        Column("hour", Type.TIME, "Start of the hour"),
        _text("front_door", "lattice or alb"),
        _text("service", "Lattice service ARN, or the load balancer (elb)"),
        _text("host", "Host asked for, where the request reached a target; else 'other'"),
        _text("caller_principal", "Role or user ARN without the session"),
        _text("caller_key", "As in call_minutes"),
        _text("target_group", "Target group's ARN"),
        _text("part", "total, front_door, target or response"),
        Column("bucket", Type.INT, "-1 for 0 ms or less, else floor(ln(ms) / ln(1.1))"),
        Column("requests", Type.LONG, "Requests in the bucket"),
        _SUBSCRIPTION,
        _DAY,
    ),
    time="hour",
    version=2,
    measures=("requests",),
)

EDGE_HOURS = Table(
    "edge_hours",
    "Requests per hour, caller and service, with a count for each outcome: call_minutes added up",
    (
        Column("hour", Type.TIME, "Start of the hour"),
        _text("front_door", "lattice or alb"),
        _text("service", "Lattice service ARN, or the load balancer (elb)"),
        _text("caller_principal", "Role or user ARN without the session"),
        _text("caller_key", "As in call_minutes"),
        _text("target_group", "Target group's ARN"),
        Column("requests", Type.LONG, "Requests"),
        Column("ok", Type.LONG, "Of these, with outcome ok"),
        Column("client_errors", Type.LONG, "Of these, with outcome client_error"),
        Column("denied", Type.LONG, "Of these, with outcome denied"),
        Column("server_errors", Type.LONG, "Of these, with outcome server_error"),
        Column("no_response", Type.LONG, "Of these, with outcome no_response"),
        Column("first_minute", Type.TIME, "First minute with a request; NULL where a replaced object took some back"),
        Column("last_minute", Type.TIME, "Last minute with a request; NULL where a replaced object took some back"),
        Column("last_ok", Type.TIME, "Last minute with outcome ok; NULL without one, and where last_minute is"),
        _SUBSCRIPTION,
        _DAY,
    ),
    time="hour",
    measures=("requests", "ok", "client_errors", "denied", "server_errors", "no_response"),
    counted_from=CALL_MINUTES,
    bounds=(("last_minute", "max"), ("first_minute", "min"), ("last_ok", "max")),
    # Read by the week and added up by edge: an edge's hours lie together.
    sorted_by=("front_door", "service", "target_group", "caller_principal", "caller_key", "hour"),
)

EDGE_LATENCY_HOURS = Table(
    "edge_latency_hours",
    "Latency of whole requests per hour, caller and service, eight buckets of call_hours a row",
    (
        Column("hour", Type.TIME, "Start of the hour"),
        _text("front_door", "lattice or alb"),
        _text("service", "Lattice service ARN, or the load balancer (elb)"),
        _text("caller_key", "As in call_minutes"),
        _text("target_group", "Target group's ARN"),
        Column("octave", Type.INT, "Which eight buckets: 8 * octave to 8 * octave + 7"),
        *(Column(f"n{n}", Type.LONG, f"Requests in bucket 8 * octave + {n}") for n in range(8)),
        _SUBSCRIPTION,
        _DAY,
    ),
    time="hour",
    measures=tuple(f"n{n}" for n in range(8)),
    counted_from=CALL_HOURS,
    sorted_by=("front_door", "service", "target_group", "caller_key", "octave", "hour"),
)

ENDPOINT_HOURS = Table(
    "endpoint_hours",
    "Which addresses callers were seen at (source) and services answered at (target), per hour",
    (
        Column("hour", Type.TIME, "Start of the hour"),
        Column("side", Type.TEXT, "source or target"),
        Column("id", Type.TEXT, "source: the principal; target: Lattice service ARN, or the ALB's target group ARN"),
        Column("vpc", Type.TEXT, "VPC, where the log says it"),
        Column("ip", Type.TEXT, "Address"),
        Column("port", Type.INT, "Port; NULL on the source side"),
        Column("sightings", Type.LONG, "Requests that show it"),
        _DAY,
    ),
    time="hour",
    measures=("sightings",),
)

FLOW_HOURS = Table(
    "flow_hours",
    "Flows per hour and pair of addresses, replies folded into their connection",
    (
        Column("hour", Type.TIME, "Start of the hour"),
        Column("src_ip", Type.TEXT, "The side that opened the connection, as far as ports tell"),
        Column("dst_ip", Type.TEXT, "The side that was connected to"),
        Column("server_port", Type.INT, "Port that was connected to"),
        Column("protocol", Type.INT, "IANA protocol number"),
        Column("direction", Type.TEXT, "ingress or egress, seen from the interface, of the connection"),
        Column("action", Type.TEXT, "ACCEPT or REJECT"),
        Column("reject_reason", Type.TEXT, "BPA or EC"),
        Column("vpc", Type.TEXT, "VPC of the interface"),
        Column("interface_id", Type.TEXT, "Network interface"),
        Column("traffic_path", Type.INT, "As logged for egress"),
        Column("flows", Type.LONG, "Flow records"),
        Column("packets", Type.LONG, "Packets, both directions", "packets"),
        Column("bytes", Type.LONG, "Bytes, both directions", "bytes"),
        _DAY,
    ),
    time="hour",
    measures=("flows", "packets", "bytes"),
)
