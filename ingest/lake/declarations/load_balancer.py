"""Columns of the three Application Load Balancer log formats."""

from ingest.lake.schema import Column, Type, source_table

_PAGES = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"

ALB_ACCESS = source_table(
    "alb_access",
    "One request through an Application Load Balancer",
    [
        Column("type", Type.TEXT, "http, https, h2, grpcs, ws or wss; others are kept as AWS writes them"),
        Column("time", Type.TIME, "When the response was sent; for a WebSocket when it was closed"),
        Column("elb", Type.TEXT, "Load balancer: app/name/id"),
        Column("client_ip", Type.TEXT, "Address of the client, or of the proxy in front of it", aws="client:port"),
        Column("client_port", Type.INT, "Port of the client", aws="client:port"),
        Column(
            "target_ip",
            Type.TEXT,
            "Address of the target; NULL for Lambda and where none was reached",
            aws="target:port",
        ),
        Column("target_port", Type.INT, "Port of the target", aws="target:port"),
        Column(
            "request_processing_time", Type.REAL, "Receiving the request until sending it to a target; -1 is NULL", "s"
        ),
        Column("target_processing_time", Type.REAL, "Sending it until the target's response headers; -1 is NULL", "s"),
        Column(
            "response_processing_time", Type.REAL, "Response headers until sending it to the client; -1 is NULL", "s"
        ),
        Column("elb_status_code", Type.INT, "Status the client received"),
        Column("target_status_code", Type.INT, "Status the target answered"),
        Column("received_bytes", Type.LONG, "Size of the request, headers included", "bytes"),
        Column("sent_bytes", Type.LONG, "Size of the response, headers included", "bytes"),
        Column("request_verb", Type.TEXT, "Method: up to the first space of the request line", aws="request_line"),
        Column("request_url", Type.TEXT, "URL: between the first and the last space, as logged", aws="request_line"),
        Column("request_proto", Type.TEXT, "Protocol: after the last space", aws="request_line"),
        Column("user_agent", Type.TEXT, "The client's User-Agent, as logged"),
        Column("ssl_cipher", Type.TEXT, "Cipher; NULL without TLS"),
        Column("ssl_protocol", Type.TEXT, "TLS version; NULL without TLS"),
        Column("target_group_arn", Type.TEXT, "Target group the rule chose"),
        Column("trace_id", Type.TEXT, "X-Amzn-Trace-Id; the client has a say in it"),
        Column("domain_name", Type.TEXT, "TLS server name"),
        Column("chosen_cert_arn", Type.TEXT, "Certificate presented, or session-reused"),
        Column("matched_rule_priority", Type.INT, "Listener rule that matched; 0 the default rule, -1 an error in it"),
        Column("request_creation_time", Type.TIME, "When the request was received; for a WebSocket when it was opened"),
        Column("actions_executed", Type.TEXT, "Comma-separated: waf, authenticate, forward, fixed-response, ..."),
        Column("redirect_url", Type.TEXT, "Where a redirect action sent the client"),
        Column("error_reason", Type.TEXT, "Why an action or a target failed, in AWS's words"),
        Column(
            "target_port_list", Type.TEXT, "Targets that handled the request, space-separated", aws="target:port_list"
        ),
        Column("target_status_code_list", Type.TEXT, "Their status codes, space-separated"),
        Column("classification", Type.TEXT, "Desync mitigation: Acceptable, Ambiguous or Severe"),
        Column("classification_reason", Type.TEXT, "Why it was classified so"),
        Column("conn_trace_id", Type.TEXT, "The connection, as in the connection log"),
        Column("transformed_host", Type.TEXT, "Host after a rewrite"),
        Column("transformed_uri", Type.TEXT, "URI after a rewrite"),
        Column("request_transform_status", Type.TEXT, "How the rewrite went"),
        Column(
            "ip_address", Type.TEXT, "Address of the load balancer's node: private where it is internal, else public"
        ),
    ],
    time="time",
    source=_PAGES + "load-balancer-access-logs.html",
    many_valued=(
        "time",
        "client_port",
        "received_bytes",
        "sent_bytes",
        "request_url",
        "trace_id",
        "request_creation_time",
        "redirect_url",
        "conn_trace_id",
        "transformed_uri",
    ),
)

ALB_CONNECTION = source_table(
    "alb_connection",
    "One TCP or TLS connection to an Application Load Balancer",
    [
        Column("timestamp", Type.TIME, "When the connection was established, or failed"),
        Column("client_ip", Type.TEXT, "Address of the client"),
        Column("client_port", Type.INT, "Port of the client"),
        Column("listener_port", Type.INT, "Port of the listener"),
        Column("tls_protocol", Type.TEXT, "TLS version; NULL without TLS"),
        Column("tls_cipher", Type.TEXT, "Cipher; NULL without TLS"),
        Column("tls_handshake_latency", Type.REAL, "Time until the handshake was done; NULL when it failed", "s"),
        Column("leaf_client_cert_subject", Type.TEXT, "Subject of the client certificate"),
        Column("leaf_client_cert_not_before", Type.TIME, "Its validity begins", aws="leaf_client_cert_validity"),
        Column("leaf_client_cert_not_after", Type.TIME, "Its validity ends", aws="leaf_client_cert_validity"),
        Column("leaf_client_cert_serial_number", Type.TEXT, "Its serial number"),
        Column("tls_verify_status", Type.TEXT, "Success, or Failed: and AWS's code"),
        Column("conn_trace_id", Type.TEXT, "The connection, as in the access log"),
        Column("tls_keyexchange", Type.TEXT, "Key exchange, such as secp256r1"),
        Column("elb", Type.TEXT, "Load balancer: app/name/id; from the object's key where the line has none"),
        Column("ip_address", Type.TEXT, "Address of its node; from the object's key where the line has none"),
    ],
    time="timestamp",
    source=_PAGES + "load-balancer-connection-logs.html",
)

ALB_HEALTH_CHECK = source_table(
    "alb_health_check",
    "One health check of a target by an Application Load Balancer's node",
    [
        Column("type", Type.TEXT, "http, https, h2, grpc or lambda"),
        Column("time", Type.TIME, "When the check began"),
        Column("latency", Type.REAL, "How long it took", "s"),
        Column("target_ip", Type.TEXT, "Address of the target", aws="target_addr"),
        Column("target_port", Type.INT, "Port of the target", aws="target_addr"),
        Column("target_arn", Type.TEXT, "The target where it is a Lambda function", aws="target_addr"),
        Column("target_group_id", Type.TEXT, "Name of the target group"),
        Column("status", Type.TEXT, "PASS or FAIL"),
        Column("status_code", Type.INT, "Status the target answered"),
        Column("reason_code", Type.TEXT, "Why it failed, in AWS's words"),
        Column("elb", Type.TEXT, "Load balancer: app/name/id; from the object's key where the line has none"),
        Column("ip_address", Type.TEXT, "Address of its node; from the object's key where the line has none"),
    ],
    time="time",
    source=_PAGES + "load-balancer-health-check-logs.html",
)
