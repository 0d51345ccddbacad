"""Columns of the two VPC Lattice log formats."""

from ingest.lake.schema import Column, Type, source_table

_PAGE = "https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html"

LATTICE_ACCESS = source_table(
    "lattice_access",
    "One request through a VPC Lattice service: who called, what the policies decided, how long each part took",
    [
        Column("start_time", Type.TIME, "When the request started; AWS logs whole seconds", aws="startTime"),
        Column("service_network_arn", Type.TEXT, "Service network the caller came through", aws="serviceNetworkArn"),
        Column("service_arn", Type.TEXT, "Service that was called", aws="serviceArn"),
        Column("target_group_arn", Type.TEXT, "Target group the rule chose", aws="targetGroupArn"),
        Column("source_vpc_arn", Type.TEXT, "VPC where the request originated", aws="sourceVpcArn"),
        Column("source_vpc_id", Type.TEXT, "Id of that VPC", aws="sourceVpcId"),
        Column("destination_vpc_id", Type.TEXT, "VPC of the target", aws="destinationVpcId"),
        Column("source_ip", Type.TEXT, "Address of the caller (first part of sourceIpPort)", aws="sourceIpPort"),
        Column("source_port", Type.INT, "Port of the caller (last part of sourceIpPort)", aws="sourceIpPort"),
        Column("target_ip", Type.TEXT, "Address of the target; NULL when none was reached", aws="targetIpPort"),
        Column("target_port", Type.INT, "Port of the target; NULL when none was reached", aws="targetIpPort"),
        Column("host_header", Type.TEXT, "Authority header of the request", aws="hostHeader"),
        Column("server_name_indication", Type.TEXT, "TLS server name; HTTPS only", aws="serverNameIndication"),
        Column("request_method", Type.TEXT, "HTTP method", aws="requestMethod"),
        Column("request_path", Type.TEXT, "Path of the request", aws="requestPath"),
        Column("protocol", Type.TEXT, "HTTP/1.1 or HTTP/2", aws="protocol"),
        Column("response_code", Type.INT, "HTTP status sent to the caller", aws="responseCode"),
        Column(
            "grpc_response_code", Type.INT, "gRPC status; only where the service speaks gRPC", aws="grpcResponseCode"
        ),
        Column("bytes_received", Type.LONG, "Body and header bytes received", "bytes", "bytesReceived"),
        Column("bytes_sent", Type.LONG, "Body and header bytes sent", "bytes", "bytesSent"),
        Column("duration", Type.LONG, "Start time to last byte out", "ms", "duration"),
        Column(
            "request_to_target_duration",
            Type.LONG,
            "Start time to the last byte sent to the target; 0 when nothing was sent",
            "ms",
            "requestToTargetDuration",
        ),
        Column(
            "response_from_target_duration",
            Type.LONG,
            "First byte read from the target to the last byte sent to the caller",
            "ms",
            "responseFromTargetDuration",
        ),
        Column("tls_version", Type.TEXT, "TLSv1.2 and so on; NULL without TLS", aws="tlsVersion"),
        Column("ssl_cipher", Type.TEXT, "OpenSSL name of the cipher; NULL without TLS", aws="sslCipher"),
        Column("user_agent", Type.TEXT, "The caller's User-Agent", aws="userAgent"),
        Column(
            "resolved_user",
            Type.TEXT,
            "Principal's ARN where authentication is on and done, else Anonymous or Unknown",
            aws="resolvedUser",
        ),
        Column(
            "auth_denied_reason",
            Type.TEXT,
            "Whose policy refused: Service, Network or Identity; NULL when not refused",
            aws="authDeniedReason",
        ),
        Column("failure_reason", Type.TEXT, "Why the request failed in Lattice's words", aws="failureReason"),
        Column("caller_principal", Type.TEXT, "Authenticated principal with its session", aws="callerPrincipal"),
        Column(
            "caller_principal_org_id",
            Type.TEXT,
            "Organization of the principal (in real records; not documented)",
            aws="callerPrincipalOrgID",
        ),
        Column(
            "caller_principal_tags", Type.TEXT, "The request's principal tags, as logged", aws="callerPrincipalTags"
        ),
        Column("caller_x509_issuer_ou", Type.TEXT, "Issuer OU of the client certificate", aws="callerX509IssuerOU"),
        Column("caller_x509_subject_cn", Type.TEXT, "Subject CN of the client certificate", aws="callerX509SubjectCN"),
        Column("caller_x509_san_name_cn", Type.TEXT, "Alternative name (Name/CN)", aws="callerX509SANNameCN"),
        Column("caller_x509_san_dns", Type.TEXT, "Alternative name (DNS)", aws="callerX509SANDNS"),
        Column("caller_x509_san_uri", Type.TEXT, "Alternative name (URI)", aws="callerX509SANURI"),
        Column(
            "request_id",
            Type.TEXT,
            "x-amzn-requestid: made by Lattice, or whatever the client sent",
            aws="requestId",
        ),
        Column("listener_type", Type.TEXT, "In real records; not documented", aws="listenerType"),
        Column("listener_id", Type.TEXT, "In real records; not documented", aws="listenerId"),
    ],
    many_valued=("start_time", "source_port", "bytes_sent", "request_path", "request_id", "caller_principal_tags"),
    time="start_time",
    source=_PAGE,
)

LATTICE_RESOURCE_ACCESS = source_table(
    "lattice_resource_access",
    "One TCP connection to a resource configuration through a resource gateway",
    [
        Column("event_timestamp", Type.TIME, "When the connection was made", aws="eventTimestamp"),
        Column("service_network_arn", Type.TEXT, "Service network the caller came through", aws="serviceNetworkArn"),
        Column(
            "service_network_resource_association_id",
            Type.TEXT,
            "Association of the resource with that network",
            aws="serviceNetworkResourceAssociationId",
        ),
        Column("vpc_endpoint_id", Type.TEXT, "Endpoint used to reach the resource", aws="vpcEndpointId"),
        Column("source_vpc_arn", Type.TEXT, "VPC the connection came from", aws="sourceVpcArn"),
        Column(
            "resource_configuration_arn",
            Type.TEXT,
            "Resource configuration reached; may belong to another account",
            aws="resourceConfigurationArn",
        ),
        Column("protocol", Type.TEXT, "tcp", aws="protocol"),
        Column("source_ip", Type.TEXT, "Address that opened the connection", aws="sourceIpPort"),
        Column("source_port", Type.INT, "Port that opened the connection", aws="sourceIpPort"),
        Column(
            "destination_ip",
            Type.TEXT,
            "Address it connected to: the endpoint's or association's",
            aws="destinationIpPort",
        ),
        Column("destination_port", Type.INT, "Port it connected to", aws="destinationIpPort"),
        Column("gateway_ip", Type.TEXT, "Address the resource gateway used towards the resource", aws="gatewayIpPort"),
        Column("gateway_port", Type.INT, "Port the resource gateway used towards the resource", aws="gatewayIpPort"),
        Column("resource_ip", Type.TEXT, "Address of the resource", aws="resourceIpPort"),
        Column("resource_port", Type.INT, "Port of the resource", aws="resourceIpPort"),
    ],
    time="event_timestamp",
    source=_PAGE,
)
