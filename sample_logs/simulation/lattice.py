"""Lattice service access and resource access records, as one JSON object a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from .topology import Service, Source, Topology


def seconds(at: float) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def access_line(
    topology: Topology,
    source: Source,
    service: Service,
    *,
    at: float,
    ip_port: str,
    target: str,
    target_group: str,
    signed: bool,
    denied: str,
    failure: str,
    status: int,
    grpc_status: int | None,
    method: str,
    path: str,
    octets: tuple[int, int],
    durations: tuple[int, int, int],
    host: str,
    request_id: str,
) -> str:
    """One line.

    `octets`: received, sent; `durations` in ms: all, to target, from target; `denied`: Service, Network, Identity, `-`.
    """
    principal = source.principal if signed and source.principal else "-"
    record: dict[str, str | int] = {
        "serviceNetworkArn": topology.network_arn,
        "resolvedUser": principal if principal != "-" else "Anonymous",
        "listenerType": "-",
        "authDeniedReason": denied,
        "targetGroupArn": target_group,
        "sourceVpcArn": source.host.vpc.arn,
        "destinationVpcId": service.vpc.vpc_id if target != "-" else "-",
        "sourceIpPort": ip_port,
        "listenerId": "-",
        "targetIpPort": target,
        "failureReason": failure,
        "serviceArn": service.service_arn,
        "sourceVpcId": source.host.vpc.vpc_id,
        "startTime": seconds(at),
        "requestMethod": method,
        "requestPath": path,
        "protocol": "HTTP/2" if service.grpc else "HTTP/1.1",
        "responseCode": status,
        "bytesReceived": octets[0],
        "bytesSent": octets[1],
        "duration": durations[0],
        "userAgent": user_agent(source),
        "hostHeader": host,
        "serverNameIndication": host,
        "requestToTargetDuration": durations[1],
        "responseFromTargetDuration": durations[2],
        "sslCipher": "TLS_AES_128_GCM_SHA256",
        "tlsVersion": "TLSv1.3",
        "callerPrincipal": principal,
        "callerPrincipalOrgID": "o-a1b2c3d4e5" if principal != "-" else "-",
        "callerX509IssuerOU": "-",
        "callerX509SubjectCN": "-",
        "callerX509SANNameCN": "-",
        "callerX509SANDNS": "-",
        "callerX509SANURI": "-",
        "requestId": request_id,
    }
    if grpc_status is not None:
        record["grpcResponseCode"] = grpc_status
    return json.dumps(record, separators=(",", ":"))


def user_agent(source: Source) -> str:
    """The HTTP client's name, one per caller."""
    agents = ("python-requests/2.32.3", "okhttp/4.12.0", "Go-http-client/2.0", "axios/1.7.7", "Java-http-client/21.0.4")
    return agents[sum(map(ord, source.name)) % len(agents)]


def resource_line(topology: Topology, *, at: float, source: str, destination: str, gateway: str) -> str:
    """One resource access line; addresses as `ip:port`. The source is a service of AWS in its own VPC."""
    ids = topology.resource_ids
    moment = datetime.fromtimestamp(at, UTC)
    record = {
        "eventTimestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
        "serviceNetworkArn": topology.network_arn,
        "serviceNetworkResourceAssociationId": ids["snra"],
        "vpcEndpointId": ids["vpce"],
        "sourceVpcArn": "arn:aws:ec2:us-east-1:444455556666:vpc/vpc-0e7e47b41d6e00001",
        "resourceConfigurationArn": topology.resource_arn,
        "protocol": "tcp",
        "sourceIpPort": source,
        "destinationIpPort": destination,
        "gatewayIpPort": gateway,
        "resourceIpPort": f"{topology.resource.ipv4}:443",
    }
    return json.dumps(record, separators=(",", ":"))
